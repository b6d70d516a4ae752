"""The training of a supernet: disjoint parts, steps that follow from the seed, and cuts that nobody can see."""

from __future__ import annotations

import io
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
import torch

from engine.datasets.arrays import Arrays
from engine.errors import NonFinite
from engine.nets.mixture import Learning, Mixture
from engine.nets.paths import Paths
from engine.nets.sampler import Draw
from engine.nets.supernet import Choice
from engine.phases import Site
from engine.spec import parse_space
from engine.training.data import Splits, split
from engine.training.sharing import Sharing, SharingPlan, parted
from engine.training.trainer import seed_torch

SPACE = parse_space({"kind": "darts_cell", "nodes": 1, "channels": 2, "layers": 3, "stem_multiplier": 1,
                     "ops": ["none", "skip_connect", "sep_conv_3x3"]})[1]
PLAN = SharingPlan(epochs=4, batch_size=8, lr=0.1, last_lr=0.01, momentum=0.9, weight_decay=1e-3, clip=5.0, seed=3)


def splits(count: int = 64) -> Splits:
    """Small images whose brighter half tells the class."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, count + 8)
    images = rng.integers(0, 100, (count + 8, 1, 8, 8)).astype(np.uint8)
    images[labels == 1, :, :4] += 100
    arrays = Arrays(images[:count], labels[:count], images[count:], labels[count:], ("a", "b"))
    return split(arrays, 0.25, None, 3)


def made(kind: str = "mixture", *, unrolled: bool = True, plan: SharingPlan = PLAN, **learning: Any) -> Sharing:
    seed_torch(plan.seed, cuda=False)
    site = Site(SPACE, None, (1, 8, 8), 2, plan.seed)
    sampler = Paths(site) if kind == "paths" else Mixture(site, Learning(0.05, (0.5, 0.999), 1e-3, unrolled, **learning))
    return Sharing(sampler, splits(), 0.5, plan)


def saved(sharing: Sharing) -> bytes:
    buffer = io.BytesIO()
    torch.save(sharing.state_dict(), buffer)
    return buffer.getvalue()


def loaded(content: bytes, kind: str) -> Sharing:
    fresh = made(kind)
    fresh.load_state_dict(torch.load(io.BytesIO(content), weights_only=True))
    return fresh


def flat(state: Any) -> list[Any]:
    if isinstance(state, dict):
        return [each for key in sorted(state, key=str) for each in flat(state[key])]
    if isinstance(state, list | tuple):
        return [each for value in state for each in flat(value)]
    return [state.tolist() if isinstance(state, torch.Tensor) else state]


def test_a_teacher_is_a_second_target_beside_the_labels() -> None:
    """The gradient is that of both cross entropies; the teacher gets none, and what is told is the loss on the labels."""
    sharing, plain = made("paths"), made("paths")
    pupil, teacher = (sharing.sampler.choice(SPACE.sample(Random(seed)).architecture) for seed in (1, 2))
    inputs, labels = sharing.learning.batch(0, 0)
    taught = sharing._lessons([Draw(pupil, 1.0, (0, 1), teacher, 0.7), Draw(pupil)], inputs)
    assert set(taught) == {id(teacher)} and not taught[id(teacher)].requires_grad
    told = sharing._descend(Draw(pupil, 0.5, (0, 1), teacher, 0.7), inputs, labels, taught[id(teacher)])
    logits = plain.supernet(inputs, pupil)
    soft = -(plain.supernet(inputs, teacher).softmax(1).detach() * logits.log_softmax(1)).sum(1).mean()
    hard = torch.nn.functional.cross_entropy(logits, labels)
    (0.5 * (hard + 0.7 * soft)).backward()
    assert told == pytest.approx(0.5 * hard.item())
    for one, other in zip(sharing.weights, plain.weights, strict=True):
        assert (one.grad is None) == (other.grad is None)
        assert one.grad is None or other.grad is None or torch.allclose(one.grad, other.grad, atol=1e-6)


def test_the_parts_are_disjoint_seeded_and_leave_validation_and_test_alone() -> None:
    data = splits()
    learn, choose = parted(data, 0.5, 3)
    sets = [set(part.indices.tolist()) for part in (learn.train, choose.train, data.validation)]
    assert not sets[0] & sets[1] and not sets[0] & sets[2] and not sets[1] & sets[2]
    assert sets[0] | sets[1] == set(data.train.indices.tolist()) and len(choose.train) == 24
    again, other = parted(data, 0.5, 3)[0], parted(data, 0.5, 4)[0]
    assert torch.equal(again.train.indices, learn.train.indices)
    assert not torch.equal(other.train.indices, learn.train.indices)


@pytest.mark.parametrize("share", [0.01, 0.9])
def test_both_parts_have_examples(share: float) -> None:
    learn, choose = parted(splits(16), share, 0)
    assert len(learn.train) >= 2 and len(choose.train) >= 2


@pytest.mark.parametrize("kind", ["mixture", "paths"])
def test_cut_at_any_step_and_taken_up_by_a_fresh_object_it_is_the_unbroken_training(kind: str) -> None:
    whole = made(kind)
    steps = 2 * whole.steps_per_epoch
    reports = [whole.report() for _ in range(steps) if whole.advance()]
    for cut in (0, 1, whole.steps_per_epoch - 1, whole.steps_per_epoch):
        part = made(kind)
        early = [part.report() for _ in range(cut) if part.advance()]
        rest = loaded(saved(part), kind)
        late = [rest.report() for _ in range(steps - cut) if rest.advance()]
        assert early + late == reports and flat(rest.state_dict()) == flat(whole.state_dict())


def test_the_report_disturbs_nothing() -> None:
    one, other = made("paths"), made("paths")
    for _ in range(2 * one.steps_per_epoch):
        if one.advance():
            one.report()
        other.advance()
    assert flat(one.state_dict()) == flat(other.state_dict())


@pytest.mark.parametrize("unrolled", [False, True])
def test_a_step_of_the_alphas_leaves_weights_momentum_and_buffers_bit_for_bit(unrolled: bool) -> None:
    sharing = made(unrolled=unrolled)
    sharing.advance()
    before = flat([sharing.supernet.state_dict(), sharing.optimizer.state_dict()])
    tables = [table.detach().clone() for table in sharing.sampler.alphas.parameters]
    sharing._learn = lambda moment: None                # the alphas' part of a step alone
    sharing.advance()
    assert flat([sharing.supernet.state_dict(), sharing.optimizer.state_dict()]) == before
    assert not any(torch.equal(a, b) for a, b in zip(tables, sharing.sampler.alphas.parameters, strict=True))


def test_the_second_order_looks_ahead_to_the_very_step_that_the_weights_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the rate, the momentum and the decay of their optimiser, on the same batch."""
    sharing = made(plan=replace(PLAN, clip=None, weight_decay=0.05))
    for _ in range(3):
        sharing.advance()                               # every weight has a velocity by now
    ahead: list[torch.Tensor] = []

    def watched(weights: Any, alphas: Any, train: Any, validation: Any, *, rate: float, momentum: float = 0.0,
                velocities: Any = (), decay: float = 0.0, **more: Any) -> list[torch.Tensor]:
        slopes = torch.autograd.grad(train(), weights)
        moved = velocities or [torch.zeros_like(w) for w in weights]
        ahead.extend((w - rate * (momentum * v + g + decay * w)).detach()
                     for w, v, g in zip(weights, moved, slopes, strict=True))
        return [torch.zeros_like(alpha) for alpha in alphas]

    monkeypatch.setattr("engine.nets.mixture.second_order", watched)
    sharing.sampler.alphas.move = lambda gradients: None
    sharing.advance()
    torch.testing.assert_close([*sharing.supernet.parameters()], ahead, rtol=0, atol=1e-6, check_stride=False)


def test_a_step_of_the_weights_leaves_the_alphas_alone() -> None:
    sharing = made(after=99)
    tables = [table.detach().clone() for table in sharing.sampler.alphas.parameters]
    while not sharing.advance():
        pass
    assert all(torch.equal(a, b) for a, b in zip(tables, sharing.sampler.alphas.parameters, strict=True))


def test_what_a_path_does_not_use_stays_bit_for_bit_through_decay_and_momentum() -> None:
    plan = SharingPlan(4, 8, 0.1, 0.01, 0.9, 0.1, None, 3)
    sharing = made("paths", plan=plan)
    for _ in range(6):
        sharing.advance()                               # every weight has a velocity by now
    architecture = SPACE.parse({"normal": [["skip_connect", 0], ["skip_connect", 1]], "normal_concat": [2],
                                "reduce": [["sep_conv_3x3", 0], ["skip_connect", 1]], "reduce_concat": [2]})
    sharing.sampler.drawn = lambda step: [architecture]
    before = {name: value.clone() for name, value in sharing.supernet.named_parameters()}
    sharing.advance()
    moved = {name for name, value in sharing.supernet.named_parameters() if not torch.equal(before[name], value)}
    assert moved == sharing.supernet.used(SPACE.path(architecture)) and moved < set(before)


def test_an_epoch_of_the_weights_sees_every_example_once() -> None:
    sharing = made("paths")
    seen: list[int] = []
    batch = sharing.learning.batch

    def spied(epoch: int, position: int) -> Any:
        inputs, labels = batch(epoch, position)
        seen.append(len(labels))
        return inputs, labels

    sharing.learning.batch = spied                      # type: ignore[method-assign]
    while not sharing.advance():
        pass
    assert sum(seen) == len(sharing.w_train.train) and len(seen) == sharing.weight_steps


def test_closing_steps_are_the_samplers_alone() -> None:
    class Closing(Paths):
        closing = 3
        calls: list[tuple[int, int]] = []

        def learn(self, step: Any) -> None:
            self.calls.append((step.epoch, step.position))

    seed_torch(0, cuda=False)
    sharing = Sharing(Closing(Site(SPACE, None, (1, 8, 8), 2, 0)), splits(), 0.5, PLAN)
    while not sharing.advance():
        pass
    w = sharing.weight_steps
    assert sharing.step == w + 3 and Closing.calls == [(0, k) for k in range(w)] + [(0, k) for k in range(3)]


def test_opening_steps_come_first_and_move_no_weights() -> None:
    class Opening(Paths):
        opening = 2
        calls: list[tuple[bool, int, float]] = []

        def learn(self, step: Any) -> None:
            choice = self.choice(SPACE.sample(Random(0)).architecture)
            self.calls.append((step.closing, step.position, step.score(choice) if step.closing else 0.0))

    seed_torch(0, cuda=False)
    sharing = Sharing(Opening(Site(SPACE, None, (1, 8, 8), 2, 0)), splits(), 0.5, PLAN)
    before = [weight.detach().clone() for weight in sharing.weights]
    for _ in range(2):
        sharing.advance()
    assert all(torch.equal(a, b) for a, b in zip(before, sharing.weights, strict=True)) and sharing.supernet.training
    while not sharing.advance():
        pass
    assert sharing.step == sharing.steps_per_epoch == 2 + sharing.weight_steps
    assert [call[:2] for call in Opening.calls] == [(True, 0), (True, 1)] + [(False, k) for k in range(sharing.weight_steps)]
    assert Opening.calls[0] == (True, 0, Opening.calls[1][2]) and 0 <= Opening.calls[0][2] <= 1


def test_parts_of_a_batch_and_weights_of_draws() -> None:
    """Two halves with half the weight each are not the whole batch: each has its own statistics."""
    architecture = SPACE.sample(Random(0)).architecture
    choice = Choice(SPACE.path(architecture))
    gradients = []
    halves = [Draw(choice, 0.5, (0, 2)), Draw(choice, 0.5, (1, 2))]
    for draws in ([Draw(choice)], [Draw(choice, 0.5), Draw(choice, 0.5)], halves):
        sharing = made("paths")
        sharing.optimizer.step = lambda closure=None: None          # type: ignore[assignment, misc]
        sharing.sampler.draw = lambda step, draws=draws: draws      # type: ignore[method-assign]
        sharing.advance()
        gradients.append(torch.cat([w.grad.flatten() for w in sharing.weights if w.grad is not None]))
    assert torch.allclose(gradients[0], gradients[1], atol=1e-6)
    assert not torch.allclose(gradients[0], gradients[2], atol=1e-6)


def test_the_loss_of_a_step_is_the_mean_of_its_draws_whatever_they_weigh_together() -> None:
    choice = Choice(SPACE.path(SPACE.sample(Random(0)).architecture))
    losses = []
    for draws in ([Draw(choice)], [Draw(choice)] * 3, [Draw(choice, 0.25), Draw(choice, 0.75)]):
        sharing = made("paths")
        sharing.sampler.draw = lambda step, draws=draws: draws      # type: ignore[method-assign]
        sharing.advance()
        losses.append(sharing.sums["loss"])
    assert losses[1:] == pytest.approx([losses[0]] * 2, rel=1e-5)


def test_a_step_knows_how_many_examples_it_has() -> None:
    sharing, seen = made("paths"), []
    drawn = sharing.sampler.drawn
    sharing.sampler.drawn = lambda step: (seen.append(step.examples), drawn(step))[1]
    while not sharing.advance():
        pass
    assert sum(seen) == len(sharing.w_train.train)


def test_the_rate_is_half_a_cosine_by_epochs() -> None:
    assert PLAN.rate(0) == 0.1 and PLAN.rate(4) == pytest.approx(0.01) and PLAN.rate(2) == pytest.approx(0.055)


def test_beyond_the_planned_epochs_the_last_rate_stays() -> None:
    assert PLAN.rate(5) == PLAN.rate(400) == pytest.approx(0.01)


def test_a_cosine_may_begin_later_and_be_shorter_than_the_training() -> None:
    plan = replace(PLAN, epochs=9, begun=2, length=4)
    assert plan.rate(0) == plan.rate(2) == 0.1 and plan.rate(4) == pytest.approx(0.055) and plan.rate(6) == plan.rate(8)


def test_a_state_is_taken_up_with_the_weight_decay_of_the_plan() -> None:
    first, other = made(), made(plan=replace(PLAN, weight_decay=0.5))
    for _ in range(2):
        first.advance()
    other.load_state_dict(first.state_dict())
    assert [group["weight_decay"] for group in other.optimizer.param_groups] == [0.5]
    assert other.step == 2 and len(other.optimizer.state) == len(first.optimizer.state)


def test_a_cosine_with_restarts_starts_anew_and_takes_longer_each_time() -> None:
    """310 epochs are five cosines of 10, 20, 40, 80 and 160."""
    plan = replace(PLAN, epochs=310, cycle=10)
    assert [epoch for epoch in range(310) if plan.rate(epoch) == 0.1] == [0, 10, 30, 70, 150]
    assert plan.rate(20) == pytest.approx(0.055) and plan.rate(309) < 0.0101
    assert [replace(plan, growth=1).rate(epoch) for epoch in (0, 10, 20, 300)] == [0.1] * 4


@pytest.mark.parametrize(("momentum", "wanted"), [(0.9, True), (0.0, False)])
def test_nesterovs_form_needs_momentum(momentum: float, wanted: bool) -> None:
    sharing = made(plan=replace(PLAN, nesterov=True, momentum=momentum))
    assert sharing.optimizer.param_groups[0]["nesterov"] is wanted and not made().optimizer.param_groups[0]["nesterov"]


def test_the_steps_tell_how_far_the_training_is() -> None:
    sharing, seen = made("paths"), []
    sharing.sampler.learn = lambda step: seen.append(step.progress)             # type: ignore[method-assign]
    for _ in range(2 * sharing.steps_per_epoch):
        sharing.advance()
    assert seen[0] == 0.0 and seen[sharing.steps_per_epoch] == 0.25 and seen == sorted(seen)


def test_a_loss_that_is_no_number_is_an_error_with_its_place() -> None:
    sharing = made("paths")
    with torch.no_grad():
        sharing.weights[-1].fill_(float("nan"))
    with pytest.raises(NonFinite, match="step 0"):
        sharing.advance()


def test_a_mixture_learns_what_it_is_for() -> None:
    sharing = made(unrolled=False, plan=SharingPlan(6, 8, 0.1, 0.01, 0.9, 1e-4, 5.0, 1))
    reports = [sharing.report() for _ in range(6 * sharing.steps_per_epoch) if sharing.advance()]
    assert reports[-1]["train_loss"] < reports[0]["train_loss"] and reports[-1]["valid_score"] > 0.6
    assert SPACE.contains(SPACE.parse(reports[-1]["derived"]["genotype"])) and reports[-1]["skips"] in (0, 1, 2)
    assert set(reports[-1]["alphas"]) == set(reports[-1]["entropy"]) == {"normal", "reduce"}
