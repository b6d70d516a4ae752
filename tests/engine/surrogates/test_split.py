"""One split of all trials: by loss, ties by time, failures never among the best."""

from __future__ import annotations

import numpy as np

from engine.surrogates.split import FIRST, Observations


def told(*losses: float | None) -> Observations:
    found = Observations(2)
    for trial, loss in enumerate(losses):
        found.add([float(trial), float("nan")], loss)
    return found


def test_the_best_come_in_the_order_of_time() -> None:
    assert told(0.5, 0.1, 0.9, 0.3).best(2) == [1, 3] and told(0.5, 0.3, 0.9, 0.1).best(2) == [1, 3]


def test_of_equals_the_earliest_are_best() -> None:
    assert told(0.2, 0.1, 0.1, 0.1).best(2) == [1, 2]


def test_what_failed_is_never_best_even_where_too_few_succeeded() -> None:
    assert told(None, 0.5, None).best(2) == [1] and told(None, None).best(1) == []


def test_the_threshold_is_the_worst_of_the_best() -> None:
    found = told(0.5, 0.1, None, 0.3)
    assert [found.threshold(wanted) for wanted in (0, 1, 2, 9)] == [None, 0.1, 0.3, 0.5]
    assert told(None).threshold(1) is None


def test_the_table_grows_and_keeps_what_it_holds() -> None:
    found = told(*[0.0] * (3 * FIRST))
    assert found.columns.shape == (2, 3 * FIRST)
    assert found.columns[0].tolist() == list(range(3 * FIRST)) and np.isnan(found.columns[1]).all()
