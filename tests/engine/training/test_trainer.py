"""The training loop: learns, resumes bit-equal at every step, stops at the first loss that is no number."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from engine.architecture.graph import Graph, Node
from engine.datasets.arrays import Arrays
from engine.errors import NonFinite
from engine.nets.build import build
from engine.training import task as tasks
from engine.training.augment import augment
from engine.training.data import Splits, split
from engine.training.schedule import Schedule
from engine.training.task import accuracy
from engine.training.trainer import Plan, Training, seed_torch

torch.set_num_threads(1)
NETWORK = Graph((Node("input", "input"), Node("wide", "conv", ("input",), {"channels": 4, "kernel": 3, "stride": 2}),
                 Node("norm", "batch_norm", ("wide",)), Node("bent", "relu", ("norm",)),
                 Node("pool", "global_avg_pool", ("bent",)), Node("drop", "dropout", ("pool",), {"rate": 0.3}),
                 Node("classifier", "linear", ("drop",), {"units": 3})), "classifier")
PLAN = Plan(epochs=3, batch_size=8, lr=0.05, seed=11)
PLANS = {
    "sgd": PLAN,
    "no momentum": replace(PLAN, momentum=0.0, warmup=1.5),
    "adamw": replace(PLAN, optimizer="adamw", lr=0.01, warmup=1.0, label_smoothing=0.1, clip=1.0),
    **{name: replace(PLAN, optimizer=name, lr=0.01) for name in ("adam", "adadelta", "adagrad", "smorm3s")},
    "policy": replace(PLAN, schedule=Schedule("step", gamma=0.5, epochs=2), warmup=0.5),
    "augmented": replace(PLAN, augment=partial(augment, kind="crop_flip_cutout", seed=11)),
}


def splits(train: int = 26, seed: int = 0) -> Splits:
    """Three classes that differ in brightness."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, train + 20)
    images = (rng.integers(0, 60, (train + 20, 1, 8, 8)) + 90 * labels[:, None, None, None]).clip(0, 255).astype(np.uint8)
    return split(Arrays(images[:train], labels[:train], images[train:], labels[train:], tuple("abc")), 0.2, None, seed)


def training(plan: Plan = PLAN, data: Splits | None = None) -> Training:
    torch.manual_seed(plan.seed)
    return Training(build(NETWORK, (1, 8, 8)), data or splits(), plan)


def run(task: Training) -> Training:
    while not task.finished:
        task.advance()
    return task


def bits(value: Any) -> Any:
    """Tensors as bytes, so that == means equal to the last bit."""
    if isinstance(value, torch.Tensor):
        return value.detach().contiguous().numpy().tobytes()
    if isinstance(value, dict):
        return {key: bits(inner) for key, inner in value.items()}
    return [bits(inner) for inner in value] if isinstance(value, list | tuple) else value


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    found: dict[str, Any] = torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)
    return found


@pytest.mark.parametrize("name", PLANS)
def test_resuming_at_any_step_equals_never_having_stopped(name: str) -> None:
    """Every position, the borders of epochs among them, and each time in a fresh object with another global state."""
    plan, unbroken = PLANS[name], bits(run(training(PLANS[name])).state_dict())
    steps = training(plan).steps
    assert steps == 9
    for cut in range(steps + 1):
        first = training(plan)
        for _ in range(cut):
            first.advance()
        state = through_a_file(first.state_dict())
        torch.manual_seed(1000 + cut)
        second = Training(build(NETWORK, (1, 8, 8)), splits(), plan)
        second.load_state_dict(state)
        assert second.step == cut
        assert bits(run(second).state_dict()) == unbroken, f"cut at step {cut}"


def test_resuming_at_every_step_in_turn_equals_never_having_stopped() -> None:
    task = training()
    while not task.finished:
        task.advance()
        fresh = training()
        fresh.load_state_dict(through_a_file(task.state_dict()))
        task = fresh
    assert bits(task.state_dict()) == bits(run(training()).state_dict())


@pytest.mark.parametrize("missing", ["optimizer", "model"])
def test_leaving_out_a_part_of_the_state_would_be_seen(missing: str) -> None:
    first = training()
    for _ in range(4):
        first.advance()
    second = training()
    second.load_state_dict({**first.state_dict(), missing: second.state_dict()[missing]})
    assert bits(run(second).state_dict()) != bits(run(training()).state_dict())


def test_what_ran_before_does_not_matter() -> None:
    alone = bits(run(training()).state_dict())
    run(training(replace(PLAN, seed=12)))
    torch.rand(5)
    assert bits(run(training()).state_dict()) == alone


def test_seeds_matter() -> None:
    assert bits(run(training()).state_dict()) != bits(run(training(replace(PLAN, seed=12))).state_dict())


def test_dropout_differs_from_step_to_step() -> None:
    task = training()
    seen = []
    task.model.get_submodule("drop").register_forward_hook(lambda layer, given, out: seen.append(out == 0))
    run(task)
    kept = [pattern for pattern in seen if pattern.shape == (8, 4) and bool(pattern.any())]
    assert len({bits(pattern) for pattern in kept}) > 3


def test_seeding_is_that_of_torch_and_leaves_nothing_behind() -> None:
    torch.manual_seed(7)
    expected, queued = torch.rand(3), len(torch.cuda._queued_calls)
    seed_torch(7, cuda=False)
    assert torch.equal(torch.rand(3), expected) and len(torch.cuda._queued_calls) == queued


def test_every_image_is_seen_once_an_epoch() -> None:
    seen: list[int] = []

    def note(images: torch.Tensor, places: torch.Tensor, epoch: int) -> torch.Tensor:
        seen.extend((100 * epoch + places).tolist())
        return images

    run(training(replace(PLAN, augment=note)))
    assert sorted(seen) == [100 * epoch + place for epoch in range(3) for place in range(21)]


def test_it_learns() -> None:
    data = splits(train=200)
    task = run(training(replace(PLAN, epochs=12, lr=0.1), data))
    assert task.curve[-1] > 0.9 and task.train_curve[-1] < task.train_curve[0]
    assert len(task.curve) == len(task.train_curve) == 12
    assert accuracy(task.model, data, data.test) > 0.8


def test_an_epoch_ends_with_validation() -> None:
    task = training()
    borders = [task.advance() for _ in range(task.steps)]
    assert borders == [False, False, True] * 3 and task.finished and task.epoch == 3
    assert task.curve[-1] == accuracy(task.model, task.splits, task.splits.validation)


@pytest.mark.parametrize(("batch", "steps"), [(8, 2), (4, 4), (6, 3), (5, 3), (15, 1), (64, 1)])
def test_a_last_batch_of_one_image_is_left_out(batch: int, steps: int) -> None:
    """16 training images: three fives and one over, fifteen and one over."""
    task = run(training(replace(PLAN, batch_size=batch), splits(train=20)))
    assert (task.steps_per_epoch, task.step) == (steps, 3 * steps)


def test_a_loss_that_is_no_number_stops_within_the_step_and_changes_nothing() -> None:
    task = training()
    task.advance()
    with torch.no_grad():
        task.model.get_parameter("classifier.bias").fill_(float("nan"))
    before = bits(task.model.get_parameter("wide.weight"))
    with pytest.raises(NonFinite, match="nan at step 1"):
        task.advance()
    assert task.step == 1 and bits(task.model.get_parameter("wide.weight")) == before


def test_a_learning_rate_far_too_high_ends_as_non_finite() -> None:
    with pytest.raises(NonFinite):
        run(training(replace(PLAN, lr=1e30, epochs=20)))


def test_the_learning_rate_follows_the_schedule() -> None:
    task, rates = training(replace(PLAN, warmup=1.0)), []
    while not task.finished:
        task.advance()
        rates.append(task.optimizer.param_groups[0]["lr"])
    assert rates[:4] == pytest.approx([0.0125, 0.025, 0.0375, 0.05]) and rates[3:] == sorted(rates[3:], reverse=True)


def test_clipping_bounds_the_gradient() -> None:
    task = training(replace(PLAN, clip=1e-3))
    task.advance()
    norm = torch.stack([p.grad.norm() for p in task.model.parameters() if p.grad is not None]).norm()
    assert norm.item() == pytest.approx(1e-3, rel=1e-3)


def test_label_smoothing_changes_the_loss() -> None:
    sharp, smooth = (training(replace(PLAN, label_smoothing=s)) for s in (0.0, 0.5))
    for task in (sharp, smooth):
        task.advance()
    assert sharp.loss_sum != smooth.loss_sum


@pytest.mark.parametrize(("plan", "kind"), [(PLAN, torch.optim.SGD), (PLANS["adamw"], torch.optim.AdamW)])
def test_the_optimizer_is_the_one_asked_for(plan: Plan, kind: type) -> None:
    task = training(plan)
    assert type(task.optimizer) is kind
    group = task.optimizer.param_groups[0]
    assert group["weight_decay"] == plan.weight_decay
    assert kind is not torch.optim.SGD or (group["momentum"], group["nesterov"]) == (0.9, True)


def test_validation_and_test_images_are_never_trained_on() -> None:
    """With all of them painted over, the weights come out the same."""
    data = splits()
    dark = replace(data, validation=replace(data.validation, inputs=torch.zeros_like(data.validation.inputs)),
                   test=replace(data.test, inputs=torch.zeros_like(data.test.inputs)))
    assert bits(run(training(data=data)).model.state_dict()) == bits(run(training(data=dark)).model.state_dict())


def test_accuracy_counts_what_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    class Always(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.tensor([0.0, 1.0, 0.0]).expand(len(x), 3)

    data = splits()
    share = (data.test.labels == 1).float().mean().item()
    assert accuracy(Always(), data, data.test) == pytest.approx(share)
    monkeypatch.setattr(tasks, "EVALUATION_BATCH", {"cpu": 3})
    assert accuracy(Always(), data, data.test) == pytest.approx(share)


def test_accuracy_leaves_the_network_as_it_is() -> None:
    task = training()
    before = bits(task.model.state_dict())
    accuracy(task.model, task.splits, task.splits.validation)
    assert bits(task.model.state_dict()) == before
