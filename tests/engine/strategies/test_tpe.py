"""TPE: the split, what trials count for, and that it finds what random search does not."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from statistics import mean, median, quantiles
from typing import Any

import pytest
from scipy.stats import mannwhitneyu

from engine.architecture.architecture import Architecture, digest
from engine.architecture.graph import Graph, Node
from engine.benchmarks.landscapes import LANDSCAPES, Toy
from engine.spaces.nas_bench_201 import NasBench201
from engine.spaces.space import Parameter
from engine.spec import parse_space
from engine.strategies.tpe import Options, Tpe
from engine.work import Candidate, Outcome

L2 = LANDSCAPES["L2"]
SHARE = Options(startup=10, split="quantile", gamma=0.15)
TINY = NasBench201(channels=1, layers=1, ops=("none", "skip_connect"))         # 64 strings of fewer networks
Loss = Callable[[Candidate], float | None]


@dataclass(frozen=True)
class Line(Toy):
    """One real number."""

    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter("x", "real", low=0.0, high=1.0),)

    def size(self) -> None:
        return None

    def cell(self, architecture: Architecture) -> Graph:
        return Graph((Node("input", "input", settings=dict(architecture.genotype)),), "input")


def minimise(strategy: Tpe, trials: int, loss: Loss) -> tuple[list[Candidate], list[float]]:
    """One after another, with the best loss after each; None is a failure."""
    works, best, low = [], [], math.inf
    for _ in range(trials):
        (asked,) = strategy.ask(1)
        assert isinstance(asked, Candidate)
        work = replace(asked, trial=strategy.observed.count)
        value = loss(work)
        strategy.tell(work, Outcome("failed") if value is None else Outcome("done", -value))
        works.append(work)
        low = min(low, math.inf if value is None else value)
        best.append(low)
    return works, best


def chain(work: Candidate) -> float:
    return L2.value(work.architecture)


def told(strategy: Tpe, count: int, seed: int = 0) -> Tpe:
    """Random trials with made-up scores."""
    rng = Random(seed)
    for trial, proposal in enumerate(strategy.space.sample_many(rng, count)):
        work = Candidate(proposal.architecture, proposal.hyper, trial=trial)
        strategy.tell(work, Outcome("done", rng.random()))
    strategy.proposed = count
    return strategy


@pytest.mark.parametrize(("trials", "best"), [(1, 1), (16, 1), (17, 2), (100, 3), (10_000, 25), (40_000, 25)])
def test_the_best_are_a_quarter_of_the_root(trials: int, best: int) -> None:
    strategy = Tpe(L2.space, Options(), 0)
    strategy.observed.count = trials
    assert strategy.wanted == best


@pytest.mark.parametrize(("trials", "best"), [(1, 1), (20, 3), (100, 15), (1000, 150)])
def test_the_best_are_a_share_where_that_is_asked_for(trials: int, best: int) -> None:
    strategy = Tpe(L2.space, Options(split="quantile", gamma=0.15), 0)
    strategy.observed.count = trials
    assert strategy.wanted == best


def test_the_first_trials_are_distributed_as_the_prior() -> None:
    strategy = Tpe(L2.space, Options(startup=3000, dedup=False), 0)
    works, _ = minimise(strategy, 3000, chain)
    counts = Counter(work.architecture.genotype["layers"] for work in works)
    assert {work.origin["how"] for work in works} == {"sample"}
    assert sum((counts[n] - 500) ** 2 / 500 for n in range(1, 7)) < 25.7               # chi², 5 df, p = 1e-4


def test_the_model_is_asked_after_the_startup() -> None:
    works, _ = minimise(Tpe(L2.space, Options(startup=7), 0), 20, chain)
    assert [work.origin["how"] for work in works] == ["sample"] * 7 + ["model"] * 13


def test_it_says_why_this_one() -> None:
    works, _ = minimise(Tpe(L2.space, Options(dedup=False), 0), 60, chain)
    origin = works[-1].origin
    assert origin["best"] == 2 and origin["told"] == 59
    assert origin["why"].startswith("Of 24 draws from where the best 2 of 59 trials lie, likelier there than")
    assert any(name in origin["why"] for name in works[-1].architecture.genotype)


@pytest.mark.parametrize("outcome", [Outcome("failed"), Outcome("done", float("nan")), Outcome("pruned", 0.99)])
def test_what_failed_counts_as_the_worst(outcome: Outcome) -> None:
    strategy = Tpe(L2.space, Options(gamma=1.0, split="quantile"), 0)
    minimise(strategy, 4, chain)
    (work,) = strategy.ask(1)
    strategy.tell(work, outcome)
    assert strategy.observed.count == 5 and strategy.observed.best(strategy.wanted) == [0, 1, 2, 3]


def test_it_walks_away_from_what_fails() -> None:
    """Networks of three layers and more cannot be built: two thirds of what is drawn at random."""
    works, _ = minimise(Tpe(L2.space, SHARE, 1), 80, lambda w: None if w.architecture.genotype["layers"] >= 3 else chain(w))
    bad = sum(work.architecture.genotype["layers"] >= 3 for work in works[40:])
    assert bad <= 18                            # by chance 27, with a deviation of 3


def test_all_failed_is_no_end() -> None:
    works, _ = minimise(Tpe(L2.space, Options(startup=5), 0), 40, lambda work: None)
    assert len(works) == 40


def test_nothing_is_proposed_twice_while_there_is_something_new() -> None:
    works, _ = minimise(Tpe(L2.space, Options(), 0), 150, chain)
    assert len({work.architecture.encoding_id for work in works}) == 150
    again, _ = minimise(Tpe(L2.space, Options(dedup=False), 0), 150, chain)
    assert len({work.architecture.encoding_id for work in again}) < 150


def test_networks_that_are_the_same_count_as_one() -> None:
    strategy, names = Tpe(TINY, Options(startup=5), 0), []
    while asked := strategy.ask(1):
        work = replace(asked[0], trial=len(names))
        assert isinstance(work, Candidate)
        names.append(TINY.canonical(work.architecture))
        strategy.tell(work, Outcome("done", Random(names[-1]).random()))
    every = {TINY.canonical(proposal.architecture) for proposal in TINY.sample_many(Random(0), 5000)}
    assert len(names) == len(set(names)) == len(every) < 64


def test_training_decisions_are_part_of_what_is_proposed() -> None:
    _, space = parse_space({"kind": "composed", "preset": "cpu"})
    works, _ = minimise(Tpe(space, SHARE, 0), 60, lambda work: abs(math.log10(work.hyper["lr"]) + 2))
    assert all(work.hyper for work in works)
    assert len({digest([w.architecture.document(), dict(w.hyper)]) for w in works}) == 60
    away = [abs(math.log10(work.hyper["lr"]) + 2) for work in works]
    assert median(away[40:]) < median(away[:10]) / 3


def test_a_waiting_trial_counts_as_a_bad_one() -> None:
    """Many slots at once: what waits pushes the next ones elsewhere."""
    spread = {}
    for pending in ("worst", "ignored"):
        strategy = told(Tpe(L2.space, Options(pending=pending, dedup=False), 0), 40)
        strategy.tell(replace(strategy.ask(1)[0], trial=40), Outcome("done", 2.0))
        spread[pending] = len({w.architecture.encoding_id for w in strategy.ask(40) if isinstance(w, Candidate)})
    assert spread["worst"] > spread["ignored"]


def test_state_holds_what_waits_and_no_history() -> None:
    strategy = told(Tpe(L2.space, Options(), 0), 50)
    assert strategy.state_dict() == {"proposed": 50, "pending": []}
    asked = strategy.ask(3)
    state = json.loads(json.dumps(strategy.state_dict()))
    restored = told(Tpe(L2.space, Options(), 0), 50)
    restored.load_state_dict(state)
    assert [p.name for p in restored.pending] == [p.name for p in strategy.pending] and len(restored.pending) == 3
    for work in (asked[1], asked[0], asked[2]):                 # in any order
        strategy.tell(replace(work, trial=51), Outcome("done", 0.5))
        restored.tell(replace(work, trial=51), Outcome("done", 0.5))
    assert restored.ask(2) == strategy.ask(2) and len(strategy.pending) == 2


@pytest.mark.parametrize("multivariate", [False, True])
def test_the_pictures_name_the_decisions_that_matter(multivariate: bool) -> None:
    """Everything hangs on the number of layers."""
    strategy, said, rng = Tpe(L2.space, replace(SHARE, multivariate=multivariate), 0), [], Random(0)
    for trial, proposal in enumerate(L2.space.sample_many(rng, 100)):
        score = -abs(proposal.architecture.genotype["layers"] - 3) + rng.random()
        said += strategy.tell(Candidate(proposal.architecture, trial=trial), Outcome("done", score))
    assert len(said) == 100
    densities, loudest, scores = said[-1].data["pictures"]
    assert [densities["picture"], loudest["picture"], scores["picture"]] == ["pairs", "bars", "series"]
    assert loudest["values"][0][0] == densities["decisions"][0]["name"] == "layers"
    below, above = densities["decisions"][0]["values"]
    assert densities["decisions"][0]["at"] == [1, 2, 3, 4, 5, 6] and below[2] == max(below) and below[2] > above[2]
    assert len(json.dumps(said[-1].document())) < 4096


def runs(options: Options, seeds: int, space: Any = L2.space, loss: Loss = chain, trials: int = 200) -> list[list[float]]:
    return [minimise(Tpe(space, options, seed), trials, loss)[1] for seed in range(seeds)]


@pytest.mark.parametrize(("options", "band"), [
    (Options(), 0.030), (Options(dedup=False), 0.040), (SHARE, 0.010)])
def test_the_conditional_chain_is_solved_within_the_band(options: Options, band: float) -> None:
    """Random search: 0.059, hyperopt 0.021 and Optuna 0.023 after 200 evaluations."""
    assert mean(run[-1] for run in runs(options, 20)) <= band


def test_the_joint_model_stays_within_the_band() -> None:
    assert mean(run[-1] for run in runs(Options(multivariate=True), 8)) <= 0.035


def test_a_quadratic_is_found_better_than_by_chance() -> None:
    def bowl(work: Candidate) -> float:
        return float((work.architecture.genotype["x"] - 0.37) ** 2)

    ours = [run[-1] for run in runs(Options(), 20, Line(), bowl, 100)]
    chance = [min((Random(f"{seed}-{k}").random() - 0.37) ** 2 for k in range(100)) for seed in range(20)]
    assert median(ours) < quantiles(chance, n=4)[2]
    assert mannwhitneyu(ours, chance, alternative="less").pvalue < 0.01
