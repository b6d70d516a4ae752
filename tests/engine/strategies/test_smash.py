"""SMASH: three stages of ranking, what each begins from, and a real search to a final."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from engine import options
from engine.events import Event
from engine.nets.generated import GeneratedPaths
from engine.phases import Site
from engine.registry import discover
from engine.run import run
from engine.search import Search
from engine.spec import incompatible, parse, parse_space
from engine.strategies.smash import Options, Smash
from engine.work import Candidate, Outcome, SupernetEpoch, Weights

torch.set_num_threads(1)
SPACE = parse_space({"kind": "nas_bench_201", "preset": "table"})[1]
BANKS = {"kind": "memory_bank", "preset": "cpu"}
SMALL = {"kind": "darts_cell", "preset": "cpu", "nodes": 1, "layers": 2, "channels": 2}


def ready(**chosen: Any) -> Smash:
    """With its one epoch over."""
    made = Smash(SPACE, Options(**{"epochs": 1, "random": 6, "perturbed": 3, "greedy": 4, **chosen}), 0)
    [epoch] = made.ask(3)
    made.tell(replace(epoch, trial=0), Outcome("done", 0.5, "shared"))
    return made


def numbered(made: Smash, slots: int, trial: int) -> list[Candidate]:
    return [replace(work, trial=trial + k) for k, work in enumerate(made.ask(slots)) if isinstance(work, Candidate)]


def tell(made: Smash, work: Candidate, score: float) -> list[Event]:
    return made.tell(work, Outcome("done", score, "hypernetwork", {"parameters": 5}))


def test_the_defaults_are_the_papers() -> None:
    declared, o = options.options_of(Options), Options()
    assert all(option.paper in (None, getattr(o, name)) for name, option in declared.items())
    assert (o.lr, o.momentum, o.second_beta, o.epsilon, o.epochs, o.batch_size) == (1e-3, 0.5, 0.999, 1e-4, 100, 50)
    assert (o.random, o.perturbed, o.greedy, o.perturbation) == (500, 100, 100, 0.05)
    assert o.schedule() == {"adam": (0.5, 0.999, 1e-4), "smooth": True}


def test_it_is_for_memory_banks_and_for_cells_with_a_supernet() -> None:
    spaces = {space for space in discover("spaces") if not incompatible("smash", space)}
    assert spaces == {"memory_bank", "nas_bench_201", "darts_cell", "enas_micro"}


def test_the_sampler_has_the_size_of_the_options() -> None:
    chosen = Options(unit=4, largest=10, compression=2, growth=3, first_depth=2, second_depth=0, third_depth=1)
    sampler = Smash.sampler(Site(SPACE, chosen, (1, 8, 8), 10, 0))
    assert isinstance(sampler, GeneratedPaths)
    size = sampler.supernet.size
    assert (size.unit, size.height, size.compression, size.growth, size.depths) == (4, 3, 2, 3, (2, 1))
    assert size.outputs == 12 and size.inputs == 8


def test_candidates_have_generated_weights_of_the_last_epoch() -> None:
    made = ready()
    assert all(work.weights == Weights("generated", 0) for work in numbered(made, 3, 1))


def test_neighbours_wait_for_all_random_ones_and_come_from_the_best() -> None:
    made = ready()
    first = numbered(made, 9, 1)
    assert len(first) == 6 and made.ask(1) == []
    for work, score in zip(first, [0.1, 0.9, 0.3, 0.9, 0.2, 0.4], strict=True):
        tell(made, work, score)
    second = numbered(made, 9, 7)
    assert [work.origin["how"] for work in second] == ["perturb"] * 3 and {work.origin["base"] for work in second} == {2}
    ranked = {work.architecture for work in first}
    assert all(work.architecture not in ranked and "trial 2" in work.origin["why"] for work in second)


def test_the_chain_goes_one_by_one_from_the_best_so_far() -> None:
    made = ready(perturbed=0)
    for k, work in enumerate(numbered(made, 9, 1)):
        tell(made, work, k / 10)
    bases = []
    for trial, score in zip(range(7, 11), [0.3, 0.8, 0.6, 0.9], strict=True):
        [work] = numbered(made, 9, trial)
        bases.append(work.origin["base"])
        tell(made, work, score)
    assert bases == [6, 6, 8, 8] and made.ask(9) == []


def test_a_neighbour_differs_in_few_decisions() -> None:
    made = ready(perturbation=0.0, perturbed=1)
    for work in (first := numbered(made, 9, 1)):
        tell(made, work, 0.5)
    [work] = numbered(made, 1, 7)
    old, new = (made._vector(each.architecture) for each in (first[0], work))
    assert sum(a != b for a, b in zip(old, new, strict=True)) == 1


def test_where_all_failed_chance_goes_on() -> None:
    made = ready(random=2, perturbed=2, greedy=1)
    for work in numbered(made, 2, 1):
        made.tell(work, Outcome("failed"))
    assert [work.origin["how"] for work in numbered(made, 4, 3)] == ["sample", "sample"]


def test_without_a_trained_hypernetwork_there_is_nothing_to_rank() -> None:
    made = Smash(SPACE, Options(epochs=3), 0)
    [epoch] = made.ask(1)
    made.tell(replace(epoch, trial=0), Outcome("failed"))
    assert made.ask(1) == []


def test_scores_are_shown_in_the_order_of_the_candidates() -> None:
    made, events = ready(), []
    for work, score in zip(numbered(made, 3, 1), [0.25, 0.75, 0.5], strict=True):
        events += tell(made, work, score)
    dots, best = events[-1].data["pictures"]
    assert dots["points"] == [[1, 0.25], [2, 0.75], [3, 0.5]] and best["values"] == {"best": 0.75}
    assert "3 by sample" in dots["note"]


@pytest.mark.parametrize("slots", [1, 3])
def test_finals_are_the_best_by_generated_weights_whatever_the_slots(slots: int) -> None:
    spec = parse({"space": {"kind": "nas_bench_201", "preset": "table"}, "dataset": {"name": "digits"}, "seed": 4,
                  "strategy": {"name": "smash", "preset": "cpu", "epochs": 2, "random": 3, "perturbed": 2, "greedy": 2},
                  "finals": {"top": 1}, "execution": {"slots": slots}})
    search, scores = Search(spec), {2: 0.1, 3: 0.9, 4: 0.3, 5: 0.95, 6: 0.2, 7: 0.4, 8: 0.5}
    while not search.finished:
        search.ready()
        work = next(w for w in search.items if w.trial not in search.outcomes)
        ranked = isinstance(work, Candidate) and work.final_of is None
        kind: Any = "hypernetwork" if ranked else "shared" if isinstance(work, SupernetEpoch) else "scratch"
        search.report(work, Outcome("done", scores[work.trial] if ranked else 0.5, kind))
    stages = ["supernet"] * 2 + ["sample"] * 3 + ["perturb"] * 2 + ["greedy"] * 2 + ["final"]
    assert [w.origin["how"] for w in search.items] == stages
    assert [w.final_of for w in search.items if isinstance(w, Candidate)][-1] == 5


def test_a_search_on_digits_ends_with_networks_trained_from_scratch(tmp_path: Path) -> None:
    spec = parse({"space": SMALL, "dataset": {"name": "digits", "train_limit": 128},
                  "strategy": {"name": "smash", "preset": "cpu", "epochs": 2, "random": 3, "perturbed": 1, "greedy": 1},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1}, "finals": {"top": 1}})
    events: list[Event] = []
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", events.append)
    assert [type(work) for work in search.items] == [SupernetEpoch] * 2 + [Candidate] * 6
    assert all(outcome.ok for outcome in search.outcomes.values())
    assert [search.outcomes[trial].score_kind for trial in range(2, 8)] == ["hypernetwork"] * 5 + ["scratch"]
    assert 0 <= search.outcomes[7].metrics["test"] <= 1 and search.outcomes[0].payload["slices"] > 0
    titles = {picture["title"] for event in events if event.type == "strategy" for picture in event.data["pictures"]}
    assert {"Loss of the supernet", "Scores with generated weights"} <= titles


def test_a_search_on_memory_banks_ends_with_networks_trained_from_scratch(tmp_path: Path) -> None:
    spec = parse({"space": BANKS, "dataset": {"name": "digits", "train_limit": 128},
                  "strategy": {"name": "smash", "preset": "cpu", "epochs": 2, "random": 3, "perturbed": 2, "greedy": 1},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1}, "finals": {"top": 1}})
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", lambda event: None)
    assert [type(work) for work in search.items] == [SupernetEpoch] * 2 + [Candidate] * 7
    assert all(outcome.ok for outcome in search.outcomes.values())
    assert [search.outcomes[trial].score_kind for trial in range(2, 9)] == ["hypernetwork"] * 6 + ["scratch"]
    reports = [search.outcomes[trial].payload for trial in (0, 1)]
    assert reports[1]["budget"] == 1.0 and reports[0]["slices"] > 0 and reports[0]["kernel"] == 3


def test_a_neighbour_may_have_another_plan_whose_decisions_are_drawn_anew() -> None:
    space = parse_space(BANKS)[1]
    made = Smash(space, Options(perturbation=0.05), 0)
    base, plans = space.sample(Random(0)).architecture, set()
    for seed in range(60):
        found = made._neighbour(base, {base.encoding_id}, Random(seed))
        assert found != base and space.contains(found)
        plans.add(found.genotype["block_1_plan"])
    assert len(plans) > 2
