"""Once-for-all as a method: the paper's stages and values, the search among slices, and a real one to heirs and finals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import options
from engine.estimation import shared
from engine.estimation.context import Interrupted
from engine.events import Event
from engine.leaderboard import leaderboard
from engine.perform import perform
from engine.run import run
from engine.spaces.slimmable import Slimmable
from engine.spec import incompatible, parse, parse_space
from engine.strategies.once_for_all import CPU, OnceForAll, Options, planned, staged
from engine.work import Candidate, Outcome, SupernetEpoch, Weights

torch.set_num_threads(1)
PAPER = parse_space({"kind": "slimmable", "preset": "paper"})[1]
TINY = Slimmable(channels=8, stages=1, kernels=(3, 5), depths=(1, 2), expansions=(2, 3))
SMALL = Options(epochs=8, population=4, parents=2, crossover=2, mutation=2, generations=3, heirs=2, fine_tune=3)


def test_the_stages_are_those_of_the_paper() -> None:
    found = staged(PAPER, Options())
    assert [(s.name, s.epochs, s.lr, s.paths) for s in found] == [
        ("full", 180, 0.08, 1), ("kernel", 120, 0.03, 1), ("depth", 25, 0.0025, 2), ("depth", 120, 0.0075, 2),
        ("width", 25, 0.0025, 4), ("width", 120, 0.0075, 4)]
    assert [s.depths for s in found] == [(4,), (4,), (4, 3), (4, 3, 2), (4, 3, 2), (4, 3, 2)]
    assert [s.expansions for s in found] == [(6,)] * 4 + [(6, 4), (6, 4, 3)]
    assert [s.kernels for s in found] == [(7,)] + [(7, 5, 3)] * 5
    assert [s.before for s in found] == [(6,)] * 5 + [(6, 4)]
    assert [s.begun for s in found] == [0, 180, 300, 325, 445, 470]


def test_the_defaults_are_those_of_the_paper() -> None:
    o = Options()
    assert (o.epochs, o.distillation, o.teacher, o.sandwich, o.weight_decay) == (590, 1.0, "full", False, 3e-5)
    assert (o.population, o.parents, o.mutation, o.mutation_rate, o.generations) == (100, 25, 50, 0.1, 500)
    assert o.schedule() == {"nesterov": True} and o.fine_tune == 0
    for name, option in options.options_of(Options).items():
        assert option.paper in (None, getattr(o, name))


@pytest.mark.parametrize("epochs", range(1, 30))
def test_however_few_epochs_there_are_the_stages_share_them_and_the_last_allows_everything(epochs: int) -> None:
    for space in (PAPER, TINY, Slimmable(kernels=(5,), depths=(2,), expansions=(4,))):
        found = staged(space, replace(Options(), epochs=epochs))
        assert sum(s.epochs for s in found) == epochs and all(s.epochs > 0 for s in found)
        assert [s.begun for s in found] == [sum(s.epochs for s in found[:k]) for k in range(len(found))]
        last = found[-1]
        assert {*last.kernels} == {*space.kernels} and {*last.depths} == {*space.depths}
        assert {*last.expansions} == {*space.expansions}


def test_a_dimension_without_a_choice_has_no_stage() -> None:
    space = Slimmable(kernels=(5,), depths=(1, 2), expansions=(4,))
    assert [s.name for s in planned(space, Options())] == ["full", "depth"]


def test_without_progress_all_is_allowed_from_the_first_epoch() -> None:
    [stage] = staged(PAPER, Options(progressive=False))
    assert stage.epochs == 590 and stage.depths == (4, 3, 2) and (stage.lr, stage.paths) == (0.08, 4)


def test_only_slimmable_spaces_have_slices() -> None:
    assert incompatible("once_for_all", "slimmable") is None
    reason = incompatible("once_for_all", "nas_bench_201")
    assert reason is not None and "slices of large ones" in reason


def report(**more: Any) -> dict[str, Any]:
    return {"train_loss": 1.0, "valid_loss": 1.2, "valid_score": 0.5, **more,
            "sampled": {"kernel": [[5, 6]], "depth": [[2, 4]], "expansion": [[2, 3], [3, 5]]},
            "sizes": {"low": 1000, "high": 9000, "trained": [0] * 7 + [4], "space": [6, 4, 4, 3, 3, 2, 2, 1]}}


def driven(wanted: Options = SMALL, space: Any = TINY) -> tuple[list[Any], list[Event]]:
    """All that is asked, one at a time; the more large kernels, the better."""
    strategy, asked, events = OnceForAll(space, wanted, 3), [], []
    while found := strategy.ask(1):
        work = replace(found[0], trial=len(asked))
        asked.append(work)
        outcome = Outcome("done", 0.5, "shared", payload=report())
        if isinstance(work, Candidate):
            score = sum(value == 5 for value in work.architecture.genotype.values()) / 2
            outcome = Outcome("done", score, "inherited" if work.weights.source == "inherit" else "shared")
        events += strategy.tell(work, outcome)
    return asked, events


def test_epochs_say_what_they_allow_then_come_candidates_then_heirs() -> None:
    asked, _ = driven()
    epochs = [work for work in asked if isinstance(work, SupernetEpoch)]
    assert len(epochs) == 8 and asked[:8] == epochs
    assert [work.settings["stage"] for work in epochs] == ["full"] * 2 + ["kernel"] * 2 + ["depth"] * 2 + ["width"] * 2
    assert epochs[2].settings["plan"] == {"begun": 2, "length": 2, "lr": 0.03, "last_lr": 0.0}
    assert epochs[2].settings == epochs[3].settings | {} and epochs[7].settings["expansions"] == [3, 2]
    assert all(len(json.dumps(work.document())) < 2000 for work in epochs)
    shared = [work for work in asked if isinstance(work, Candidate) and work.weights == Weights("shared", 7)]
    heirs = asked[8 + len(shared):]
    assert len(shared) == 3 * 4 and [work.weights for work in heirs] == [Weights("inherit", 7)] * 2
    assert shared[0].fidelity == {"statistics": "recalibrated", "recalibration": 10} and heirs[0].fidelity == {"epochs": 3}
    best = max(sum(value == 5 for value in work.architecture.genotype.values()) for work in shared)
    assert sum(value == 5 for value in heirs[0].architecture.genotype.values()) == best


def test_without_heirs_the_search_ends_with_the_ranking() -> None:
    asked, _ = driven(replace(SMALL, heirs=0))
    assert {work.weights.source for work in asked if isinstance(work, Candidate)} == {"shared"}


def test_the_state_is_small_and_goes_on_where_it_was() -> None:
    strategy = OnceForAll(TINY, SMALL, 3)
    state = json.loads(json.dumps(strategy.state_dict()))
    fresh = OnceForAll(TINY, SMALL, 3)
    fresh.load_state_dict(state)
    assert fresh.ask(1) == strategy.ask(1) and set(state) == {"asked", "generation", "born", "heirs"}


def test_pictures_tell_the_stage_and_what_was_sampled() -> None:
    _, events = driven()
    told = [event for event in events if "stage" in event.data]
    assert [event.data["stage"] for event in told] == ["full"] * 2 + ["kernel"] * 2 + ["depth"] * 2 + ["width"] * 2
    figures, choices, sizes = told[4].data["pictures"]
    assert figures["values"] == {"kernels": 2, "depths": 2, "expansions": 1}
    assert figures["note"] == "Stage 3 of 4, depth: kernels 3, 5; depths 1, 2; expansions 3."
    rows = {row["name"]: row for row in choices["decisions"]}
    assert rows["kernel"] == {"name": "kernel", "at": ["3", "5"], "values": [[0.0, 1.0], [0.5, 0.5]]}
    [row] = sizes["decisions"]
    assert row["at"][-1] == "9,000" and len(row["at"]) == 8 and row["values"][0][-1] == 1.0
    assert sum(row["values"][1]) == pytest.approx(1.0, abs=1e-3)
    assert all(len(json.dumps(event.document())) < 4096 for event in events)


def test_the_cpu_preset_ends_within_thirty_trials_heirs_among_them() -> None:
    o = Options(**CPU)
    assert o.population * o.generations + o.heirs <= 30 and not o.check()


def test_cut_inside_every_epoch_of_every_stage_in_fresh_processes_it_is_the_unbroken_search(tmp_path: Path) -> None:
    spec = parse({"space": {"kind": "slimmable", "channels": 8, "stages": 1, "kernels": [3, 5], "depths": [1, 2],
                            "expansions": [2, 3]}, "dataset": {"name": "digits", "train_limit": 64},
                  "strategy": {"name": "once_for_all", "preset": "cpu", "epochs": 4, "batch_size": 16, "full": 1,
                               "kernel": 1, "depth": 1, "width": 1},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1, "checkpoint_seconds": 0.0}})
    method = OnceForAll(spec.space, spec.strategy.options, spec.seed)

    def outcomes(folder: Path, cut: bool) -> list[Any]:
        found = []
        for k in range(4):
            work = SupernetEpoch(k, trial=k, continues=k - 1 if k else None, settings=method.settings(k))
            for stop in ((True, False) if cut else (False,)):           # a step, then the process ends; and again
                shared._resident.clear()
                try:
                    found.append(perform(spec, work, folder / str(k), tmp_path / "data", "cpu", emit=lambda event: None,
                                         stop=lambda stop=stop: stop))  # type: ignore[misc]
                except Interrupted:
                    assert stop
        return [(outcome.score, outcome.payload) for outcome in found]

    assert outcomes(tmp_path / "cut", True) == outcomes(tmp_path / "whole", False)
    assert [method.settings(k)["stage"] for k in range(4)] == ["full", "kernel", "depth", "width"]


def test_a_search_on_digits_within_a_limit_ends_with_an_heir_and_a_final_from_scratch(tmp_path: Path) -> None:
    limit = 152_000
    spec = parse({"space": {"kind": "slimmable", "channels": 8, "stages": 2, "kernels": [3, 5], "depths": [1, 2],
                            "expansions": [2, 3]}, "dataset": {"name": "digits", "train_limit": 128},
                  "strategy": {"name": "once_for_all", "preset": "cpu", "epochs": 5, "population": 4, "parents": 2,
                               "crossover": 2, "mutation": 2, "generations": 2}, "constraints": {"parameters": limit},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1}})
    events: list[Event] = []
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", events.append)
    epochs = [work for work in search.items if isinstance(work, SupernetEpoch)]
    assert [work.settings["stage"] for work in epochs][0] == "full" and epochs[-1].settings["stage"] == "width"
    done = [(work, search.outcomes[work.trial]) for work in search.items if search.outcomes[work.trial].ok]
    own = [(work, outcome) for work, outcome in done if isinstance(work, Candidate) and work.final_of is None]
    assert [outcome.score_kind for _, outcome in own] == ["shared"] * 8 + ["inherited"]
    assert all(outcome.metrics["parameters"] <= limit for _, outcome in own)
    final = search.items[-1]
    assert isinstance(final, Candidate) and final.final_of == own[-1][0].trial and final.weights == Weights()
    assert search.outcomes[final.trial].score_kind == "scratch" and 0 <= search.outcomes[final.trial].metrics["test"] <= 1
    kinds = [row["score_kind"] for row in leaderboard(spec, done)]
    assert kinds == ["scratch", "inherited"] + ["shared"] * 8
    assert all(len(json.dumps(event.document())) < 4096 for event in events)
