"""Early stop: the right epoch, the right architecture, and words about it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from engine.alpha_search import AlphaOptions
from engine.stopping import Watch, averaged, sharpened
from engine.work import SupernetEpoch


def watch(kind: str, **more: Any) -> Watch:
    return Watch(SimpleNamespace(**{"early_stop": kind, "stop_window": 5, "stop_delta": 4, "stop_factor": 1.3,
                                    "stop_start": 10, "stop_skips": 2, "weight_decay": 3e-4, "adapt_factor": 3.0,
                                    "adapt_limit": 0.0243, "adapt_times": 9, **more}))


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
    assert one.keep == {"of": 17} and one.kept == one.trials[17] and "epoch 18" in one.alarm and "weight decay" in one.alarm


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
    assert event.data["kept"] == skips
    assert event.data["pictures"][0]["note"] == one.alarm


def test_an_alarm_may_lead_back_with_more_decay_until_the_limit() -> None:
    """Flat, then always sharp: every return repeats four epochs, and the fifth alarm has nothing left to multiply."""
    one, decays, backs = watch("adapt", stop_window=1), [3e-4], []
    assert one.settings == {"keep": 4}
    for trial in range(200):
        value = 1.0 if len(one.curvatures) < 18 else 2.0 ** len(one.curvatures)
        [event] = one.hear(SupernetEpoch(trial, trial=trial), {"derived": {"of": trial}, "curvature": value, "skips": 0})
        if one.alarm:
            break
        if one.back is not None:
            backs.append(one.back)
            decays.append(one.decay)
            assert one.settings == {"keep": 4, "plan": {"weight_decay": one.decay}} and len(one.trials) == one.back + 1
            assert f"weight decay {one.decay:g}" in event.data["alarm"] and one.keep is None
    assert decays == pytest.approx([3e-4, 9e-4, 27e-4, 81e-4, 243e-4]) and one.returns == 4
    assert backs == [14] * 4                                                # never before the epoch of an earlier return
    assert one.keep is not None and one.decay == pytest.approx(0.0243)


def test_epochs_that_were_gone_back_on_do_not_count_and_none_before_the_return_is_reached() -> None:
    one = watch("adapt", stop_window=1)
    for trial in range(20):                                                 # sharp from the 19th on, compared with the 15th
        one.hear(SupernetEpoch(trial, trial=trial), {"derived": {}, "curvature": 1.0 if trial < 18 else 9.0})
        if one.back is not None:
            break
    assert (trial, one.back, one.trials[-1]) == (18, 14, 14)
    for more in range(19, 23):
        one.hear(SupernetEpoch(more, trial=more), {"derived": {}, "curvature": 99.0})
        assert (one.back is not None) == (more == 22)                       # the 19th, against the 15th again
    assert one.trials == [*range(15)] and one.returns == 2
    one.hear(SupernetEpoch(23, trial=23), {"derived": {}, "curvature": 1.0})
    assert one.back is None and one.trials == [*range(15), 23]


@pytest.mark.parametrize(("more", "returns"), [({"adapt_times": 2}, 2), ({"adapt_limit": 0.001}, 2),
                                               ({"adapt_limit": 1e-5}, 0)])
def test_it_is_done_only_so_often_and_never_lowers_the_decay(more: dict[str, float], returns: int) -> None:
    one = watch("adapt", stop_window=1, stop_start=0, **more)
    assert heard(one, [2.0 ** k for k in range(40)]) is not None
    assert one.returns == returns and one.decay <= max(3e-4, one.options.adapt_limit) and one.keep is not None


def test_decay_of_nothing_cannot_be_multiplied() -> None:
    assert AlphaOptions(early_stop="adapt").check() == []
    [problem] = AlphaOptions(early_stop="adapt", weight_decay=0.0).check()
    assert problem.path == "/weight_decay" and AlphaOptions(weight_decay=0.0).check() == []


def test_without_it_nothing_is_measured() -> None:
    one = watch("no")
    assert one.hear(SupernetEpoch(0), {"derived": {}, "skips": 9}) == [] and not one.alarm
