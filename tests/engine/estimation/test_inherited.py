"""Inherited weights: what a fabric leaves begins as it was there, goes on gently, survives a kill."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from engine.constraints import KIND
from engine.estimation import shared
from engine.estimation.context import Context
from engine.estimation.inherited import Heir
from engine.events import Event
from engine.nets.build import build
from engine.perform import perform, splits
from engine.spec import Spec, parse
from engine.training.task import accuracy
from engine.work import Candidate, Outcome, SupernetEpoch, Weights
from tests.engine.cutting import to_the_end

torch.set_num_threads(1)
DOCUMENT: dict[str, Any] = {
    "space": {"kind": "fabric", "layers": 2, "scales": 2, "channels": 4}, "dataset": {"name": "digits", "train_limit": 96},
    "strategy": {"name": "fabric", "preset": "cpu", "epochs": 2, "batch_size": 16},
    "estimation": {"name": "shared", "preset": "cpu", "epochs": 4, "batch_size": 32, "lr": 0.02, "warmup": 0.5,
                   "checkpoint_seconds": 0.0}}
SPEC = parse(DOCUMENT)
PATH = SPEC.space.sample(Random(0)).architecture
HEIR = Candidate(PATH, fidelity={"epochs": 2}, weights=Weights("inherit", 0), trial=3)


class Home:
    """A search's folder, with a fabric that was trained for an epoch."""

    def __init__(self, folder: Path, spec: Spec = SPEC) -> None:
        self.folder, self.spec, self.events = folder, spec, list[Event]()

    def perform(self, work: Candidate | SupernetEpoch = HEIR, stop: Callable[[], bool] = lambda: False) -> Outcome:
        return perform(self.spec, work, self.folder / str(work.trial), self.folder / "data", "cpu", emit=self.events.append,
                       stop=stop)

    def weights(self, trial: int = 3) -> dict[str, torch.Tensor]:
        return load_file(self.folder / str(trial) / "weights.safetensors")


def plain(outcome: Outcome) -> Any:
    """Without what the clock says."""
    document = json.loads(json.dumps(outcome.document(), allow_nan=False))
    return {**document, "spend": document["spend"]["epochs"]}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("fabric"))
    assert made.perform(SupernetEpoch(0, trial=0)).ok
    return made


def test_without_an_epoch_it_is_the_part_of_the_fabric_with_statistics_of_its_own(home: Home) -> None:
    outcome = home.perform(replace(HEIR, fidelity={"epochs": 0}, trial=4))
    assert outcome.ok and outcome.score_kind == "inherited" and outcome.spend["epochs"] == 0
    assert outcome.metrics["curve"] == [] and outcome.metrics["supernet"] == 0 and "test" not in outcome.metrics
    [(sharing, _)] = shared._resident.values()
    known, found = sharing.supernet.state_dict(), home.weights(4)
    inherited = [name for name in found if name in known]
    assert len(inherited) > 4 and all(torch.equal(found[name], known[name]) for name in inherited)
    means = [value for name, value in found.items() if name.endswith("running_mean")]
    assert means and all(value.abs().sum() > 0 for value in means)
    assert set(found) - set(known) == {name for name in found if name.rpartition(".")[2] in (
        "running_mean", "running_var", "num_batches_tracked")}


def test_training_goes_on_gently_and_gives_a_network_that_scores_what_is_told(home: Home) -> None:
    before, outcome = len(home.events), home.perform()
    assert outcome.ok and outcome.score_kind == "inherited" and outcome.spend["epochs"] == 2
    assert outcome.score == outcome.metrics["curve"][-1] and len(outcome.metrics["curve"]) == 2
    data = splits(SPEC, home.folder / "data", "cpu")
    alone = build(SPEC.space.network(PATH, data.shape, 10), data.shape)
    alone.load_state_dict(home.weights())
    assert accuracy(alone, data, data.validation) == outcome.score
    assert [event.type for event in home.events[before:]].count("epoch") == 2
    scratch = home.perform(Candidate(PATH, fidelity={"epochs": 2}, trial=5))
    assert scratch.score_kind == "scratch" and scratch.score != outcome.score
    assert outcome.metrics["train_curve"][0] != scratch.metrics["train_curve"][0]


def test_its_learning_rate_is_a_tenth_without_warmup(home: Home) -> None:
    data = splits(SPEC, home.folder / "data", "cpu")
    context = Context(SPEC, SPEC.space, data, "cpu", home.folder / "6", 1, home.events.append, lambda: False)
    plan = Heir(HEIR, context, SPEC.estimation.options, dict)._plan()
    assert (plan.lr, plan.warmup, plan.epochs) == (pytest.approx(0.002), 0.0, 2)
    assert Heir(replace(HEIR, fidelity={"lr": 0.5}), context, SPEC.estimation.options, dict)._plan().lr == 0.5


def test_cut_at_every_step_in_fresh_processes_it_is_the_unbroken_training(home: Home) -> None:
    work = replace(HEIR, trial=9)
    unbroken, weights = home.perform(work), home.weights(9)
    shutil.rmtree(home.folder / "9")
    again, cuts = to_the_end(lambda: home.perform(work, stop=lambda: True))
    assert cuts == 5 and plain(again) == plain(unbroken)
    assert all(torch.equal(value, weights[name]) for name, value in home.weights(9).items())


def test_what_is_missing_is_an_outcome_with_its_reason(home: Home) -> None:
    lost = home.perform(replace(HEIR, weights=Weights("inherit", 17), trial=10))
    nobody = home.perform(replace(HEIR, weights=Weights("inherit"), trial=11))
    assert lost.status == nobody.status == "failed"
    assert "trial 17" in lost.metrics["error"] and "no trial is named" in nobody.metrics["error"]


def test_a_limit_refuses_it_before_anything_is_read(tmp_path: Path) -> None:
    refused = Home(tmp_path, parse({**DOCUMENT, "constraints": {"parameters": 10}})).perform()
    assert refused.metrics["error_kind"] == KIND and not refused.spend
