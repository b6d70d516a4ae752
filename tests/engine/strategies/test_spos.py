"""Single-path one-shot: uniform visits, generations and their parents, limits, a planted toy and a real search."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine import options
from engine.errors import Invalid
from engine.events import Event
from engine.nets.fair_paths import FairPaths
from engine.nets.paths import Paths
from engine.phases import Site
from engine.run import run
from engine.search import Search
from engine.spec import parse, parse_space
from engine.strategies.spos import Options, Spos
from engine.work import Candidate, Outcome, SupernetEpoch, Weights
from tests.engine.strategies.planted import ranked

torch.set_num_threads(1)
SPACE = parse_space({"kind": "nas_bench_201", "preset": "table"})[1]
DARTS = parse_space({"kind": "darts_cell", "preset": "cpu", "nodes": 1, "layers": 2, "channels": 2})[1]
SMALL = Options(epochs=1, population=6, parents=3, crossover=3, mutation=2, generations=4)


def scored(candidate: Candidate) -> float:
    """The more convolutions of 3×3, the better."""
    found: int = candidate.architecture.genotype["arch"].count("nor_conv_3x3")
    return found / 6


def refusal() -> Outcome:
    return Outcome("failed", metrics={"error_kind": "constraint", "error": "Over the limit: 9 FLOPs where 8 are allowed."})


def driven(wanted: Options = SMALL, *, broken: Any = lambda work: False, space: Any = SPACE,
           score: Any = scored) -> tuple[list[Candidate], list[Event], Spos]:
    """All candidates of a strategy that runs one at a time."""
    strategy, asked, events = Spos(space, wanted, 3), [], []
    trial = 0
    while found := strategy.ask(1):
        work = replace(found[0], trial=trial)
        outcome = Outcome("done", 0.5, "shared")
        if isinstance(work, Candidate):
            asked.append(work)
            outcome = refusal() if broken(work) else Outcome("done", score(work), "shared", spend={"epochs": 0.0})
        events += strategy.tell(work, outcome)
        trial += 1
    return asked, events, strategy


def generations(asked: list[Candidate]) -> dict[int, list[Candidate]]:
    found: dict[int, list[Candidate]] = {}
    for work in asked:
        found.setdefault(work.origin["generation"], []).append(work)
    return found


def test_the_defaults_are_those_of_the_paper() -> None:
    o = Options()
    assert (o.population, o.parents, o.crossover, o.mutation, o.mutation_rate, o.generations) == (50, 10, 25, 25, 0.1, 20)
    assert (o.lr, o.batch_size, o.weight_decay, o.recalibration, o.paths) == (0.5, 1024, 4e-5, 200, "uniform")
    for name, option in options.options_of(Options).items():
        assert option.paper in (None, getattr(o, name))


def test_children_that_do_not_fit_their_generation_are_refused() -> None:
    with pytest.raises(Invalid, match="less than its children"):
        parse({"space": {"kind": "nas_bench_201"}, "dataset": {"name": "digits"},
               "strategy": {"name": "spos", "population": 9}})


@pytest.mark.parametrize("space", [SPACE, DARTS], ids=["nas_bench_201", "darts_cell"])
def test_every_operation_of_every_edge_is_visited_as_often_as_any_other(space: Any) -> None:
    """Chi-square with as many degrees of freedom as there are other operations; quantile 0.999."""
    sampler, draws = Spos.sampler(Site(space, Options(), (1, 8, 8), 10, 0)), 1500
    counts: dict[Any, Counter[int]] = {}
    for number in range(draws):
        [draw] = sampler.draw(SimpleNamespace(rng=Random(number)))         # type: ignore[arg-type]
        assert draw.choice.weights is None
        for name, rows in draw.choice.path.items():
            for row, columns in enumerate(rows):
                counts.setdefault((name, row), Counter()).update(columns)
    usable = [k for k, op in enumerate(space.ops) if space is SPACE or op != "none"]
    for count in counts.values():
        expected = count.total() / len(usable)
        assert set(count) == set(usable)
        assert sum((count[k] - expected) ** 2 / expected for k in usable) < {4: 16.3, 5: 18.5}[len(usable)]


def test_the_paths_are_uniform_or_strictly_fair() -> None:
    kinds = [type(Spos.sampler(Site(SPACE, Options(paths=paths), (1, 8, 8), 10, 0))) for paths in ("uniform", "fair")]
    assert kinds == [Paths, FairPaths]


def test_generations_are_as_large_as_the_paper_says_and_come_from_the_best_so_far() -> None:
    asked, _, _ = driven()
    found = generations(asked)
    assert [len(found[g]) for g in sorted(found)] == [6] * 4
    assert {work.origin["how"] for work in found[0]} == {"sample"}
    for g in (1, 2, 3):
        best = sorted((w for w in asked if w.origin["generation"] < g), key=lambda w: (-scored(w), w.trial))[:3]
        wanted = ["crossover"] * 3 + ["mutation"] * 2 + ["sample"]
        hows = [work.origin["how"] for work in found[g]]        # a random one where parents have no new child
        assert all(how in (one, "sample") for how, one in zip(hows, wanted, strict=True)) and set(hows) == set(wanted)
        assert all(set(work.parents) <= {one.trial for one in best} for work in found[g])
        counts = {"crossover": 2, "mutation": 1, "sample": 0}
        assert all(len(work.parents) == counts[work.origin["how"]] for work in found[g])


def test_a_crossover_has_each_decision_of_a_parent_and_a_mutation_changes_one_in_ten() -> None:
    wanted = replace(SMALL, population=40, crossover=20, mutation=20, parents=6, generations=3)
    asked, _, _ = driven(wanted)
    by_trial = {work.trial: SPACE.config(work.architecture) for work in asked}
    changed = 0
    mutants = [work for work in asked if work.origin["how"] == "mutation"]
    for work in asked:
        if work.origin["how"] == "crossover":
            one, other = (by_trial[trial] for trial in work.parents)
            assert all(value in (one[name], other[name]) for name, value in by_trial[work.trial].items())
    strategy = Spos(SPACE, wanted, 0)
    parent = asked[0].architecture
    for number in range(500):                           # as they are drawn, before those that are known are left out
        child = SPACE.config(strategy._mutated(parent, Random(number)))
        changed += sum(child[name] != value for name, value in SPACE.config(parent).items())
    assert mutants and 0.8 * 500 * 6 * 0.1 * 0.8 < changed < 1.2 * 500 * 6 * 0.1 * 0.8      # a redraw may be the same


def test_nothing_is_ranked_twice_and_an_exhausted_space_ends_it() -> None:
    small = parse_space({"kind": "nas_bench_201", "preset": "table", "ops": ["none", "skip_connect"]})[1]
    asked, _, strategy = driven(replace(SMALL, population=30, crossover=15, mutation=15), space=small, score=lambda w: 0.5)
    names = [work.architecture.encoding_id for work in asked]
    assert len(names) == len(set(names)) and 60 <= len(names) <= 64 and strategy.ask(3) == []


def test_what_breaks_a_limit_takes_no_place_in_its_generation_and_is_no_parent() -> None:
    heavy, _, _ = driven(broken=lambda work: scored(work) > 0.4)
    for members in generations(heavy).values():
        assert sum(scored(work) <= 0.4 for work in members) == 6
    rejected = {work.trial for work in heavy if scored(work) > 0.4}
    assert rejected and not any(rejected & set(work.parents) for work in heavy)


def test_failures_take_their_place_so_that_it_ends() -> None:
    strategy, count = Spos(SPACE, SMALL, 0), 0
    [epoch] = strategy.ask(1)
    strategy.tell(replace(epoch, trial=0), Outcome("done", 0.5, "shared"))
    while found := strategy.ask(1):
        count += 1
        strategy.tell(replace(found[0], trial=count), Outcome("failed", metrics={"error": "made up"}))
    assert count == 24


def test_a_generation_waits_for_the_one_before() -> None:
    strategy = Spos(SPACE, SMALL, 0)
    [epoch] = strategy.ask(9)
    assert strategy.ask(9) == []
    strategy.tell(replace(epoch, trial=0), Outcome("done", 0.5, "shared"))
    first = [replace(work, trial=k) for k, work in enumerate(strategy.ask(9), 1)]
    assert len(first) == 6 and strategy.ask(9) == []
    for work in first[:5]:
        strategy.tell(work, Outcome("done", 0.5, "shared"))
    assert strategy.ask(9) == []
    strategy.tell(first[5], Outcome("done", 0.5, "shared"))
    assert [work.origin["generation"] for work in strategy.ask(9)] == [1] * 6


def test_candidates_are_ranked_with_statistics_of_their_own() -> None:
    asked = driven()[0]
    assert {work.weights for work in asked} == {Weights("shared", 0)}
    assert asked[0].fidelity == {"statistics": "recalibrated", "recalibration": 200}
    assert driven(replace(SMALL, recalibration=0))[0][0].fidelity == {}


def test_evolution_finds_better_than_the_random_generation() -> None:
    asked, events, _ = driven(replace(SMALL, population=20, crossover=10, mutation=10, parents=5, generations=8))
    found = generations(asked)
    means = [sum(map(scored, found[g])) / len(found[g]) for g in (0, 7)]
    assert means[1] > means[0] + 0.1 and max(map(scored, asked)) == 1.0 > max(map(scored, found[0]))
    dots, lines = events[-1].data["pictures"]
    assert dots["title"] == "Shared score by generation" and lines["values"]["best"] == 1.0
    assert all(len(json.dumps(event.document())) < 4096 for event in events)


@pytest.mark.parametrize("paths", ["uniform", "fair"])
def test_a_planted_useless_operation_is_found(paths: str) -> None:
    slope, count = ranked(Spos, Options(epochs=6, batch_size=16, lr=0.1, paths=paths))
    assert slope < -0.03 and count <= 1


def test_a_search_on_digits_within_a_limit_ends_with_a_network_trained_from_scratch(tmp_path: Path) -> None:
    limit = 6000
    spec = parse({"space": {"kind": "nas_bench_201", "preset": "table"}, "dataset": {"name": "digits", "train_limit": 96},
                  "strategy": {"name": "spos", "preset": "cpu", "epochs": 1, "paths": "fair", "population": 4, "parents": 2,
                               "crossover": 2, "mutation": 2, "generations": 2, "recalibration": 2},
                  "constraints": {"parameters": limit}, "finals": {"top": 1},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1}})
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", lambda event: None)
    own = [work for work in search.items if isinstance(work, Candidate) and work.final_of is None]
    done = [work for work in own if search.outcomes[work.trial].ok]
    assert isinstance(search.items[0], SupernetEpoch) and [w.origin["generation"] for w in done] == [0] * 4 + [1] * 4
    assert all(search.outcomes[work.trial].metrics["parameters"] <= limit for work in done)
    final = search.outcomes[search.items[-1].trial]
    assert final.ok and final.score_kind == "scratch" and 0 <= final.metrics["test"] <= 1


def test_a_search_uses_the_budget_of_trials() -> None:
    spec = parse({"space": {"kind": "nas_bench_201", "preset": "table"}, "dataset": {"name": "digits"},
                  "strategy": {"name": "spos", "preset": "cpu", "epochs": 2}, "budget": {"trials": 11}})
    search = Search(spec)
    while not search.finished:
        for work in search.ready():
            search.report(work, Outcome("done", 0.5, "shared"))
    assert Counter(type(work).__name__ for work in search.items) == {"SupernetEpoch": 2, "Candidate": 11 + 1}
