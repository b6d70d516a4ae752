"""The learning rate: up in a line, down along a cosine."""

from __future__ import annotations

import pytest

from engine.training.schedule import learning_rate


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
