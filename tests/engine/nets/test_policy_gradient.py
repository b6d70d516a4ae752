"""The gradient: against enumeration and finite differences, unbiased, clipped where it should be."""

from __future__ import annotations

import copy
from random import Random

import pytest
import torch
from torch import Tensor

from engine.nets.policy_gradient import HEAVIEST, PolicyGradient
from engine.spaces.choices import Choices
from tests.engine.nets.controllers import SPACES, all_picks, controller_of

EACH = pytest.mark.parametrize("name", SPACES)


def rewards_of(picks: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.rand(len(picks), generator=generator, dtype=torch.float64)


def flat(slopes: object) -> Tensor:
    return torch.cat([slope.flatten() for slope in slopes])


def slope_of(learner: PolicyGradient, value: Tensor) -> Tensor:
    return flat(torch.autograd.grad(value, learner.weights, allow_unused=True, materialize_grads=True))


@EACH
def test_the_expected_estimate_is_the_gradient_of_the_expected_reward(name: str) -> None:
    """The sum of p (R - b) grad log p over the whole space, against finite differences of E[R]."""
    choices = Choices(SPACES[name])
    controller, picks = controller_of(choices), all_picks(choices)
    learner, rewards = PolicyGradient(controller, 0.1), rewards_of(picks)
    logs, _ = controller.score(picks)
    found = slope_of(learner, (logs.detach().exp() * learner._objective(logs, logs.detach(), rewards - 0.3)).sum())
    rng, at = Random(0), 0
    with torch.no_grad():
        for weights in learner.weights:
            for place in [rng.randrange(weights.numel())]:
                values = []
                for step in (1e-5, -2e-5):
                    weights.view(-1)[place] += step
                    values.append(float((controller.score(picks)[0].exp() * rewards).sum()))
                weights.view(-1)[place] += 1e-5
                assert float(found[at + place]) == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-7)
            at += weights.numel()
    assert float(found.norm()) > 1e-3


def test_the_mean_of_many_estimates_is_that_gradient_and_a_baseline_makes_them_quieter() -> None:
    choices = Choices(SPACES["skips"])
    controller, picks = controller_of(choices), all_picks(choices)
    learner, rewards = PolicyGradient(controller, 0.1), rewards_of(picks) + 2.0
    logs, _ = controller.score(picks)
    slopes = torch.stack([slope_of(learner, controller.score(row[None])[0].sum()) for row in picks])
    exact = (logs.detach().exp() * rewards) @ slopes
    drawn = torch.multinomial(logs.detach().exp(), 4000, True, generator=torch.Generator().manual_seed(0))
    spread = []
    for baseline in (0.0, 2.5):
        estimates = (rewards - baseline)[drawn][:, None] * slopes[drawn]
        error = estimates.std(0) / len(drawn) ** 0.5
        z = ((estimates.mean(0) - exact).abs() / error.clamp(min=1e-12))[error > 1e-9]
        assert float(z.max()) < 5.0
        spread.append(float(estimates.var(0).sum()))
    assert spread[1] < spread[0] / 10


def test_the_first_proximal_step_has_the_plain_gradient_and_the_bonus_for_entropy() -> None:
    choices = Choices(SPACES["conditions"])
    controller, picks = controller_of(choices), all_picks(choices)[::3]
    plain, proximal = PolicyGradient(controller, 0.1), PolicyGradient(controller, 0.1, clip=0.2)
    gains = rewards_of(picks) - 0.5
    slopes = []
    for learner in (plain, proximal):
        logs, _ = controller.score(picks)
        slopes.append(slope_of(learner, learner._objective(logs, logs.detach(), gains).mean()))
    assert torch.allclose(slopes[0], slopes[1], atol=1e-12) and float(slopes[0].norm()) > 1e-3


@pytest.mark.parametrize(("ratio", "gain", "flat_there"), [(1.3, 1.0, True), (1.1, 1.0, False), (0.7, 1.0, False),
                                                           (0.7, -1.0, True), (0.9, -1.0, False), (1.3, -1.0, False)])
def test_a_step_that_went_too_far_has_no_gradient(ratio: float, gain: float, flat_there: bool) -> None:
    choices = Choices(SPACES["skips"])
    controller = controller_of(choices)
    learner, picks = PolicyGradient(controller, 0.1, clip=0.2), all_picks(choices)[:1]
    logs, _ = controller.score(picks)
    then = logs.detach() - torch.tensor(ratio, dtype=torch.float64).log()
    slope = slope_of(learner, learner._objective(logs, then, torch.tensor([gain], dtype=torch.float64)).sum())
    assert (float(slope.abs().max()) == 0.0) == flat_there


def test_a_late_sequence_counts_by_how_much_likelier_it_has_become() -> None:
    """In the mean over what an older controller draws, that is the gradient of the newer one."""
    choices = Choices(SPACES["skips"])
    older, newer, picks = controller_of(choices, seed=1), controller_of(choices, seed=1), all_picks(choices)
    with torch.no_grad():
        for weights in newer.parameters():
            weights *= 1.6
    learner, rewards = PolicyGradient(newer, 0.1), rewards_of(picks)
    (then, _), (logs, _) = older.score(picks), newer.score(picks)
    ratio = (logs - then).exp()
    assert 0.2 < float(ratio.min()) < 0.9 and 1.1 < float(ratio.max()) < HEAVIEST
    late = slope_of(learner, (then.detach().exp() * learner._objective(logs, then.detach(), rewards)).sum())
    logs, _ = newer.score(picks)
    exact = slope_of(learner, (logs.detach().exp() * learner._objective(logs, logs.detach(), rewards)).sum())
    assert torch.allclose(late, exact, atol=1e-12)


def test_no_late_sequence_rules_an_update() -> None:
    choices = Choices(SPACES["skips"])
    controller = controller_of(choices)
    learner, (logs, _) = PolicyGradient(controller, 0.1), controller.score(all_picks(choices)[:1])
    one = slope_of(learner, learner._objective(logs, logs.detach(), torch.ones(1)).sum())
    (logs, _) = controller.score(all_picks(choices)[:1])
    late = slope_of(learner, learner._objective(logs, logs.detach() - 20.0, torch.ones(1)).sum())
    assert torch.allclose(late, HEAVIEST * one)


@pytest.mark.parametrize("clip", [None, 0.2])
def test_the_better_arm_becomes_likelier(clip: float | None) -> None:
    choices = Choices(SPACES["conditions"])
    controller, picks = controller_of(choices), all_picks(choices)[[3, 11]]
    before, _ = controller.score(picks)
    PolicyGradient(controller, 0.01, clip=clip, passes=3).learn(picks, [0.5, -0.5], [None, None])
    after, _ = controller.score(picks)
    assert float(after[0]) > float(before[0]) and float(after[1]) < float(before[1])


def test_the_bonus_for_entropy_makes_choices_more_even() -> None:
    choices = Choices(SPACES["conditions"])
    controller, picks = controller_of(choices), all_picks(choices)
    learner = PolicyGradient(controller, 0.01, entropy=1.0)
    told = [learner.learn(picks, [0.0] * len(picks), [None] * len(picks)) for _ in range(20)]
    assert told[-1] > told[0] and told == sorted(told)
    assert told[0] == pytest.approx(float(controller_of(choices).score(picks)[1].mean()))


def test_an_advantage_of_zero_changes_nothing() -> None:
    choices = Choices(SPACES["skips"])
    controller, picks = controller_of(choices), all_picks(choices)[:4]
    before = [weights.detach().clone() for weights in controller.parameters()]
    PolicyGradient(controller, 0.1).learn(picks, [0.0] * 4, [None] * 4)
    assert all(torch.equal(a, b) for a, b in zip(before, controller.parameters(), strict=True))


def test_learning_restored_from_its_arrays_goes_on_bit_for_bit() -> None:
    choices = Choices(SPACES["skips"])
    picks = all_picks(choices)[:4]
    learner = PolicyGradient(controller_of(choices).float(), 0.05, 0.01, 0.2, 2)
    learner.learn(picks, [1.0, -1.0, 0.5, 0.1], [None, -3.0, None, -8.0])
    kept = copy.deepcopy(learner.arrays())
    restored = PolicyGradient(controller_of(choices, seed=9).float(), 0.05, 0.01, 0.2, 2)
    for array, values in zip(restored.arrays(), kept, strict=True):
        array[...] = values
    for one in (learner, restored):
        one.learn(picks, [0.3, -1.0, 0.5, 0.1], [None] * 4)
    assert [a.tobytes() for a in learner.arrays()] == [b.tobytes() for b in restored.arrays()]
    assert sum(a.size for a in kept) == 3 * sum(w.numel() for w in learner.weights) + len(learner.weights)
