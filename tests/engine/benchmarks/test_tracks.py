"""Runs in short, and the curves of several."""

from __future__ import annotations

from itertools import pairwise

import pytest

from engine.benchmarks.tracks import POINTS, Run, curve, points, track


def test_a_run_that_ended_early_goes_on_level() -> None:
    ended = curve([track(Run([0.5, 0.5], [0.5, None], [1.0, 1.0]), 1.0)])
    assert ended["mean"] == [0.5, 0.5] and ended["recent"] == [0.5, 0.5] and ended["cost"] == [1, 1]


def test_curves_have_a_band_and_the_current_population() -> None:
    runs = [Run([0.4, 0.2], [0.4, 0.2], [1.0, 2.0]), Run([0.6, 0.2], [0.6, 0.8], [1.0, 4.0])]
    found = curve([track(run, 1.0) for run in runs])
    assert found["evaluations"] == [1, 2] and found["cost"] == [1, 3]
    assert found["mean"] == pytest.approx([0.5, 0.2]) and found["recent"] == pytest.approx([0.5, 0.5])
    assert found["low"][0] == pytest.approx(0.5 - 1.96 * 0.1) and found["high"][1] == pytest.approx(0.2)
    assert found["recent_high"][1] == pytest.approx(0.5 + 1.96 * 0.2) and found["recent_low"][1] < found["recent"][1]


def test_long_runs_are_thinned_and_keep_their_ends() -> None:
    regrets = [1.0 / n for n in range(1, 1001)]
    short = track(Run(regrets, [None] * 1000, [float(n) for n in range(1, 1001)]), 1.0)
    assert len(short.evaluations) == POINTS and short.evaluations[0] == 1 and short.evaluations[-1] == 1000
    assert short.incumbent == [regrets[n - 1] for n in short.evaluations] and short.cost[-1] == 1000
    assert set(short.recent) == {1.0}, "where nothing has succeeded, the regret of having nothing"


def test_the_current_population_is_the_last_twenty() -> None:
    newest = [0.0] * 30 + [1.0] * 20
    short = track(Run([0.0] * 50, list(newest), [1.0] * 50), 1.0)
    assert short.recent[29] == 0 and short.recent[39] == 0.5 and short.recent[-1] == 1


@pytest.mark.parametrize("length", [1, 2, 99, 100, 101, 5000])
def test_points_are_whole_rising_and_few(length: int) -> None:
    found = points(length)
    assert found[0] == 1 and found[-1] == length and len(found) <= POINTS
    assert all(a < b for a, b in pairwise(found))
