"""Streams of a text: where two do not fit into a part of it, words say so before torch does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Problem
from engine.spaces.recurrent_cell import RecurrentCell
from engine.streams import FEWEST, portions, too_short

NORMED, PLAIN = RecurrentCell(), RecurrentCell(search_norm=False)
SHARES = st.floats(0.01, 0.9)


def found(characters: int, length: int, share: float) -> Problem:
    problem = too_short(NORMED, characters, length, share)
    assert problem is not None
    return problem


def numbers(text: str) -> list[int]:
    return [int(word.replace(",", "")) for word in text.replace("; ", " ").split() if word[0].isdigit()]


@given(st.integers(4, 10_000), SHARES)
def test_two_parts_are_the_whole_and_hold_two_characters_each(characters: int, share: float) -> None:
    learning, choosing = portions(characters, share)
    assert learning + choosing == characters and min(learning, choosing) >= 2


@pytest.mark.parametrize(("characters", "length", "fits"), [(127, 32, False), (128, 32, True), (100, 26, False)])
def test_both_parts_must_hold_two_streams(characters: int, length: int, fits: bool) -> None:
    assert (too_short(NORMED, characters, length, 0.5) is None) == fits


@given(st.integers(4, 10_000), st.integers(2, 1000), SHARES)
def test_without_a_batch_norm_one_stream_will_do(characters: int, length: int, share: float) -> None:
    assert too_short(PLAIN, characters, length, share) is None
    assert too_short(object(), characters, length, share) is None


@given(st.integers(99, 3000), st.integers(2, 1000), SHARES)
def test_the_allowed_range_is_right_at_its_borders(characters: int, length: int, share: float) -> None:
    problem = too_short(NORMED, characters, length, share)
    if problem is None or problem.path != "/dataset/length":
        return
    shortest, longest, enough = numbers(problem.allowed.replace(",", ""))
    assert shortest == 2 and longest < length
    assert too_short(NORMED, characters, longest, share) is None and too_short(NORMED, characters, longest + 1, share)
    assert too_short(NORMED, enough, length, share) is None and too_short(NORMED, enough - 1, length, share)


def test_it_is_said_in_words() -> None:
    problem = found(99, 32, 0.5)
    assert problem.path == "/dataset/length" and "99 characters" in problem.reason and str(FEWEST) in problem.reason
    assert problem.allowed.startswith("2 to 24") and "128 characters" in problem.allowed


def test_where_no_length_helps_the_share_is_named() -> None:
    assert found(99, 32, 0.01).path == "/estimation/arch_share"
