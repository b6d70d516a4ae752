"""Aging evolution: who is a parent, who dies, and the published numbers of the bit-string toy."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from statistics import mean
from typing import Any

import pytest

from engine.spaces.nas_bench_201 import NasBench201, operations
from engine.strategies.aging_evolution import AgingEvolution, Options
from engine.work import Candidate, Outcome
from tests.engine.strategies.bit_strings import BitStrings, climb, ones

BITS = BitStrings()
TABLE = {                                       # sigma 0.01, 60 seeds: mean and sd of the true value
    (10, "oldest"): {500: (0.783, 0.026), 1000: (0.891, 0.020), 2000: (0.959, 0.014)},
    (25, "oldest"): {500: (0.849, 0.026), 1000: (0.938, 0.024), 2000: (0.978, 0.009)},
    (25, "worst_of_sample"): {500: (0.845, 0.029), 1000: (0.938, 0.020), 2000: (0.976, 0.010)},
}


def evolve(strategy: AgingEvolution, births: int, score: Any = lambda work: ones(work.architecture)) -> list[Candidate]:
    """One after another; `score` may give None for a failure."""
    found = []
    for _ in range(births):
        (asked,) = strategy.ask(1)
        work = replace(asked, trial=strategy.proposed - 1)
        value = score(work)
        strategy.tell(work, Outcome("failed") if value is None else Outcome("done", value))
        found.append(work)
    return found


def alive(strategy: AgingEvolution) -> list[int]:
    return [member.work.trial for member in strategy.alive]


def test_the_oldest_dies_even_if_it_is_the_best() -> None:
    strategy = AgingEvolution(BITS, Options(10, 3), 0)
    evolve(strategy, 10, lambda work: 1.0 if work.trial == 0 else 0.5)
    assert 0 in alive(strategy)
    evolve(strategy, 1, lambda work: 0.1)
    assert 0 not in alive(strategy)


@pytest.mark.parametrize("births", [10, 11, 57])
def test_the_living_are_the_last_births_in_order(births: int) -> None:
    strategy = AgingEvolution(BITS, Options(10, 3), 0)
    evolve(strategy, births)
    assert alive(strategy) == list(range(births - 10, births))


def test_the_first_population_is_drawn_from_the_space_as_random_search_draws() -> None:
    works = evolve(AgingEvolution(BITS, Options(10, 3, identity=0.0), 0), 12)
    assert [w.origin["how"] for w in works] == ["sample"] * 10 + ["mutation"] * 2
    assert all(not w.parents for w in works[:10]) and all(w.parents for w in works[10:])


def test_until_enough_have_succeeded_new_ones_are_drawn() -> None:
    strategy = AgingEvolution(BITS, Options(10, 3), 0)
    works = evolve(strategy, 31, lambda work: None if work.trial % 2 else 0.5)
    assert [w.origin["how"] for w in works[:19]] == ["sample"] * 19        # the tenth success is trial 18
    assert all(w.origin["how"] != "sample" for w in works[19:])


@pytest.mark.parametrize("outcome", [Outcome("failed"), Outcome("done", float("nan")), Outcome("pruned", 0.99)])
def test_failures_never_enter_the_population(outcome: Outcome) -> None:
    strategy = AgingEvolution(BITS, Options(2, 1), 0)
    evolve(strategy, 2)
    (work,) = strategy.ask(1)
    assert strategy.tell(work, outcome) == [] and alive(strategy) == [0, 1]


def test_the_parent_is_the_best_of_the_tournament() -> None:
    strategy = AgingEvolution(BITS, Options(20, 5), 3)
    scores: dict[int, float] = {}

    def score(work: Candidate) -> float:
        scores[work.trial] = ones(work.architecture)
        return scores[work.trial]

    for work in evolve(strategy, 300, score)[20:]:
        tournament = work.origin["tournament"]
        assert len(tournament) == 5 and set(tournament) <= set(range(work.trial - 20, work.trial))
        assert work.parents == (work.origin["parent"],)
        assert scores[work.parents[0]] == max(scores[trial] for trial in tournament)


def test_tournaments_are_drawn_with_replacement() -> None:
    works = evolve(AgingEvolution(BITS, Options(10, 10), 0), 200)[10:]
    repeated = [work for work in works if len(set(work.origin["tournament"])) < 10]
    assert len(repeated) > 180                  # without repeats: 10! / 10^10 = 0.04 % of them


def test_a_tournament_of_one_is_a_uniform_choice() -> None:
    strategy = AgingEvolution(BITS, Options(10, 1), 0)
    evolve(strategy, 10)
    counts = Counter(work.parents[0] for work in strategy.ask(5000) if isinstance(work, Candidate))
    assert len(counts) == 10 and sum((n - 500) ** 2 / 500 for n in counts.values()) < 33.7          # chi², 9 df, p = 1e-4


def test_a_huge_tournament_always_finds_the_best() -> None:
    strategy = AgingEvolution(BITS, Options(10, 500), 0)
    evolve(strategy, 10, lambda work: 1.0 if work.trial == 4 else 0.5)
    assert {work.parents for work in strategy.ask(50) if isinstance(work, Candidate)} == {(4,)}


def test_every_child_differs_from_its_parent_in_one_decision_unless_it_is_the_parent_again() -> None:
    space = NasBench201()
    strategy = AgingEvolution(space, Options(10, 3, identity=0.2), 0)
    works = evolve(strategy, 200, lambda work: Random(work.architecture.encoding_id).random())
    for work in works[10:]:
        parent = operations(works[work.parents[0]].architecture)
        changed = sum(a != b for a, b in zip(parent, operations(work.architecture), strict=True))
        assert changed == (0 if work.origin["how"] == "identity" else 1)


def test_five_percent_of_the_children_are_their_parent() -> None:
    strategy = AgingEvolution(BITS, Options(10, 3), 0)
    evolve(strategy, 10)
    same = sum(work.origin["how"] == "identity" for work in strategy.ask(10_000) if isinstance(work, Candidate))
    assert abs(same - 500) < 4 * (10_000 * 0.05 * 0.95) ** 0.5


def test_an_identity_child_is_trained_again_never_served_from_memory() -> None:
    """It is asked for like any other, and its own, lower score is the one that lives on."""
    strategy = AgingEvolution(BITS, Options(2, 2, identity=1.0), 0)
    evolve(strategy, 2, lambda work: 0.9)
    (child,) = evolve(strategy, 1, lambda work: 0.2)
    assert child.origin["how"] == "identity" and [m.score for m in strategy.alive] == [0.9, 0.2]


def test_births_and_deaths_are_told_for_the_population_panel() -> None:
    strategy = AgingEvolution(BITS, Options(2, 1), 0)
    evolve(strategy, 2)
    (work,) = strategy.ask(1)
    (event,) = strategy.tell(replace(work, trial=2), Outcome("done", 0.5))
    assert event.type == "strategy" and {**event.data, "pictures": []} == {"born": 2, "died": 0, "alive": 2, "pictures": []}
    assert event.data["pictures"][0]["members"] == [1, 2]


def test_the_worst_of_a_sample_dies_where_that_is_asked_for() -> None:
    strategy = AgingEvolution(BITS, Options(10, 500, removal="worst_of_sample"), 0)
    evolve(strategy, 30, lambda work: work.trial / 100)
    assert alive(strategy) == list(range(20, 30))                  # rising scores: the worst is the oldest
    evolve(strategy, 5, lambda work: 0.0)
    assert alive(strategy) == list(range(20, 30))                  # the newborn are the worst


def arm(options: Options, evaluations: int, sigma: float, seeds: int, marks: tuple[int, ...] = ()) -> list[float]:
    """The mean over seeds at each mark and at the end."""
    rows = [climb(AgingEvolution(BITS, options, seed), evaluations, sigma, Random(seed), marks) for seed in range(seeds)]
    return [mean(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize(("sample", "removal"), list(TABLE))
def test_the_bit_string_toy_gives_the_published_numbers(sample: int, removal: str) -> None:
    """Within 4·√2 standard errors, the table being a sample of 60 seeds itself. Its mutation has no identity."""
    row = TABLE[sample, removal]
    found = arm(Options(100, sample, 0.0, removal), 2000, 0.01, 60, tuple(row))
    for value, (expected, sd) in zip(found, row.values(), strict=True):
        assert value == pytest.approx(expected, abs=4 * 2**0.5 * sd / 60**0.5)


def test_under_noise_aging_beats_the_removal_of_the_worst() -> None:
    (aging,), (other,) = (arm(Options(100, 25, 0.0, removal), 2000, 0.05, 40) for removal in ("oldest", "worst_of_sample"))
    assert aging - other > 0.05
    assert aging == pytest.approx(0.777, abs=4 * 2**0.5 * 0.006) and other == pytest.approx(0.674, abs=4 * 2**0.5 * 0.006)
