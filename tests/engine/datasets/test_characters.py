"""Text as characters: one alphabet, nothing lost but what is not ASCII, the last part for the test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import options
from engine.datasets.characters import ALPHABET, UNKNOWN, Characters, encoded
from engine.errors import Invalid, Unavailable
from engine.training.data import split


def decoded(codes: np.ndarray) -> str:
    return "".join(ALPHABET[code] for code in codes)


def test_the_alphabet_is_printable_ascii_and_one_for_the_rest() -> None:
    assert len(ALPHABET) == len(set(ALPHABET)) == 98 and ALPHABET[-1] == UNKNOWN
    assert all(c.isascii() and (c.isprintable() or c in "\t\n") for c in ALPHABET[:-1])


@given(st.text())
def test_what_is_known_comes_back_and_the_rest_is_unknown(text: str) -> None:
    expected = "".join(c if c in ALPHABET[:-1] else UNKNOWN for c in text)
    assert decoded(encoded(text)) == expected


def test_the_last_tenth_is_for_the_test() -> None:
    text = "".join(chr(97 + number % 26) for number in range(2000))
    found = Characters(length=9).text(text)
    assert decoded(found.codes) + decoded(found.test_codes) == text
    assert len(found.test_codes) == 200 and found.shape == (9,) and found.classes == ALPHABET


def test_no_more_is_read_than_asked_for() -> None:
    found = Characters(characters=1500).text("a" * 1499 + "b" * 600)
    assert len(found.codes) + len(found.test_codes) == 1500 and decoded(found.test_codes)[-2:] == "ab"


def test_too_short_a_text_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="999 characters"):
        Characters().text("a" * 999)


@pytest.mark.parametrize("given", [{}, {"characters": 1500}, {"validation": 0.5}, {"train_limit": 100}])
def test_how_much_is_learnt_from_is_known_before_anything_is_read(given: dict[str, Any]) -> None:
    options = Characters(**given)
    parts = split(options.text("a" * 2000), options.validation, options.train_limit, 0)
    assert options.learnt({"characters": 2000}) == len(parts.train)
    assert options.learnt({}) >= options.learnt({"characters": 2000})


@pytest.mark.parametrize("bad", [{"characters": 10}, {"length": 1}, {"validation": 0.9}, {"train_limit": 1}])
def test_bounds(bad: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        options.parse(Characters, bad)
