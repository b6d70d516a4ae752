"""Training from scratch as the search sees it: outcomes, events, interruptions, early stopping, the test set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from engine import options
from engine.architecture.architecture import Architecture
from engine.checkpoint import Checkpoints
from engine.datasets.digits import Digits
from engine.errors import Invalid, NonFinite, Problem
from engine.estimation import scratch
from engine.estimation.context import Context, Interrupted
from engine.estimation.scratch import Options, Scratch
from engine.events import Event
from engine.nets.build import build
from engine.registry import discover
from engine.spec import Part, parse, parse_space
from engine.training.data import Splits, load_splits
from engine.training.task import Measure, accuracy, right
from engine.training.trainer import Training
from engine.work import Candidate, Outcome, Weights

torch.set_num_threads(1)
_, SPACE = parse_space({"kind": "chain", "preset": "cpu", "min_layers": 2, "max_layers": 2, "types": ["conv"],
                        "channels": [16], "strides": [1], "kernels": [3], "hidden": [64], "dropout": [20]})
QUICK = Options(epochs=3, batch_size=64, optimizer="adamw", lr=0.01)
SPEC = parse({"space": {"kind": "chain"}, "strategy": {"name": "random_search"}, "dataset": {"name": "digits"}})
WORK = Candidate(SPACE.sample(Random(0)).architecture, trial=4)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Splits:
    return load_splits(Part("digits", Digits(train_limit=200)), tmp_path_factory.mktemp("data"), "cpu", 0)


class Surroundings:
    """A folder, the events that were emitted, and a stop that becomes true after so many questions."""

    def __init__(self, folder: Path, data: Splits) -> None:
        self.folder, self.data = folder, data
        self.events: list[Event] = []

    def perform(self, given: Options = QUICK, work: Candidate = WORK, *, stop_after: int | None = None, seed: int = 5,
                comparison: Sequence[Sequence[float]] = ()) -> Outcome:
        asked = iter(range(10**9))
        stop: Callable[[], bool] = (lambda: False) if stop_after is None else (lambda: next(asked) >= stop_after)
        context = Context(SPEC, SPACE, self.data, "cpu", self.folder, seed, self.events.append, stop, comparison)
        return Scratch(given).perform(work, context)

    def named(self, kind: str) -> list[dict[str, Any]]:
        return [dict(event.data) for event in self.events if event.type == kind]

    def weights(self) -> str:
        return hashlib.sha256((self.folder / "weights.safetensors").read_bytes()).hexdigest()


@pytest.fixture
def here(tmp_path: Path, data: Splits) -> Surroundings:
    return Surroundings(tmp_path, data)


def test_the_outcome_tells_score_cost_curve_and_weights(here: Surroundings) -> None:
    outcome = here.perform()
    assert outcome.status == "done" and outcome.score_kind == "scratch"
    assert outcome.score == outcome.metrics["curve"][-1] and 0 < outcome.score <= 1
    assert len(outcome.metrics["curve"]) == len(outcome.metrics["train_curve"]) == 3
    assert outcome.metrics["flops"] == 2 * outcome.metrics["macs"] > 0
    assert outcome.spend["epochs"] == 3 and outcome.spend["seconds"] > 0
    assert outcome.artifact == here.weights() and "test" not in outcome.metrics


def test_the_weights_file_is_the_network_that_was_scored(here: Surroundings, data: Splits) -> None:
    outcome = here.perform()
    model = build(SPACE.network(WORK.architecture, data.shape, 10), data.shape)
    model.load_state_dict(load_file(here.folder / "weights.safetensors"))
    assert accuracy(model, data, data.validation) == outcome.score
    assert sum(p.numel() for p in model.parameters()) == outcome.metrics["parameters"]


def test_events_tell_the_story_in_order(here: Surroundings) -> None:
    outcome = here.perform()
    assert [e.type for e in here.events] == ["trial_started", *["epoch", "checkpoint"] * 3]
    assert {e.trial for e in here.events} == {4}
    epochs = here.named("epoch")
    assert [e["epoch"] for e in epochs] == [1, 2, 3] and all(e["epochs"] == 3 for e in epochs)
    assert [e["score"] for e in epochs] == outcome.metrics["curve"]
    assert [e["train_loss"] for e in epochs] == outcome.metrics["train_curve"]
    newest = here.named("checkpoint")[-1]
    saved = Checkpoints(here.folder / "checkpoints").all()[0]
    assert (newest["step"], newest["sha256"], newest["size"]) == (saved.step, saved.sha256, saved.size)


def test_a_stop_at_any_step_and_going_on_gives_the_same_bits(tmp_path: Path, data: Splits) -> None:
    whole = Surroundings(tmp_path / "whole", data)
    whole.folder.mkdir()
    expected = whole.perform()
    steps = 3 * 4
    for cut in range(steps - 1):
        cut_off = Surroundings(tmp_path / str(cut), data)
        cut_off.folder.mkdir()
        with pytest.raises(Interrupted):
            cut_off.perform(stop_after=cut)
        assert Checkpoints(cut_off.folder / "checkpoints").all()[0].step == cut + 1
        outcome = cut_off.perform()
        assert outcome.artifact == expected.artifact == cut_off.weights(), f"stopped after step {cut + 1}"
        assert {**outcome.metrics} == {**expected.metrics}
        assert [e["epoch"] for e in cut_off.named("epoch")] == [1, 2, 3], "each epoch is told once"


def test_a_final_asked_to_stop_at_every_step_still_ends(here: Surroundings) -> None:
    for _ in range(3 * 4 - 1):
        with pytest.raises(Interrupted):
            here.perform(stop_after=0)
    outcome = here.perform(stop_after=0)
    assert outcome.status == "done" and outcome.spend["seconds"] > 0


def test_performing_finished_work_again_gives_the_same_outcome_without_training(here: Surroundings,
                                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    first = here.perform()
    monkeypatch.setattr(Training, "advance", None)
    second = here.perform()
    assert (second.score, second.artifact, second.metrics) == (first.score, first.artifact, first.metrics)


def test_a_damaged_checkpoint_is_told_and_the_one_before_is_taken(here: Surroundings) -> None:
    with pytest.raises(Interrupted):
        here.perform(stop_after=5)
    newest = Checkpoints(here.folder / "checkpoints").all()[0]
    newest.path.write_bytes(newest.path.read_bytes()[:-1] + b"?")
    outcome = here.perform()
    assert outcome.status == "done" and "bytes" not in here.named("checkpoint_rejected")[0]["name"]
    assert here.named("trial_started")[-1]["step"] == 4, "the checkpoint after the first epoch"


def test_checkpoints_of_another_training_are_not_taken(here: Surroundings) -> None:
    first = here.perform()
    for other in (replace(QUICK, lr=0.02), replace(QUICK, epochs=4)):
        outcome = here.perform(other)
        assert here.named("trial_started")[-1]["step"] == 0 and outcome.artifact != first.artifact
        assert "another training" in here.named("checkpoint_rejected")[-1]["reason"]


def test_the_clock_also_makes_checkpoints(here: Surroundings) -> None:
    here.perform(replace(QUICK, checkpoint_seconds=0.0))
    assert [e["step"] for e in here.named("checkpoint")] == list(range(1, 13))


def test_seed_alone_decides(tmp_path: Path, data: Splits) -> None:
    def artifact(name: str, seed: int, trial: int = 4) -> str | None:
        there = Surroundings(tmp_path / name, data)
        there.folder.mkdir()
        return there.perform(work=replace(WORK, trial=trial), seed=seed).artifact

    assert artifact("a", 5) == artifact("b", 5, trial=9) != artifact("c", 6)


def test_only_finals_read_the_test_set(here: Surroundings, data: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    """Candidates are given no test set at all; a final reads it exactly once."""
    read: list[int] = []
    measured = accuracy

    def note(model: Any, splits: Splits, part: Any) -> float:
        read.append(len(part))
        return measured(model, splits, part)

    monkeypatch.setattr("engine.training.task.MEASURES", {"images": Measure(note, right)})
    missing: Any = None
    here.data = replace(data, test=missing)
    assert here.perform().status == "done" and set(read) == {len(data.validation)}
    here.data, here.folder = data, here.folder / "final"
    here.folder.mkdir()
    read.clear()
    outcome = here.perform(work=replace(WORK, final_of=2))
    assert read.count(len(data.test)) == 1 and 0 < outcome.metrics["test"] <= 1
    assert outcome.score == outcome.metrics["curve"][-1], "the score stays the validation's"


def test_fidelity_and_hyper_replace_the_options_of_their_name(here: Surroundings) -> None:
    outcome = here.perform(work=replace(WORK, fidelity={"epochs": 1}, hyper={"lr": 0.001}))
    assert outcome.spend["epochs"] == 1 and len(outcome.metrics["curve"]) == 1


def curves(*scores: float) -> list[list[float]]:
    return [[score] * 3 for score in scores]


MEDIAN = replace(QUICK, early_stop="median")


def test_median_stops_what_is_worse_than_half_of_the_others(here: Surroundings) -> None:
    outcome = here.perform(MEDIAN, comparison=curves(2, 2, 2, 2, 2))
    assert outcome.status == "pruned" and outcome.spend["epochs"] == 1
    assert outcome.score == outcome.metrics["curve"][-1] and len(outcome.metrics["curve"]) == 1
    assert outcome.artifact == here.weights()


@pytest.mark.parametrize("others", [curves(2, 2, 2, 2), curves(0, 0, 0, 2, 2), curves(0, 0, 0, 0, 0), [[], [], [], [], []]],
                         ids=["too few", "better than half", "best", "no curves"])
def test_median_lets_others_go_on(here: Surroundings, others: list[list[float]]) -> None:
    outcome = here.perform(MEDIAN, comparison=others)
    assert outcome.status == "done" and outcome.spend["epochs"] == 3


def test_median_compares_at_the_same_epoch(here: Surroundings) -> None:
    outcome = here.perform(MEDIAN, comparison=[[0.0, 2.0, 2.0]] * 5)
    assert outcome.status == "pruned" and outcome.spend["epochs"] == 2


def test_median_is_not_asked_after_the_last_epoch_nor_in_finals_nor_by_default(tmp_path: Path, data: Splits) -> None:
    cases = [(MEDIAN, WORK, [[0.0, 0.0, 2.0]] * 5), (MEDIAN, replace(WORK, final_of=1), curves(2, 2, 2, 2, 2)),
             (QUICK, WORK, curves(2, 2, 2, 2, 2))]
    for number, (given, work, others) in enumerate(cases):
        there = Surroundings(tmp_path / str(number), data)
        there.folder.mkdir()
        assert there.perform(given, work, comparison=others).status == "done"


@pytest.mark.parametrize(("error", "kind"), [
    (NonFinite("the loss became nan"), "non_finite"), (torch.OutOfMemoryError("CUDA out of memory"), "oom"),
    (MemoryError(), "oom"), (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "oom"),
    (RuntimeError("other"), "error"), (OSError("No space left on device"), "error")])
def test_what_goes_wrong_is_an_outcome(here: Surroundings, monkeypatch: pytest.MonkeyPatch, error: Exception,
                                       kind: str) -> None:
    def fail(self: Training) -> bool:
        raise error

    monkeypatch.setattr(Training, "advance", fail)
    outcome = here.perform()
    assert (outcome.status, outcome.score, outcome.metrics["error_kind"]) == ("failed", None, kind)
    assert outcome.metrics["error"] in (str(error), type(error).__name__) and outcome.artifact is None


def test_a_network_that_cannot_be_is_an_outcome_with_its_reason(here: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    def network(self: Any, *given: Any) -> Any:
        raise Invalid(Problem("/network/pool", "leaves nothing of 3×2×2"))

    monkeypatch.setattr(type(SPACE), "network", network)
    outcome = here.perform()
    assert (outcome.status, outcome.score, outcome.metrics["error_kind"]) == ("failed", None, "infeasible")
    assert outcome.metrics["error"] == "/network/pool: leaves nothing of 3×2×2"


def test_a_diverging_training_is_non_finite(here: Surroundings) -> None:
    assert here.perform(replace(QUICK, optimizer="sgd", lr=1e30)).metrics["error_kind"] == "non_finite"


def test_weights_from_elsewhere_are_refused(here: Surroundings) -> None:
    outcome = here.perform(work=replace(WORK, weights=Weights("inherit", 1)))
    assert outcome.status == "failed" and "inherit" in outcome.metrics["error"]


@pytest.mark.parametrize("augmentation", ["crop", "crop_flip", "crop_flip_cutout"])
def test_augmented_trainings_run(here: Surroundings, augmentation: str) -> None:
    assert here.perform(replace(QUICK, augment=augmentation)).status == "done"


def test_the_cpu_preset_is_quick_and_good_on_all_digits(tmp_path: Path) -> None:
    whole = load_splits(Part("digits", Digits()), tmp_path, "cpu", 0)
    given = options.parse(Options, {"preset": "cpu"}, presets=discover("estimation")["scratch"].presets)
    genotype: dict[str, Any] = {"layers": 3, "hidden": 0}
    for block, stride in ((1, 1), (2, 2), (3, 1)):
        genotype |= {f"block_{block}_type": "conv", f"block_{block}_kernel": 3, f"block_{block}_channels": 32,
                     f"block_{block}_stride": stride}
    outcome = Surroundings(tmp_path, whole).perform(given, Candidate(Architecture("chain", genotype), trial=4))
    assert outcome.score is not None and outcome.score > 0.95 and outcome.spend["seconds"] < 20


def test_presets_and_bounds() -> None:
    entry = discover("estimation")["scratch"]
    assert {"paper", "cpu"} <= set(entry.presets) and entry.factory is Scratch
    paper = options.parse(Options, {"preset": "paper"}, presets=entry.presets)
    declared = {name: option.paper for name, option in options.options_of(Options).items() if option.paper is not None}
    assert {name: getattr(paper, name) for name in declared} == declared
    with pytest.raises(Invalid, match="warmup"):
        options.parse(Options, {"epochs": 1, "warmup": 1.0})
    with pytest.raises(Invalid, match="batch_size"):
        options.parse(Options, {"batch_size": 1})


def test_the_smallest_options_work(here: Surroundings) -> None:
    smallest = {name: option.low for name, option in options.options_of(Options).items() if option.low is not None}
    smallest.pop("batch_size")                  # a batch of two takes a hundred steps
    smallest.pop("updates")                     # takes the place of epochs
    outcome = here.perform(options.parse(Options, smallest))
    assert outcome.status == "done" and outcome.spend["epochs"] == 1


def test_declaring_it_names_all_augmentations() -> None:
    from engine.training.augment import AUGMENTATIONS

    assert options.options_of(Options)["augment"].choices == AUGMENTATIONS and scratch.COMPARED == 5
