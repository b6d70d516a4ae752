"""Numbers as text: every bit comes back, and what does not fit is noticed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays
from hypothesis.strategies import sampled_from

from engine.errors import Damaged
from engine.packing import packed, unpack

KINDS = sampled_from([np.float32, np.float64, np.int64])


@given(arrays.arrays(KINDS, arrays.array_shapes(min_dims=0, min_side=0)),
       arrays.arrays(KINDS, arrays.array_shapes(min_dims=0, min_side=0)))
def test_every_bit_comes_back(one: np.ndarray, other: np.ndarray) -> None:
    found = [np.zeros_like(one), np.zeros_like(other)]
    unpack(packed([one, other]), found)
    assert [array.tobytes() for array in found] == [one.tobytes(), other.tobytes()]


def test_the_text_is_the_little_endian_bytes_in_base64() -> None:
    assert packed([np.array([1.0], "<f4")]) == packed([np.array([1.0], ">f4")]) == "AACAPw=="


def test_parts_of_larger_arrays_and_special_numbers_are_kept() -> None:
    whole = np.array([[math.nan, 1.0], [math.inf, -0.0]])
    found = np.zeros(2)
    unpack(packed([whole[:, 0]]), [found])
    assert math.isnan(found[0]) and found[1] == math.inf


@pytest.mark.parametrize("text", ["AACAPw=", "AACA", "not base64!", "ä", packed([np.zeros(3)])])
def test_what_does_not_fit_is_damaged(text: str) -> None:
    with pytest.raises(Damaged):
        unpack(text, [np.zeros(1, np.float32)])
