"""NSGA-II: who is a parent, who stays, what a front is worth; in a space that can be enumerated against random search."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from random import Random
from statistics import mean
from typing import Any

import pytest

from engine.errors import Invalid
from engine.pareto import Front, hypervolume
from engine.spaces.nas_bench_201 import NasBench201
from engine.spec import parse
from engine.strategies.nsga2 import METRICS, Nsga2, Options
from engine.strategies.random_search import Options as RandomOptions
from engine.strategies.random_search import RandomSearch
from engine.work import Candidate, Outcome, Strategy

SPACE = NasBench201(ops=("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3"))
WEIGHTS = {"none": 0.0, "skip_connect": 0.2, "nor_conv_1x1": 0.6, "nor_conv_3x3": 1.0}
PRICES = {"none": 0, "skip_connect": 0, "nor_conv_1x1": 1, "nor_conv_3x3": 9}


def chosen(work: Candidate) -> list[str]:
    """The operations of the string |op~0|+|op~0|op~1|+ …"""
    text = work.architecture.genotype["arch"]
    return [part.split("~")[0] for part in text.replace("+", "").split("|") if part]


def verdict(work: Candidate) -> Outcome:
    """Costlier operations score better, early edges more than late ones: a long front."""
    ops = chosen(work)
    score = sum(WEIGHTS[op] / (1 + edge) for edge, op in enumerate(ops)) / 3
    price = sum(PRICES[op] for op in ops)
    return Outcome("done", score, metrics={"parameters": 10 + price, "flops": 100 + 3 * price * price % 70,
                                           "latency_ms": 1.0 + ops.count("nor_conv_1x1")})


def drive(strategy: Strategy, trials: int, judge: Any = verdict) -> list[Candidate]:
    works = []
    for trial in range(trials):
        (asked,) = strategy.ask(1)
        assert isinstance(asked, Candidate)
        work = replace(asked, trial=trial)
        works.append(work)
        strategy.tell(work, judge(work))
    return works


def fresh(seed: int = 0, **options: Any) -> Nsga2:
    return Nsga2(SPACE, Options(**{"population": 10, **options}), seed)


def front_of(works: list[Candidate]) -> Front:
    front = Front()
    for work in works:
        outcome = verdict(work)
        assert outcome.score is not None
        front.add(work.trial, (-outcome.score, outcome.metrics["parameters"]))
    return front


def test_a_generation_waits_for_the_one_before_it() -> None:
    strategy = fresh()
    first = [replace(work, trial=n) for n, work in enumerate(strategy.ask(64)) if isinstance(work, Candidate)]
    assert len(first) == 10 and strategy.ask(5) == []
    for work in first[:-1]:
        strategy.tell(work, verdict(work))
    assert strategy.ask(5) == []
    strategy.tell(first[-1], verdict(first[-1]))
    assert len(strategy.ask(64)) == 10


def test_the_first_generation_is_drawn_and_the_others_descend() -> None:
    works = drive(fresh(), 40)
    assert {work.origin["how"] for work in works[:10]} == {"sample"}
    assert {work.origin["how"] for work in works[10:]} == {"mutation", "crossover"}
    assert all(work.parents and max(work.parents) < work.trial // 10 * 10 for work in works[10:])


def test_why_is_said_in_a_sentence() -> None:
    for work in drive(fresh(), 60)[10:]:
        assert work.origin["why"].startswith("Trial ") and work.origin["why"].endswith("was changed.")


def test_nothing_told_is_proposed_again_while_there_is_something_new() -> None:
    works = drive(fresh(), 100)
    seen: set[str] = set()
    repeats = 0
    for generation in range(10):
        names = [SPACE.canonical(w.architecture) for w in works[10 * generation:10 * generation + 10]]
        repeats += sum(name in seen for name in names) if generation else 0
        seen |= set(names)
    assert repeats <= 2


def test_the_parents_are_the_best_layers_and_the_widest_of_the_last() -> None:
    strategy = fresh()
    drive(strategy, 30)
    kept = [parent.member.values for parent in strategy.parents]
    assert len(kept) == 10 and [p.layer for p in strategy.parents] == sorted(p.layer for p in strategy.parents)
    best, smallest = min(values[0] for values in kept), min(values[1] for values in kept)
    assert best == min(v[0] for v in strategy.front.points.values())
    assert smallest == min(v[1] for v in strategy.front.points.values())


def test_a_tournament_prefers_the_layer_then_the_room() -> None:
    strategy = fresh()
    drive(strategy, 30)
    for seed in range(50):
        drawn = Random(seed).choices(strategy.parents, k=2)
        won = strategy._tournament(Random(seed))
        assert (won.layer, -won.room) == min((p.layer, -p.room) for p in drawn)


def test_crossover_takes_every_decision_from_one_of_the_parents() -> None:
    strategy, rng = fresh(), Random(3)
    for _ in range(40):
        one, other = SPACE.sample(rng), SPACE.sample(rng)
        mixed = strategy._mixed(one, other, rng)
        pairs = zip(SPACE.proposal_vector(one), SPACE.proposal_vector(other), strict=True)
        assert all(value in pair for value, pair in zip(SPACE.proposal_vector(mixed), pairs, strict=True))
    assert {w.origin["how"] for w in drive(fresh(crossover=0.0), 60)[10:]} == {"mutation"}


def test_the_front_and_its_hypervolume_are_those_of_everything_told() -> None:
    strategy = fresh()
    works = drive(strategy, 120)
    assert strategy.front.points == front_of(works).points
    first = [verdict(work) for work in works[:10]]
    reference = (max(-(o.score or 0.0) for o in first), max(o.metrics["parameters"] for o in first))
    assert strategy.reference == reference
    points = [(v[0], v[1] / reference[1]) for v in strategy.front.points.values()]
    assert strategy._volume() == pytest.approx(hypervolume(points, (reference[0], 1.0)))


def test_hypervolume_is_told_and_never_shrinks() -> None:
    strategy, told = fresh(), []
    for trial in range(100):
        (asked,) = strategy.ask(1)
        assert isinstance(asked, Candidate)
        work = replace(asked, trial=trial)
        for event in strategy.tell(work, verdict(work)):
            told += [p["values"]["hypervolume"] for p in event.data["pictures"] if p["title"] == "Hypervolume"]
            kinds = {picture["picture"] for picture in event.data["pictures"]}
            assert {"scatter", "population"} <= kinds
    assert len(told) > 50 and told == sorted(told) and told[0] < told[-1]


@pytest.mark.parametrize("objectives", [("parameters",), ("flops",), ("latency",), ("parameters", "latency")])
def test_each_objective_is_read_from_its_metric(objectives: tuple[str, ...]) -> None:
    strategy = fresh(objectives=objectives)
    works = drive(strategy, 50)
    for trial, values in strategy.front.points.items():
        outcome = verdict(works[trial])
        assert values == (-(outcome.score or 0.0), *(outcome.metrics[METRICS[name]] for name in objectives))
    volume = strategy._volume()
    assert volume is not None and volume > 0


def test_what_was_not_measured_counts_as_infinitely_large() -> None:
    strategy = fresh()
    drive(strategy, 40, lambda work: Outcome("done", verdict(work).score))
    assert len(strategy.front.points) == 1 and strategy._volume() is None
    assert json.dumps(strategy._shown(), allow_nan=False)


def test_failures_have_no_children() -> None:
    strategy = fresh()
    works = drive(strategy, 60, lambda work: verdict(work) if work.trial % 3 else Outcome("failed"))
    assert all(parent % 3 for work in works for parent in work.parents)


def test_what_breaks_a_constraint_is_a_parent_only_until_enough_breaks_none() -> None:
    """Constrained domination: sound ones first, then by how far the others are off."""
    def judge(work: Candidate) -> Outcome:
        over = verdict(work).metrics["parameters"] / 12 - 1      # holds for 496 of 4,096 strings
        return verdict(work) if over <= 0 else Outcome("failed", metrics={"error_kind": "constraint", "violation": over})

    strategy = fresh()
    drive(strategy, 10, judge)
    off = [parent.member.violation for parent in strategy.parents]
    assert off == sorted(off) and off[-1] > 0
    works = drive(strategy, 150, judge)
    assert all(parent.member.violation == 0 for parent in strategy.parents)
    assert mean(judge(work).ok for work in works[-50:]) > 2 * 496 / 4096


def test_it_covers_a_known_front_far_better_than_random_search() -> None:
    reference = (0.0, 65.0)
    found: dict[str, list[float]] = {"nsga2": [], "random": []}
    for seed in range(10):
        for name, strategy in (("nsga2", fresh(seed)), ("random", RandomSearch(SPACE, RandomOptions(), seed))):
            found[name].append(hypervolume(front_of(drive(strategy, 150)).points.values(), reference))
    everything = [Candidate(SPACE.sample(Random(seed)).architecture, trial=seed) for seed in range(15_000)]
    whole = hypervolume(front_of(everything).points.values(), reference)
    assert all(a > b for a, b in zip(found["nsga2"], found["random"], strict=True))
    assert mean(found["nsga2"]) > 0.95 * whole and mean(found["random"]) < 0.93 * whole


def test_events_stay_small_however_many_are_alive() -> None:
    strategy = fresh(population=400, objectives=("parameters", "flops"))
    rng = Random(1)
    front = {n: (rng.random() - 1, rng.random() * 1e7, rng.random() * 1e9) for n in range(90_000, 90_400)}
    drive(strategy, 400)
    strategy.front.points = front
    strategy.parents = [parent._replace(member=parent.member._replace(work=replace(parent.member.work, trial=90_000 + n)))
                        for n, parent in enumerate(strategy.parents)]
    assert len(json.dumps(strategy._shown())) < 4096


def test_three_costs_are_refused_with_their_place() -> None:
    with pytest.raises(Invalid) as error:
        parse({"space": {"kind": "nas_bench_201"}, "dataset": {"name": "digits"},
               "strategy": {"name": "nsga2", "objectives": ["parameters", "flops", "latency"]}})
    assert [problem.path for problem in error.value.problems] == ["/strategy/objectives"]


def test_an_end_of_the_front_has_infinite_room() -> None:
    strategy = fresh()
    drive(strategy, 50)
    assert {parent.room for parent in strategy.parents if parent.layer == 0} >= {math.inf}
