"""Datasets that torchvision knows: where local copies lie, what to download, how to read it."""

from __future__ import annotations

import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from engine.datasets import idx
from engine.datasets.arrays import Arrays, Images, Labels, Progress
from engine.datasets.download import fetch
from engine.errors import Unavailable
from engine.options import integer, real

DEBIAN = Path("/usr/share/datasets")            # where Debian's dataset packages put their files


@dataclass(frozen=True)
class Held:
    """The options that all of these share."""

    validation: float = real(0.1, low=0.01, high=0.5, help="Part of the training images held out to score candidates.")
    train_limit: int | None = integer(None, low=10, high=10_000_000, optional=True,
                                      help="Use at most this many training images; empty: all.")


def places(folder: Path | None, *names: str) -> Iterator[Path]:
    """Where a copy may lie: our own folder, NASWEB_DATA, Debian's packages."""
    roots = [folder, Path(os.environ["NASWEB_DATA"]) if os.environ.get("NASWEB_DATA") else None,
             Path.home() / ".cache" / "nasweb" / "datasets", DEBIAN]
    for root in filter(None, roots):
        yield from (root / name for name in names)


@dataclass(frozen=True)
class IdxImages(Held):
    """Four IDX files: MNIST and its relatives, in torchvision's layout or flat in a folder of the dataset's name."""

    KIND: ClassVar[str]                         # the class in torchvision, and the folder it uses
    FLAT: ClassVar[str]
    FILES: ClassVar[tuple[str, ...]] = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                        "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    CLASSES: ClassVar[tuple[str, ...]]

    def ready(self, folder: Path | None = None) -> bool:
        return self._local(folder) is not None

    def load(self, folder: Path, progress: Progress) -> Arrays:
        paths = self._local(folder) or self._download(folder, progress)
        images, labels, test_images, test_labels = (idx.read(path) for path in paths)
        return Arrays(_grey(images), labels.astype(np.int64), _grey(test_images), test_labels.astype(np.int64), self.CLASSES)

    def _local(self, folder: Path | None) -> list[Path] | None:
        for place in places(folder, f"{self.KIND}/raw", self.FLAT):
            found = [path for name in self.FILES for path in (place / name, place / f"{name}.gz") if path.is_file()]
            distinct = {path.name.removesuffix(".gz"): path for path in found}
            if len(distinct) == len(self.FILES):
                return [distinct[name] for name in self.FILES]
        return None

    def _download(self, folder: Path, progress: Progress) -> list[Path]:
        source = torchvision_class(self.KIND)
        raw = folder / self.KIND / "raw"
        hint = f"Put its files in {raw} or in a folder named by NASWEB_DATA, or connect to the network."
        return [fetch([mirror + name for mirror in source.mirrors], raw / name, md5, progress, hint)
                for name, md5 in source.resources]


@dataclass(frozen=True)
class ReadByTorchvision(Held, ABC):
    """Files that torchvision itself checks and reads, once they are there."""

    KIND: ClassVar[str]
    CLASSES: ClassVar[tuple[str, ...]]

    def ready(self, folder: Path | None = None) -> bool:
        return self._place(folder) is not None

    def load(self, folder: Path, progress: Progress) -> Arrays:
        place = self._place(folder)
        if place is None:
            self._download(folder, progress)
            place = folder
        try:
            train, test = self._read(place, True), self._read(place, False)
        except (RuntimeError, OSError, ValueError, KeyError) as error:
            raise Unavailable(f"the files of {self.KIND} in {place} cannot be read: {error}") from error
        return Arrays(*train, *test, self.CLASSES)

    def _place(self, folder: Path | None) -> Path | None:
        return next((root for root in places(folder, "") if self._complete(root)), None)

    @abstractmethod
    def _complete(self, root: Path) -> bool:
        """Whether every file is there."""

    @abstractmethod
    def _download(self, folder: Path, progress: Progress) -> None:
        """Put every file in its place. Raises Unavailable."""

    @abstractmethod
    def _read(self, root: Path, train: bool) -> tuple[Images, Labels]:
        """The training or the test images."""


@dataclass(frozen=True)
class CifarImages(ReadByTorchvision):
    """CIFAR-10 and CIFAR-100: one archive, unpacked beside it."""

    FOLDER: ClassVar[str]
    PARTS: ClassVar[tuple[str, ...]]

    def _complete(self, root: Path) -> bool:
        return all((root / self.FOLDER / part).is_file() for part in self.PARTS)

    def _download(self, folder: Path, progress: Progress) -> None:
        from torchvision.datasets.utils import extract_archive

        source = torchvision_class(self.KIND)
        hint = f"Unpack it in {folder} (or NASWEB_DATA), or connect to the network."
        archive = fetch([source.url], folder / source.filename, source.tgz_md5, progress, hint)
        unpacked = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder))
        try:
            extract_archive(str(archive), str(unpacked))
            shutil.rmtree(folder / self.FOLDER, ignore_errors=True)
            os.replace(unpacked / self.FOLDER, folder / self.FOLDER)       # all of it or nothing
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)
        archive.unlink()

    def _read(self, root: Path, train: bool) -> tuple[Images, Labels]:
        found = torchvision_class(self.KIND)(str(root), train=train, download=False)
        return np.ascontiguousarray(found.data.transpose(0, 3, 1, 2)), np.array(found.targets, np.int64)


def _grey(images: Any) -> Images:
    """One channel before height and width."""
    if images.ndim != 3:
        raise Unavailable("the images have no height and width")
    grey: Images = images[:, None]
    return grey


def torchvision_class(kind: str) -> Any:
    """The class of this name in torchvision."""
    from torchvision import datasets

    return getattr(datasets, kind)
