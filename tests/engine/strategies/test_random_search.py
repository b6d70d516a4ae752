"""Random search: a stream that depends on the seed alone, and that covers a small space once."""

from __future__ import annotations

from collections import Counter
from random import Random
from statistics import mean

import pytest

from engine.spaces.nas_bench_201 import NasBench201
from engine.strategies.random_search import Options, RandomSearch
from engine.work import Candidate, Outcome
from tests.engine.strategies.bit_strings import BitStrings, climb

TINY = NasBench201(channels=1, layers=1, ops=("none", "skip_connect"))         # 64 architectures


def stream(strategy: RandomSearch, count: int) -> list[str]:
    return [w.architecture.encoding_id for w in strategy.ask(count) if isinstance(w, Candidate)]


@pytest.mark.parametrize("dedup", [True, False])
def test_the_stream_does_not_depend_on_outcomes(dedup: bool) -> None:
    told, silent = RandomSearch(TINY, Options(dedup), 1), RandomSearch(TINY, Options(dedup), 1)
    found = []
    for trial in range(30):
        (work,) = told.ask(1)
        found += [work.architecture.encoding_id] if isinstance(work, Candidate) else []
        told.tell(work, Outcome("done", trial / 30) if trial % 2 else Outcome("failed"))
    assert found == stream(silent, 30)


def test_without_repeats_a_finite_space_is_covered_exactly_once() -> None:
    strategy = RandomSearch(TINY, Options(), 4)
    found = stream(strategy, 1000)
    assert len(found) == len(set(found)) == TINY.size() == 64
    assert strategy.ask(5) == []


def test_exhaustion_is_reported_once() -> None:
    strategy = RandomSearch(TINY, Options(), 4)
    said = [event for work in strategy.ask(64) for event in strategy.tell(work, Outcome("failed"))]
    assert [event.type for event in said] == ["log"] and "64" in said[0].data["text"]


def test_with_repeats_it_never_ends() -> None:
    assert len(set(stream(RandomSearch(TINY, Options(dedup=False), 4), 1000))) <= 64


@pytest.mark.parametrize("cut", [0, 1, 31, 63, 64])
def test_a_restored_stream_goes_on_where_it_was(cut: int) -> None:
    whole, part = RandomSearch(TINY, Options(), 9), RandomSearch(TINY, Options(), 9)
    expected = stream(whole, 64)
    stream(part, cut)
    restored = RandomSearch(TINY, Options(), 9)
    restored.load_state_dict(part.state_dict())
    assert stream(restored, 100) == expected[cut:]


def test_a_space_of_unknown_size_can_still_be_seen_to_be_exhausted() -> None:
    class Unknown(NasBench201):
        def size(self) -> None:
            return None

    strategy = RandomSearch(Unknown(ops=("none",)), Options(), 0)
    assert len(stream(strategy, 3)) == 1 and strategy.ask(1) == []


def test_draws_are_uniform_where_the_space_is() -> None:
    counts = Counter(stream(RandomSearch(TINY, Options(dedup=False), 2), 6400))
    assert sum((n - 100) ** 2 / 100 for n in counts.values()) + 100 * (64 - len(counts)) < 118     # chi², 63 df, p = 3e-5


def test_the_bit_string_toy_gives_the_published_numbers() -> None:
    """60 seeds against the mean and sd of 60 others: the tolerance is 4·√2 standard errors."""
    arms = [RandomSearch(BitStrings(), Options(dedup=False), seed) for seed in range(60)]
    rows = [climb(arm, 1000, 0.01, Random(seed), (500,)) for seed, arm in enumerate(arms)]
    at_500, at_1000 = (mean(column) for column in zip(*rows, strict=True))
    error = 4 * 2**0.5 / 60**0.5
    assert at_500 == pytest.approx(0.651, abs=error * 0.019)
    assert at_1000 == pytest.approx(0.659, abs=error * 0.017)
