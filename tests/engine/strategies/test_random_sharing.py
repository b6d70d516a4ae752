"""Random search with weight sharing: uniform paths, uniform candidates, ranked by shared score, finals by scratch."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from engine.architecture.architecture import Architecture
from engine.architecture.cost import measure
from engine.nets.paths import LOOKS, Paths
from engine.nets.supernet import Choice
from engine.phases import Site
from engine.run import run
from engine.search import Search
from engine.spec import parse, parse_space
from engine.strategies.random_sharing import Options, RandomSharing
from engine.work import Candidate, Outcome, SupernetEpoch, Weights

torch.set_num_threads(1)
SPACE = parse_space({"kind": "nas_bench_201", "preset": "table"})[1]
SITE = Site(SPACE, Options(), (1, 8, 8), 10, 0)


class Now:
    """A step with a stream of its own."""

    def __init__(self, number: int) -> None:
        self.rng = Random(number)


def sampler() -> Paths:
    made = RandomSharing.sampler(SITE)
    assert isinstance(made, Paths)
    return made


def test_every_operation_of_every_edge_is_trained_as_often_as_any_other() -> None:
    """Within the 0.999 quantile of chi-square with 4 degrees of freedom."""
    draws, made = 1500, sampler()
    counts = [Counter[int]() for _ in range(6)]
    for number in range(draws):
        [draw] = made.draw(Now(number))                 # type: ignore[arg-type]
        assert isinstance(draw.choice, Choice) and draw.choice.weights is None
        for edge, row in enumerate(draw.choice.path["cell"]):
            counts[edge][row[0]] += 1
    for count in counts:
        assert sum((count[k] - draws / 5) ** 2 / (draws / 5) for k in range(5)) < 18.47


def test_it_learns_nothing_and_has_no_state() -> None:
    assert sampler().state_dict() == {} and sampler().closing == 0


def test_the_best_of_a_few_stands_by() -> None:
    """By its loss on a batch of arch-val; here the number of its 3 × 3 convolutions, which the fewest of eight have."""
    made, now = sampler(), Now(7)

    def loss(choice: Choice) -> torch.Tensor:
        return torch.tensor(float(sum(row == (3,) for row in choice.path["cell"])))

    now.validation_loss = loss                          # type: ignore[attr-defined]
    found = made.report(now)["standby"]                 # type: ignore[arg-type]
    few = [SPACE.sample(again).architecture for again in [Random(7)] for _ in range(LOOKS)]
    counts = [float(loss(made.choice(architecture))) for architecture in few]
    assert found == few[counts.index(min(counts))].document() and len(set(counts)) > 1


def test_what_breaks_a_limit_does_not_stand_by() -> None:
    """Others are drawn in its place, as many as before; where all are refused, nothing stands by."""
    now, seen = Now(7), list[Choice]()

    def loss(choice: Choice) -> torch.Tensor:
        seen.append(choice)
        return torch.tensor(float(len(seen)))

    def admits(architecture: Architecture) -> bool:
        return "none" in str(architecture.genotype) and "nor_conv_3x3" not in str(architecture.genotype)

    now.validation_loss = loss                          # type: ignore[attr-defined]
    limited = RandomSharing.sampler(replace(SITE, admits=admits))
    found = Architecture(**limited.report(now)["standby"])              # type: ignore[arg-type]
    assert admits(found) and len(seen) == LOOKS and limited.choice(found) == seen[0]
    nothing = RandomSharing.sampler(replace(SITE, admits=lambda architecture: False))
    assert nothing.report(now) == {} and len(seen) == LOOKS             # type: ignore[arg-type]


def test_of_those_that_are_quick_enough_the_best_stands_by_and_no_more_are_timed() -> None:
    now, timed = Now(7), list[Architecture]()

    def quick(architecture: Architecture) -> bool:
        timed.append(architecture)
        return len(timed) == 3

    losses = iter([5.0, 1.0, 4.0, 2.0, 8.0, 7.0, 3.0, 6.0])
    now.validation_loss = lambda choice: torch.tensor(next(losses))             # type: ignore[attr-defined]
    found = RandomSharing.sampler(replace(SITE, quick=quick)).report(now)["standby"]    # type: ignore[arg-type]
    few = [SPACE.sample(again).architecture for again in [Random(7)] for _ in range(LOOKS)]
    assert timed == [few[1], few[3], few[6]] and found == few[6].document()
    nothing = RandomSharing.sampler(replace(SITE, quick=lambda architecture: False))
    losses = iter(range(LOOKS))                                                 # type: ignore[assignment]
    assert nothing.report(now) == {}                                            # type: ignore[arg-type]


@pytest.mark.parametrize("strategy", ["random_sharing", "one_shot", "smash"])
def test_a_budget_that_ends_within_the_epochs_still_has_a_final(strategy: str, tmp_path: Path) -> None:
    """And it is one that the limits of the search admit."""
    kind = {"kind": "darts_cell", "preset": "cpu", "nodes": 1, "layers": 1, "channels": 2}
    space = parse_space(kind)[1]
    sizes = [measure(space.network(space.sample(Random(k)).architecture, (1, 8, 8), 10), (1, 8, 8)).parameters
             for k in range(20)]
    limit = sorted(sizes)[5]
    spec = parse({"space": kind, "constraints": {"parameters": limit},
                  "dataset": {"name": "digits", "train_limit": 64}, "budget": {"trials": None, "epochs": 1},
                  "strategy": {"name": strategy, "preset": "cpu"},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1}})
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", lambda event: None)
    epoch, final = search.items
    assert isinstance(epoch, SupernetEpoch) and isinstance(final, Candidate) and final.final_of == 0
    assert search.outcomes[1].score_kind == "scratch" and search.outcomes[1].ok
    assert search.outcomes[1].metrics["parameters"] <= limit < max(sizes)
    assert final.architecture.document() == search.outcomes[0].payload["standby"]


@pytest.mark.parametrize(("seconds", "first", "epochs"), [
    (60.0, 4.0, 15), (60.0, 25.0, 2), (1.0, 50.0, 1), (1e8, 0.0, 10_000)])
def test_as_many_epochs_as_fit_into_the_seconds(seconds: float, first: float, epochs: int) -> None:
    """Going by the first one; the learning rate falls over these, and what was told says so again after a restart."""
    strategy, again = (RandomSharing(SPACE, Options(epochs=3, candidates=2, seconds=seconds), 0) for _ in range(2))
    (work,) = strategy.ask(1)
    assert isinstance(work, SupernetEpoch) and work.settings == {} and work.origin["of"] == 3
    told = replace(work, trial=0), Outcome("done", 0.5, "shared", spend={"seconds": first, "epochs": 1.0})
    for each in (strategy, again):
        each.tell(*told)
        assert each.phases.epochs == epochs
    again.load_state_dict(strategy.state_dict())
    assert (following := strategy.ask(1)) == again.ask(1)
    if epochs == 1:
        assert all(isinstance(each, Candidate) for each in following)
    else:
        [second] = following
        assert isinstance(second, SupernetEpoch) and second.origin["of"] == epochs
        assert second.settings == {"plan": {"epochs": epochs}}
        strategy.tell(replace(second, trial=1), Outcome("done", 0.5, "shared", spend={"seconds": 1.0, "epochs": 1.0}))
        assert strategy.phases.epochs == epochs, "later epochs change nothing"


def test_an_epoch_that_failed_says_nothing_about_the_others() -> None:
    strategy = RandomSharing(SPACE, Options(epochs=3, seconds=60.0), 0)
    (work,) = strategy.ask(1)
    strategy.tell(replace(work, trial=0), Outcome("failed"))
    assert strategy.ask(1) == [] and strategy.phases.over


def test_the_weights_learn_for_as_many_epochs_as_fit(tmp_path: Path) -> None:
    spec = parse({"space": {"kind": "nas_bench_201", "preset": "table"}, "dataset": {"name": "digits", "train_limit": 64},
                  "strategy": {"name": "random_sharing", "preset": "cpu", "seconds": 0.01, "candidates": 2},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1}, "finals": {"epochs": 1}})
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", lambda event: None)
    assert [isinstance(work, SupernetEpoch) for work in search.items] == [True, False, False, False]
    assert search.items[-1].final_of is not None and search.outcomes[3].ok           # type: ignore[union-attr]


def test_candidates_are_random_members_scored_with_the_last_epoch() -> None:
    spec = parse({"space": {"kind": "nas_bench_201", "preset": "table"}, "dataset": {"name": "digits"}, "seed": 4,
                  "strategy": {"name": "random_sharing", "preset": "cpu", "epochs": 2, "candidates": 5},
                  "finals": {"top": 2}, "execution": {"slots": 2}})
    search, scores = Search(spec), iter([0.1, 0.9, 0.3, 0.7, 0.2])
    while not search.finished:
        search.ready()
        work = next(w for w in search.items if w.trial not in search.outcomes)
        shared = isinstance(work, SupernetEpoch) or work.weights.source == "shared"
        score = next(scores) if shared and isinstance(work, Candidate) else 0.5
        search.report(work, Outcome("done", score, "shared" if shared else "scratch", spend={"epochs": 1.0}))
    candidates = [w for w in search.items if isinstance(w, Candidate) and w.final_of is None]
    finals = [w for w in search.items if isinstance(w, Candidate) and w.final_of is not None]
    assert [w.weights for w in candidates] == [Weights("shared", 1)] * 5 and len({w.architecture for w in candidates}) > 1
    assert [w.final_of for w in finals] == [candidates[1].trial, candidates[3].trial]


def test_the_budget_of_trials_counts_architectures_not_epochs() -> None:
    spec = parse({"space": {"kind": "nas_bench_201", "preset": "table"}, "dataset": {"name": "digits"},
                  "strategy": {"name": "random_sharing", "epochs": 12}, "budget": {"trials": 3}})
    search = Search(spec)
    while not search.finished:
        for work in search.ready():
            search.report(work, Outcome("done", 0.5, "shared"))
    kinds = Counter(type(work).__name__ for work in search.items)
    assert kinds == {"SupernetEpoch": 12, "Candidate": 3 + 1}


def test_without_a_trained_supernet_there_is_nothing_to_rank() -> None:
    strategy = RandomSharing(SPACE, Options(epochs=3), 0)
    [first] = strategy.ask(1)
    strategy.tell(replace(first, trial=0), Outcome("failed"))
    assert strategy.ask(1) == []


def test_the_paper_ranks_a_thousand() -> None:
    declared: Any = Options()
    assert declared.candidates == 1000 and declared.epochs == 50
