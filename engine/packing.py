"""Arrays of numbers as text, bit for bit: how a strategy keeps what it has learned in its JSON state."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import Damaged

Array = NDArray[Any]


def packed(arrays: Iterable[Array]) -> str:
    """The bytes of the arrays one after another (little-endian), in base64."""
    return base64.b64encode(b"".join(_little(array).tobytes() for array in arrays)).decode("ascii")


def unpack(text: str, arrays: Sequence[Array]) -> None:
    """Fill the arrays with what `packed` wrote of others of their shapes and types. Raises Damaged if it does not fit."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Damaged("the packed numbers are not base64") from None
    if len(content) != sum(array.nbytes for array in arrays):
        raise Damaged(f"the packed numbers have {len(content)} bytes instead of {sum(array.nbytes for array in arrays)}")
    at = 0
    for array in arrays:
        found = np.frombuffer(content, array.dtype.newbyteorder("<"), array.size, at)
        array[...] = found.reshape(array.shape)
        at += array.nbytes


def _little(array: Array) -> Array:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
