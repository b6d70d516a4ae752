"""IDX files: read exactly, refused before they take memory."""

from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path

import numpy as np
import pytest

from engine.datasets import idx
from engine.errors import Unavailable


def content(shape: tuple[int, ...], *, kind: int = 8, body: bytes | None = None) -> bytes:
    head = bytes([0, 0, kind, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    return head + (bytes(i % 256 for i in range(math.prod(shape))) if body is None else body)


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4), (2, 1, 3, 4)])
@pytest.mark.parametrize("compressed", [True, False])
def test_reads_what_is_there(tmp_path: Path, shape: tuple[int, ...], compressed: bool) -> None:
    path = tmp_path / ("a.gz" if compressed else "a")
    path.write_bytes(gzip.compress(content(shape)) if compressed else content(shape))
    found = idx.read(path)
    assert found.shape == shape and found.dtype == np.uint8
    assert found.ravel().tolist() == list(range(math.prod(shape)))


BAD = {
    "empty": b"", "three bytes": b"\0\0\x08", "not idx": b"GIF89a" + bytes(50), "floats": content((2, 2), kind=13),
    "no dimension": content(()), "five dimensions": content((1, 1, 1, 1, 1)), "cut short": content((4, 4))[:-1],
    "bytes left over": content((4, 4)) + b"x", "huge": content((2**31, 2**31), body=b""),
    "too large": content((60_000, 100, 100), body=b""), "nothing": content((0, 4)), "head cut": content((4, 4))[:7]}


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("name", BAD)
def test_refuses_the_rest(tmp_path: Path, name: str, compressed: bool) -> None:
    path = tmp_path / ("a.gz" if compressed else "a")
    path.write_bytes(gzip.compress(BAD[name]) if compressed else BAD[name])
    with pytest.raises(Unavailable, match=path.name):
        idx.read(path)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A small file that unpacks to 64 MB while it announces 16 bytes: no more than 17 are read."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(content((4, 4)) + bytes(64 * 1024 * 1024)))
    with pytest.raises(Unavailable, match="left over"):
        idx.read(path)


@pytest.mark.parametrize("damage", ["not gzip", "cut", "flipped"])
def test_damaged_compression(tmp_path: Path, damage: str) -> None:
    path, whole = tmp_path / "a.gz", bytearray(gzip.compress(content((100, 100))))
    if damage == "not gzip":
        whole = bytearray(content((100, 100)))
    elif damage == "cut":
        whole = whole[: len(whole) // 2]
    else:
        whole[len(whole) // 2] ^= 255
    path.write_bytes(whole)
    with pytest.raises(Unavailable):
        idx.read(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        idx.read(tmp_path / "missing")
