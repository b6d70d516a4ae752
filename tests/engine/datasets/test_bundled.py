"""The tables that ship with scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import options
from engine.datasets import bundled
from engine.datasets.arrays import Table
from engine.datasets.bundled import Bundled, held_out
from engine.registry import discover
from engine.training.data import split

NAMES = ("breast_cancer", "digits_table", "iris", "wine")
ROWS = {"breast_cancer": 569, "digits_table": 1797, "iris": 150, "wine": 178}


def load(name: str) -> Table:
    found: Table = discover("datasets")[name].factory().load(Path("/nowhere"), lambda done, total: None)
    return found


def test_these_are_all() -> None:
    made = {name for name, entry in discover("datasets").items() if issubclass(entry.factory, Bundled)}
    assert made == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_table_is_what_its_declaration_says(name: str) -> None:
    entry, table = discover("datasets")[name], load(name)
    assert entry.factory().ready() and entry.facts["kind"] == table.kind == "table"
    assert list(table.shape) == entry.facts["shape"] and len(table.classes) == entry.facts["classes"]
    assert len(table.features) == len(set(table.features)) == table.shape[0]
    assert len(table.labels) + len(table.test_labels) == ROWS[name]
    assert set(table.labels) == set(table.test_labels) == set(range(len(table.classes)))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_same_every_time_and_a_fifth_is_for_tests(name: str) -> None:
    one, other = load(name), load(name)
    assert one.fingerprint == other.fingerprint
    assert len(one.test_labels) == round(0.2 * ROWS[name])


def test_the_names_of_classes_are_those_of_the_labels() -> None:
    table = load("breast_cancer")
    radius = table.rows[:, table.features.index("mean radius")]
    assert table.classes == ("malignant", "benign")
    assert radius[table.labels == 0].mean() > 17 > 13 > radius[table.labels == 1].mean()


@pytest.mark.parametrize(("count", "share"), [(10, 0.2), (11, 0.5), (3, 0.01), (1000, 0.33)])
def test_rows_for_tests_and_all_others_are_each_there_once(count: int, share: float) -> None:
    test, learn = held_out(count, share)
    assert sorted(test + learn) == list(range(count)) and len(test) == max(1, round(share * count))
    assert held_out(count, share) == (test, learn)


def test_what_a_network_sees_has_mean_0_and_spread_1_on_what_it_learns_from() -> None:
    splits = split(load("wine"), 0.2, None, seed=3)
    seen = splits.normalise(splits.train.inputs)
    assert seen.mean(0).abs().max() < 1e-5 and np.allclose(seen.std(0, correction=0), 1, atol=1e-4)
    assert splits.normalise(splits.test.inputs).mean(0).abs().max() > 0.01


def test_the_limit_and_the_share_are_options() -> None:
    built: Any = options.parse(discover("datasets")["iris"].factory, {"validation": 0.5, "train_limit": 20})
    splits = split(load("iris"), built.validation, built.train_limit, seed=0)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (20, 60, 30)


def test_without_scikit_learn_it_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    missing: Callable[[str], Any] = lambda name: None           # noqa: E731
    monkeypatch.setattr(bundled, "find_spec", missing)
    assert not discover("datasets")["wine"].factory().ready()
