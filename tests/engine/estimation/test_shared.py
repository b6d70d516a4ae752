"""Shared weights as the search sees them: epochs that continue, candidates that are ranked, finals, interruptions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.architecture.architecture import Architecture
from engine.checkpoint import Checkpoints
from engine.constraints import refused
from engine.estimation import latency, shared
from engine.estimation.context import Interrupted
from engine.events import Event
from engine.nets.paths import LOOKS
from engine.perform import perform
from engine.run import run
from engine.search import NOTHING
from engine.spec import Spec, parse
from engine.work import Candidate, Outcome, SupernetEpoch, Weights

torch.set_num_threads(1)
DOCUMENT: dict[str, Any] = {
    "space": {"kind": "nas_bench_201", "preset": "table", "channels": 2}, "dataset": {"name": "digits", "train_limit": 96},
    "strategy": {"name": "darts", "preset": "cpu", "epochs": 4, "batch_size": 16, "order": "second"},
    "estimation": {"name": "shared", "preset": "cpu", "epochs": 1, "checkpoint_seconds": 0.0}}
SPEC = parse(DOCUMENT)
CELL = Architecture("nas_bench_201", {"arch": "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|none~0|avg_pool_3x3~1|none~2|"})


class Home:
    """A search's folder of trials."""

    def __init__(self, folder: Path, spec: Spec = SPEC) -> None:
        self.folder, self.spec = folder, spec
        self.events: list[Event] = []

    def perform(self, work: Candidate | SupernetEpoch, stop: Callable[[], bool] = lambda: False) -> Outcome:
        return perform(self.spec, work, self.folder / str(work.trial), self.folder / "data", "cpu", emit=self.events.append,
                       stop=stop)

    def epochs(self, count: int) -> list[Outcome]:
        return [self.perform(SupernetEpoch(k, trial=k, continues=k - 1 if k else None)) for k in range(count)]

    def saved(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.glob("*/checkpoints/*.pt"))


def forgotten() -> None:
    """As in a fresh process."""
    shared._resident.clear()


def plain(outcome: Outcome) -> Any:
    """Without what the clock says."""
    document = json.loads(json.dumps(outcome.document(), allow_nan=False))
    document["spend"].pop("seconds", None)
    return {**document, "artifact": None}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, list[Outcome]]:
    """Three epochs without a break."""
    forgotten()
    home = Home(tmp_path_factory.mktemp("whole"))
    return home, home.epochs(3)


def test_an_epoch_tells_losses_alphas_entropy_skips_and_what_they_stand_for(whole: tuple[Home, list[Outcome]]) -> None:
    home, outcomes = whole
    for outcome in outcomes:
        payload = outcome.payload
        assert outcome.ok and outcome.score_kind == "shared" and outcome.spend["epochs"] == 1.0
        assert outcome.score == payload["valid_score"] and {"train_loss", "valid_loss", "skips"} <= set(payload)
        assert [len(row) for row in payload["alphas"]["cell"]["softmax"]] == [5] * 6 and len(payload["entropy"]["cell"]) == 6
        assert SPEC.space.contains(Architecture(**payload["derived"])) and payload["tables"]["cell"]["ops"][0] == "none"
        assert len(json.dumps(payload)) < 65_536
    kinds = [event.type for event in home.events if event.trial == 1]
    assert kinds[0] == "trial_started" and kinds.count("epoch") == 1 and "checkpoint" in kinds


def test_a_search_keeps_two_states_of_its_supernet(whole: tuple[Home, list[Outcome]]) -> None:
    assert [path.split("/")[0] for path in whole[0].saved()] == ["1", "2"]


def test_cut_inside_and_between_epochs_in_fresh_processes_it_is_the_unbroken_search(
        whole: tuple[Home, list[Outcome]], tmp_path: Path) -> None:
    home, outcomes = Home(tmp_path), []
    for k in range(3):
        work = SupernetEpoch(k, trial=k, continues=k - 1 if k else None)
        for _ in range(2):                              # a step, then the process ends; and again
            forgotten()
            with pytest.raises(Interrupted):
                home.perform(work, stop=lambda: True)
        forgotten()
        outcomes.append(home.perform(work))
    assert [plain(o) for o in outcomes] == [plain(o) for o in whole[1]]
    forgotten()
    ranked = [each.perform(Candidate(CELL, weights=Weights("shared", 2), trial=9)) for each in (home, whole[0])]
    assert plain(ranked[0]) == plain(ranked[1])


def test_an_epoch_that_had_ended_before_its_outcome_was_written_gives_it_again(tmp_path: Path) -> None:
    home = Home(tmp_path)
    first, second = home.epochs(2)
    forgotten()
    assert plain(home.perform(SupernetEpoch(1, trial=1, continues=0))) == plain(second)
    assert plain(first) != plain(second)


def test_a_candidate_is_scored_with_the_weights_as_they_are(whole: tuple[Home, list[Outcome]]) -> None:
    home, before = whole[0], whole[0].saved()
    work = Candidate(CELL, weights=Weights("shared", 2), trial=10)
    first, again = home.perform(work), home.perform(work)
    assert first.ok and first.score_kind == "shared" and first.score == again.score and first.artifact is None
    assert 0.0 <= first.score <= 1.0 and first.spend["epochs"] == 0.0 and first.metrics["supernet"] == 2
    assert home.saved() == before and not (home.folder / "10" / "weights.safetensors").exists()
    nothing = Architecture("nas_bench_201", {"arch": "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"})
    other = home.perform(Candidate(nothing, weights=Weights("shared", 2), trial=11))
    assert other.ok and other.score != first.score


def test_recalibrated_statistics_are_another_score_and_leave_nothing_behind(whole: tuple[Home, list[Outcome]]) -> None:
    document = {**DOCUMENT, "estimation": {**DOCUMENT["estimation"], "statistics": "recalibrated", "recalibration": 3}}
    home = Home(whole[0].folder, parse(document))
    work = Candidate(CELL, weights=Weights("shared", 2), trial=12)
    first, again = home.perform(work), home.perform(work)
    assert first.ok and first.score == again.score
    [(sharing, _)] = shared._resident.values()
    assert not list(sharing.supernet.buffers())


def test_a_strategy_may_go_back_to_an_older_state_where_more_of_them_are_kept(tmp_path: Path) -> None:
    """Without other settings the epoch comes out as it did; with more decay it does not. What was left behind goes."""
    home, kept = Home(tmp_path), {"keep": 2}
    outcomes = [home.perform(SupernetEpoch(k, trial=k, continues=k - 1 if k else None, settings=kept)) for k in range(4)]
    assert [path.split("/")[0] for path in home.saved()] == ["1", "2", "3"]
    forgotten()
    same = home.perform(SupernetEpoch(4, trial=4, continues=1, settings=kept))
    assert same.payload == outcomes[2].payload and [path.split("/")[0] for path in home.saved()] == ["1", "4"]
    decayed = home.perform(SupernetEpoch(5, trial=5, continues=1, settings={**kept, "plan": {"weight_decay": 0.3}}))
    assert decayed.ok and decayed.payload["train_loss"] != same.payload["train_loss"]
    [(sharing, _)] = shared._resident.values()
    assert sharing.optimizer.param_groups[0]["weight_decay"] == 0.3
    assert [path.split("/")[0] for path in home.saved()] == ["1", "5"]


def test_a_candidates_fidelity_replaces_the_options_of_the_same_name(whole: tuple[Home, list[Outcome]]) -> None:
    wanted = {"statistics": "recalibrated", "recalibration": 3}
    home = Home(whole[0].folder, parse({**DOCUMENT, "estimation": {**DOCUMENT["estimation"], **wanted}}))
    work = Candidate(CELL, weights=Weights("shared", 2), trial=14)
    asked = whole[0].perform(replace(work, fidelity=wanted))
    assert asked.score == home.perform(work).score != whole[0].perform(work).score


def test_a_candidate_from_scratch_is_trained_as_ever(tmp_path: Path) -> None:
    scratch = parse({**DOCUMENT, "strategy": {"name": "random_search"},
                     "estimation": {"name": "scratch", "preset": "cpu", "epochs": 1, "checkpoint_seconds": 0.0}})
    work = Candidate(CELL, trial=3)
    ours, theirs = Home(tmp_path / "a").perform(work), Home(tmp_path / "b", scratch).perform(work)
    assert ours.score == theirs.score and ours.score_kind == "scratch" and ours.artifact == theirs.artifact


def test_what_is_missing_or_foreign_is_an_outcome_with_a_reason(whole: tuple[Home, list[Outcome]], tmp_path: Path) -> None:
    forgotten()
    lost = Home(tmp_path).perform(SupernetEpoch(4, trial=4, continues=3))
    assert lost.status == "failed" and "trial 3" in lost.metrics["error"]
    other = Home(whole[0].folder, parse({**DOCUMENT, "seed": 5}))
    foreign = other.perform(Candidate(CELL, weights=Weights("shared", 2), trial=13))
    assert foreign.status == "failed" and "another search" in foreign.metrics["error"]


def test_a_constraint_refuses_before_anything_is_loaded(tmp_path: Path) -> None:
    home = Home(tmp_path, parse({**DOCUMENT, "constraints": {"parameters": 10}}))
    for work in (Candidate(CELL, weights=Weights("shared", 2), trial=0), Candidate(CELL, trial=1),
                 Candidate(CELL, trial=2, final_of=0)):     # what an epoch stood for was never scored
        refused = home.perform(work)
        assert refused.status == "failed" and refused.metrics["error_kind"] == "constraint"


def timing(monkeypatch: pytest.MonkeyPatch, *, of: float) -> list[Any]:
    """Every network takes so many milliseconds; gives those that were timed."""
    timed: list[Any] = []
    monkeypatch.setattr(latency, "latency_ms", lambda model, example: timed.append(model) or of)
    return timed


@pytest.mark.parametrize(("limit", "ok"), [(2.0, True), (1.0, False)])
def test_a_score_with_shared_weights_is_judged_by_the_networks_own_latency(
        whole: tuple[Home, list[Outcome]], monkeypatch: pytest.MonkeyPatch, limit: float, ok: bool) -> None:
    timing(monkeypatch, of=1.5)
    plainly = whole[0].perform(Candidate(CELL, weights=Weights("shared", 2), trial=15))
    assert "latency_ms" not in plainly.metrics
    home = Home(whole[0].folder, parse({**DOCUMENT, "constraints": {"latency_ms": limit}}))
    found = home.perform(Candidate(CELL, weights=Weights("shared", 2), trial=15))
    assert found.ok is ok and found.metrics["latency_ms"] == 1.5 and refused(found) is not ok
    assert (found.score or found.metrics["score_reached"]) == plainly.score


def test_a_final_that_nobody_timed_before_is_refused_before_it_is_trained(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a supernet stood for when the search ended. What was scored was judged then, and is not judged again."""
    timed = timing(monkeypatch, of=1.5)
    home = Home(tmp_path, parse({**DOCUMENT, "constraints": {"latency_ms": 1.0}}))
    late = home.perform(Candidate(CELL, trial=1, final_of=0, origin={"how": "final", "unscored": True}))
    assert late.status == "failed" and refused(late) and "curve" not in late.metrics and len(timed) == 1
    assert late.metrics["error"] == "Over the limit: 1.5 ms of latency where 1 are allowed."
    assert home.perform(Candidate(CELL, trial=2, final_of=0, origin={"how": "final"})).ok


@pytest.mark.parametrize(("limit", "finals"), [(1.0, 0), (2.0, 1)])
def test_what_stands_by_keeps_the_limit_of_the_latency_or_the_search_says_why_there_is_nothing(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: float, finals: int) -> None:
    timed, events = timing(monkeypatch, of=1.5), list[Event]()
    spec = parse({**DOCUMENT, "strategy": {"name": "random_sharing", "preset": "cpu", "epochs": 4, "batch_size": 16},
                  "constraints": {"latency_ms": limit}, "budget": {"trials": None, "epochs": 1}})
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", events.append)
    assert ("standby" in search.outcomes[0].payload) is bool(finals) and len(search.items) == 1 + finals
    assert len(timed) == (3 if finals else LOOKS)           # the best, its final before and after the training; or all
    said = [event.data["text"] for event in events if event.type == "log"]
    assert said == ([] if finals else [NOTHING])


def test_a_damaged_state_is_told_and_the_one_before_taken(tmp_path: Path) -> None:
    home = Home(tmp_path)
    work = SupernetEpoch(0, trial=0)
    asked = iter((False, True))
    with pytest.raises(Interrupted):
        home.perform(work, stop=lambda: next(asked))
    newest = Checkpoints(tmp_path / "0" / "checkpoints").all()[0].path
    newest.write_bytes(newest.read_bytes()[:-1] + b"x")
    forgotten()
    damaged = home.perform(work)
    assert [event.type for event in home.events].count("checkpoint_rejected") == 1
    fresh = Home(tmp_path / "fresh")
    assert plain(damaged) == plain(fresh.perform(work))
