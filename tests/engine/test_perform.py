"""Performing one work item: seeds by number, faults as outcomes, the test set only by finals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.events import Event
from engine.perform import perform, trial_seed
from engine.run import comparison
from engine.search import Search
from engine.spec import parse
from engine.work import Candidate, SupernetEpoch

DOCUMENT = {"space": {"kind": "nas_bench_201", "preset": "cpu"}, "strategy": {"name": "random_search"},
            "dataset": {"name": "digits", "train_limit": 100},
            "estimation": {"name": "scratch", "preset": "cpu", "epochs": 1}}
SPEC = parse(DOCUMENT)


def candidate() -> Candidate:
    work = Search(SPEC).ready()[0]
    assert isinstance(work, Candidate)
    return work


def run(work: Candidate, folder: Path) -> tuple[float | None, list[Event], dict[str, object]]:
    events: list[Event] = []
    outcome = perform(SPEC, work, folder, folder / "data", "cpu", emit=events.append, stop=lambda: False)
    return outcome.score, events, dict(outcome.metrics)


def test_the_same_number_trains_to_the_same_score_whoever_ran_before(tmp_path: Path) -> None:
    work = candidate()
    first, events, _ = run(work, tmp_path / "a")
    run(replace(work, trial=5), tmp_path / "b")
    again, _, _ = run(work, tmp_path / "c")
    assert first == again and {event.type for event in events} >= {"trial_started", "epoch"}


def test_seeds_differ_by_trial_and_a_final_has_its_own() -> None:
    work = candidate()
    seeds = [trial_seed(SPEC, work), trial_seed(SPEC, replace(work, trial=1)),
             trial_seed(SPEC, replace(work, final_of=0)), trial_seed(SPEC, replace(work, final_of=0, seed=1))]
    assert len(set(seeds)) == 4
    assert trial_seed(SPEC, replace(work, trial=30, final_of=0)) == trial_seed(SPEC, replace(work, trial=31, final_of=0))


def test_repetitions_share_their_seeds_whoever_is_trained() -> None:
    """So that candidates can be compared on the same ones."""
    work = candidate()
    first, second = (trial_seed(SPEC, replace(work, trial=trial, seed=1)) for trial in (4, 9))
    assert first == second not in (trial_seed(SPEC, replace(work, trial=4)), trial_seed(SPEC, replace(work, seed=2)))


def test_only_a_final_touches_the_test_set(tmp_path: Path) -> None:
    work = candidate()
    _, _, plain = run(work, tmp_path / "a")
    _, _, final = run(replace(work, trial=1, final_of=0), tmp_path / "b")
    assert plain.get("test") is None and isinstance(final["test"], float)


def test_work_that_the_estimation_does_not_do_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="Training from scratch"):
        perform(SPEC, SupernetEpoch(0), tmp_path, tmp_path, "cpu", emit=lambda event: None, stop=lambda: False)


@pytest.mark.parametrize(("slots", "trial", "seen"), [(1, 3, [0, 1, 2]), (2, 3, [0, 1]), (3, 2, [])])
def test_in_strict_order_median_stopping_sees_what_the_proposal_could_see(slots: int, trial: int, seen: list[int]) -> None:
    spec = parse({**DOCUMENT, "execution": {"slots": slots}})
    curves = {number: [float(number)] for number in range(5)}
    assert comparison(spec, curves, trial) == [[float(number)] for number in seen]
