"""SVHN: house numbers photographed from the street, cropped to one digit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from engine.datasets.arrays import Images, Labels, Progress
from engine.datasets.download import fetch
from engine.datasets.torchvision_source import ReadByTorchvision, torchvision_class
from engine.registry import dataset


@dataset(title="SVHN", kind="images", shape=(3, 32, 32), classes=10,
         source="Netzer et al., NIPS workshop 2011",
         summary="99,289 colour photographs of house-number digits of 32×32 pixels, 26,032 of them for the test.")
@dataclass(frozen=True)
class Svhn(ReadByTorchvision):
    KIND: ClassVar[str] = "SVHN"
    PARTS: ClassVar[tuple[str, ...]] = ("train_32x32.mat", "test_32x32.mat")
    CLASSES: ClassVar[tuple[str, ...]] = tuple("0123456789")

    def _complete(self, root: Path) -> bool:
        return all((root / part).is_file() for part in self.PARTS)

    def _download(self, folder: Path, progress: Progress) -> None:
        hint = f"Put {' and '.join(self.PARTS)} in {folder} (or NASWEB_DATA), or connect to the network."
        for split in ("train", "test"):
            url, name, md5 = torchvision_class(self.KIND).split_list[split]
            fetch([url], folder / name, md5, progress, hint)

    def _read(self, root: Path, train: bool) -> tuple[Images, Labels]:
        found = torchvision_class(self.KIND)(str(root), split="train" if train else "test", download=False)
        return np.ascontiguousarray(found.data), found.labels.astype(np.int64)
