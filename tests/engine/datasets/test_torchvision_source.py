"""Datasets of torchvision: found where they may lie, read into the same form, missing ones explained."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine import options
from engine.datasets import torchvision_source
from engine.datasets.cifar10 import Cifar10
from engine.datasets.cifar100 import Cifar100
from engine.datasets.fashion_mnist import FashionMnist
from engine.datasets.mnist import Mnist
from engine.datasets.svhn import Svhn
from engine.datasets.torchvision_source import IdxImages, places
from engine.errors import Unavailable
from engine.registry import discover

ALL = [Mnist, FashionMnist, Cifar10, Cifar100, Svhn]
REAL_FASHION = Path("/usr/share/datasets/fashion-mnist")


def quiet(done: int, total: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No copies outside of the test's folder, and no network."""
    monkeypatch.delenv("NASWEB_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(torchvision_source, "DEBIAN", tmp_path / "debian")

    def offline(urls: Any, path: Path, md5: str, progress: Any, hint: str) -> Path:
        raise Unavailable(f"{path.name} could not be downloaded. {hint}")

    monkeypatch.setattr(torchvision_source, "fetch", offline)
    monkeypatch.setattr("engine.datasets.svhn.fetch", offline)


def write_idx(folder: Path, *, packed: bool = True, train: int = 12, test: int = 4) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, count, image in zip(IdxImages.FILES, (train, train, test, test), (True, False, True, False), strict=True):
        shape = (count, 28, 28) if image else (count,)
        body = bytes(i % 10 for i in range(int(np.prod(shape))))
        content = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + body
        (folder / f"{name}.gz" if packed else folder / name).write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("kind", ALL)
def test_what_is_declared_is_what_is_given(kind: Any) -> None:
    entry = next(e for e in discover("datasets").values() if e.factory is kind)
    assert entry.facts["classes"] == len(kind.CLASSES) == len(set(kind.CLASSES))
    assert set(options.options_of(entry.options)) == {"validation", "train_limit"}


@pytest.mark.parametrize("kind", ALL)
def test_missing_and_offline_says_where_to_put_it(kind: Any, tmp_path: Path) -> None:
    assert not kind().ready(tmp_path)
    with pytest.raises(Unavailable, match=f"(?:Put|Unpack).*{tmp_path}.*NASWEB_DATA.*connect to the network"):
        kind().load(tmp_path, quiet)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("place", ["MNIST/raw", "mnist"])
def test_idx_files_are_found_in_both_layouts(tmp_path: Path, place: str, packed: bool) -> None:
    write_idx(tmp_path / place, packed=packed)
    assert Mnist().ready(tmp_path) and not FashionMnist().ready(tmp_path)
    arrays = Mnist().load(tmp_path, quiet)
    assert arrays.images.shape == (12, 1, 28, 28) and arrays.test_labels.tolist() == [0, 1, 2, 3]


def test_idx_files_are_found_in_every_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, root in enumerate(("debian", "home/.cache/nasweb/datasets", "by_variable", "own")):
        write_idx(tmp_path / root / "fashion-mnist", train=20 + number)
        if root == "by_variable":
            monkeypatch.setenv("NASWEB_DATA", str(tmp_path / root))
        given = tmp_path / "own" if root == "own" else tmp_path / "nothing"
        assert FashionMnist().ready(given)
        assert len(FashionMnist().load(given, quiet).labels) == 20 + number, "our own folder first, the system's last"


def test_an_incomplete_copy_is_not_ready(tmp_path: Path) -> None:
    write_idx(tmp_path / "mnist")
    (tmp_path / "mnist" / f"{IdxImages.FILES[3]}.gz").unlink()
    assert not Mnist().ready(tmp_path)


def test_a_file_in_another_shape_is_refused(tmp_path: Path) -> None:
    write_idx(tmp_path / "mnist", packed=False)
    (tmp_path / "mnist" / IdxImages.FILES[0]).write_bytes((tmp_path / "mnist" / IdxImages.FILES[1]).read_bytes())
    with pytest.raises(Unavailable, match="height and width"):
        Mnist().load(tmp_path, quiet)


def test_readiness_needs_no_folder_and_no_torch() -> None:
    assert not any(kind().ready() for kind in ALL)
    assert list(places(None, "x"))[-1] == torchvision_source.DEBIAN / "x"


def test_downloads_ask_for_what_torchvision_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[list[str], str, str]] = []

    def give(urls: list[str], path: Path, md5: str, progress: Any, hint: str) -> Path:
        asked.append((urls, path.name, md5))
        write_idx(path.parent)
        return path

    monkeypatch.setattr(torchvision_source, "fetch", give)
    assert len(Mnist().load(tmp_path, quiet).labels) == 12
    assert [name for _, name, _ in asked] == [f"{name}.gz" for name in IdxImages.FILES]
    assert all(len(md5) == 32 and all(url.endswith(name) for url in urls) for urls, name, md5 in asked)
    assert Mnist().ready(tmp_path), "the next call finds it"


def touch(folder: Path, names: tuple[str, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


@pytest.mark.parametrize("kind", [Cifar10, Cifar100])
def test_cifar_becomes_channels_first(kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / kind.FOLDER, kind.PARTS)
    pictures = np.arange(2 * 32 * 32 * 3, dtype=np.uint32).astype(np.uint8).reshape(2, 32, 32, 3)

    def reader(root: str, *, train: bool, download: bool) -> Any:
        assert root == str(tmp_path) and not download
        return SimpleNamespace(data=pictures if train else pictures[:1], targets=[3, 9] if train else [1])

    monkeypatch.setattr(torchvision_source, "torchvision_class", lambda name: reader)
    assert kind().ready(tmp_path)
    arrays = kind().load(tmp_path, quiet)
    assert arrays.images.shape == (2, 3, 32, 32) and arrays.images[1, 2, 5, 7] == pictures[1, 5, 7, 2]
    assert arrays.labels.tolist() == [3, 9] and arrays.test_labels.tolist() == [1]


def test_svhn_keeps_its_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, Svhn.PARTS)

    def reader(root: str, *, split: str, download: bool) -> Any:
        count = {"train": 3, "test": 2}[split]
        return SimpleNamespace(data=np.zeros((count, 3, 32, 32), np.uint8), labels=np.arange(count, dtype=np.uint8))

    monkeypatch.setattr("engine.datasets.svhn.torchvision_class", lambda name: reader)
    arrays = Svhn().load(tmp_path, quiet)
    assert arrays.images.shape == (3, 3, 32, 32) and arrays.test_labels.tolist() == [0, 1]


@pytest.mark.parametrize("kind", [Cifar10, Cifar100, Svhn])
def test_damaged_files_are_explained(kind: Any, tmp_path: Path) -> None:
    """The real readers of torchvision, on files with the right names and the wrong bytes."""
    touch(tmp_path / getattr(kind, "FOLDER", ""), kind.PARTS)
    with pytest.raises(Unavailable, match=f"{kind.KIND}.*cannot be read"):
        kind().load(tmp_path, quiet)


def test_an_archive_is_unpacked_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tarfile

    source = tmp_path / "source" / Cifar10.FOLDER
    touch(source, Cifar10.PARTS)

    def give(urls: list[str], path: Path, md5: str, progress: Any, hint: str) -> Path:
        with tarfile.open(path, "w:gz") as archive:
            archive.add(source, Cifar10.FOLDER)
        return path

    monkeypatch.setattr(torchvision_source, "fetch", give)
    own = tmp_path / "own"
    own.mkdir()
    with pytest.raises(Unavailable, match="cannot be read"):          # the parts are empty files
        Cifar10().load(own, quiet)
    assert [path.name for path in own.iterdir()] == [Cifar10.FOLDER] and Cifar10().ready(own)


@pytest.mark.skipif(not REAL_FASHION.is_dir(), reason="the package dataset-fashion-mnist is not installed")
def test_the_real_fashion_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_source, "DEBIAN", REAL_FASHION.parent)
    arrays = FashionMnist().load(tmp_path, quiet)
    assert arrays.images.shape == (60_000, 1, 28, 28) and len(arrays.test_labels) == 10_000
    assert arrays.mean == pytest.approx((0.2860,), abs=1e-4) and arrays.std == pytest.approx((0.3530,), abs=1e-4)
    assert np.bincount(arrays.labels).tolist() == [6000] * 10
