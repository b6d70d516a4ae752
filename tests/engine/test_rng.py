"""Streams: each purpose and number its own, all from one seed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.rng import stream, stream_seed


@given(st.integers(0, 2**53), st.text(max_size=8), st.lists(st.integers(0, 10**6), max_size=3))
def test_a_stream_is_a_function_of_its_arguments(seed: int, purpose: str, numbers: list[int]) -> None:
    assert stream_seed(seed, purpose, *numbers) == stream_seed(seed, purpose, *numbers) < 2**63
    assert stream(seed, purpose, *numbers).random() == stream(seed, purpose, *numbers).random()


def test_seed_purpose_and_number_each_matter() -> None:
    seeds = [stream_seed(s, p, n) for s in range(10) for p in ("trial", "final") for n in range(50)]
    assert len(set(seeds)) == len(seeds)


def test_numbers_do_not_run_into_each_other() -> None:
    assert stream_seed(0, "a", 1, 23) != stream_seed(0, "a", 12, 3)
