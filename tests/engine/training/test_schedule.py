"""The learning rate: up in a line, down along a cosine."""

from __future__ import annotations

import pytest

from engine.training.schedule import Schedule, learning_rate


def test_without_warmup_it_starts_at_its_peak_and_ends_near_zero() -> None:
    rates = [learning_rate(step, 100, 0, 0.1) for step in range(100)]
    assert rates[0] == 0.1 and 0 < rates[-1] < 1e-4
    assert rates == sorted(rates, reverse=True)
    assert rates[50] == pytest.approx(0.05)


def test_warmup_rises_in_a_line_to_the_peak() -> None:
    rates = [learning_rate(step, 100, 4, 0.5) for step in range(100)]
    assert rates[:5] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert max(rates) == 0.5 and rates[5:] == sorted(rates[5:], reverse=True)


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0), (1, 1), (2, 5)])
def test_short_trainings_have_finite_rates_above_zero(steps: int, warmup: int) -> None:
    assert all(0 < learning_rate(step, steps, warmup, 1.0) <= 1 for step in range(steps))


EPOCH = 7                                       # steps


def rates(schedule: Schedule, epochs: int, warmup: int = 0) -> list[float]:
    """The learning rate at the first and the last step of each epoch, with a peak of 2."""
    steps = [step for t in range(epochs) for step in (EPOCH * t, EPOCH * t + EPOCH - 1)]
    found = [learning_rate(step, epochs * EPOCH, warmup, 2.0, schedule, EPOCH) for step in steps]
    assert warmup or found[::2] == found[1::2]                 # a policy moves between epochs only
    return found[1::2]


def test_policies_multiply_the_peak_after_t_epochs() -> None:
    assert rates(Schedule("fixed", 0.1), 4) == [2.0] * 4
    assert rates(Schedule("inv", 0.1, 0.5), 4) == pytest.approx([2 * (1 + 0.1 * t) ** -0.5 for t in range(4)])
    assert rates(Schedule("exp", 0.5), 4) == [2.0, 1.0, 0.5, 0.25]
    assert rates(Schedule("step", 0.5, epochs=2), 5) == [2.0, 2.0, 1.0, 1.0, 0.5]


def test_a_warmup_comes_before_every_policy() -> None:
    found = [learning_rate(step, 100, 3, 1.0, Schedule("exp", 0.5), 10) for step in range(12)]
    assert found[:3] == pytest.approx([0.25, 0.5, 0.75]) and found[3:10] == [1.0] * 7 and found[10] == 0.5


def test_eighty_epochs_of_the_steepest_policy_are_still_numbers() -> None:
    assert learning_rate(799, 800, 0, 1.0, Schedule("exp", 1e-3), 10) >= 0.0
