"""The IDX format of MNIST and its relatives, plain or gzip-compressed, read with limits."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unavailable

UNSIGNED_BYTE = 8
LARGEST = 512 * 1024 * 1024                     # bytes after decompression


def read(path: Path) -> NDArray[np.uint8]:
    """An array of unsigned bytes. Raises Unavailable for anything else, before it takes memory."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            zero, kind, dimensions = int.from_bytes(file.read(2), "big"), *file.read(2)
            if zero != 0 or kind != UNSIGNED_BYTE or not 1 <= dimensions <= 4:
                raise Unavailable(f"{path.name} is not an IDX file of unsigned bytes")
            shape = tuple(int.from_bytes(file.read(4), "big") for _ in range(dimensions))
            size = math.prod(shape)
            if not 0 < size <= LARGEST:
                raise Unavailable(f"{path.name} announces {size} bytes, more than the limit or none")
            content = file.read(size + 1)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise Unavailable(f"{path.name} cannot be read: {error}") from error
    if len(content) != size:
        raise Unavailable(f"{path.name} is cut short or has bytes left over")
    return np.frombuffer(bytearray(content), np.uint8).reshape(shape)      # writable, as torch wants it
