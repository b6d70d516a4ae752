"""Early stop: the right epoch, the right architecture, and words about it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from engine.stopping import Watch, averaged, sharpened
from engine.work import SupernetEpoch


def watch(kind: str, **more: Any) -> Watch:
    return Watch(SimpleNamespace(**{"early_stop": kind, "stop_window": 5, "stop_delta": 4, "stop_factor": 1.3,
                                    "stop_start": 10, "stop_skips": 2, **more}))


def heard(one: Watch, curvatures: list[float]) -> int | None:
    """The epoch of the alarm."""
    for epoch, value in enumerate(curvatures):
        one.hear(SupernetEpoch(epoch, trial=epoch), {"derived": {"of": epoch}, "curvature": value, "skips": 0})
        if one.alarm:
            return epoch
    return None


def test_an_average_ends_where_it_is_asked_for() -> None:
    assert averaged([1, 2, 3, 4, 5, 6], 5, 5) == 4 and averaged([1, 2, 3], 1, 5) == 1.5


def test_the_alarm_comes_at_the_right_epoch_and_goes_back_to_the_right_genotype() -> None:
    """Flat until epoch 19, then 2: the average of five is 1.4 times the one of four epochs before at 21, not at 20."""
    one = watch("curvature")
    assert heard(one, [1.0] * 20 + [2.0] * 10) == 21
    assert one.keep == {"of": 17} and "epoch 18" in one.alarm and "weight decay" in one.alarm


def test_nothing_is_compared_with_an_epoch_before_the_start() -> None:
    growing = [1.5 ** k for k in range(30)]
    one = watch("curvature")
    assert heard(one, growing) == 14 and one.keep == {"of": 10}
    assert heard(watch("curvature", stop_start=12), growing) == 16


def test_a_slow_growth_or_a_fall_is_no_alarm() -> None:
    assert heard(watch("curvature"), [1.05 ** k for k in range(60)]) is None          # 1.22 over four epochs
    assert heard(watch("curvature"), [1 / (1 + k) for k in range(60)]) is None
    assert sharpened([-1.0] * 20 + [5.0], 5, 4, 1.3, 10) is None


def test_after_the_alarm_nothing_changes_any_more() -> None:
    one = watch("curvature")
    heard(one, [1.0] * 20 + [2.0] * 2)
    kept = one.keep
    assert one.hear(SupernetEpoch(22), {"derived": {}, "curvature": 99.0, "skips": 0}) == [] and one.keep == kept


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_skips_are_counted(limit: int) -> None:
    one = watch("skips", stop_skips=limit)
    for skips in (0, 1, 2, 3):
        [event] = one.hear(SupernetEpoch(skips, trial=skips), {"derived": {"of": skips}, "skips": skips})
        if one.alarm:
            break
    assert skips == limit and one.keep == {"of": limit} and event.data["alarm"] == one.alarm
    assert event.data["pictures"][0]["note"] == one.alarm


def test_without_it_nothing_is_measured() -> None:
    one = watch("no")
    assert one.hear(SupernetEpoch(0), {"derived": {}, "skips": 9}) == [] and not one.alarm
