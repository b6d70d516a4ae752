"""Cells looked up in a table, the early stop told after the fact as a search would have had it, and a run that goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import skip_collapse
from benchmarks.skip_collapse import RUNS, looked_up, measured, over_seeds, spec_of, stopped, told
from engine.benchmarks import pictures, tables
from engine.options import parse
from engine.registry import discover
from engine.stopping import StopOptions, Watch
from engine.work import SupernetEpoch
from tests.engine.benchmarks.tiny import built, tiny

__all__ = ["built", "tiny"]
FLAT, EARLY, LATE = [1.0] * 30, [1.0] * 3 + [3.0] * 27, [1.0] * 20 + [1.2, 1.5, 1.9, 2.4, 3.0, 3.7]


def rows(curvatures: Sequence[float | None], skips: Sequence[int]) -> list[dict[str, Any]]:
    return [{"epoch": k + 1, "cell": f"cell {k + 1}", "skips": s, "nones": 0, "truth": 0.9 - s / 10, "better": 0.5,
             "valid_score": 0.7, "gap": 0.0, "curvature": c} for k, (c, s) in enumerate(zip(curvatures, skips, strict=True))]


@pytest.mark.parametrize("curvatures", [FLAT, EARLY, LATE, LATE + LATE])
def test_the_early_stop_is_that_of_a_search(curvatures: list[float]) -> None:
    entry = discover("strategies")["darts"]
    watch = Watch(parse(entry.options, {"early_stop": "curvature"}, presets=entry.presets))
    heard = 0
    for heard, curvature in enumerate(curvatures, start=1):
        watch.hear(SupernetEpoch(heard - 1, trial=heard - 1), {"derived": {"epoch": heard}, "curvature": curvature})
        if watch.alarm:
            break
    expected = (heard, watch.keep["epoch"]) if watch.keep else None
    assert stopped(curvatures, StopOptions()) == expected
    assert (expected is None) == (curvatures in (FLAT, EARLY))          # what rose before the first comparison is no alarm


def test_what_came_of_a_training() -> None:
    found = told(rows(LATE, [1] * 20 + [2, 3, 5, 6, 6, 4]), 7, StopOptions())
    alarm, kept = stopped(LATE, StopOptions()) or (0, 0)
    assert found["seed"] == 7 and found["alarm"] == alarm and found["kept"]["epoch"] == kept == alarm - 4
    assert found["kept"]["skips"] == 1 and found["last"]["cell"] == "cell 26" and found["most_skips"] == 6
    for curvatures in (FLAT[:26], [None] * 26):
        assert "kept" not in told(rows(curvatures, [1] * 26), 0, StopOptions())


def test_a_search_without_an_alarm_keeps_its_last_cell() -> None:
    each = [told(rows(LATE, [1] * 20 + [6] * 6), 0, StopOptions()), told(rows(FLAT, [3] * 30), 1, StopOptions())]
    assert over_seeds(each, "last")["skips"] == 4.5 and over_seeds(each, "kept")["skips"] == 2.0
    assert over_seeds(each, "kept")["truth"] == pytest.approx(0.7)
    each[0]["last"]["truth"] = None
    assert over_seeds(each, "last")["truth"] == pytest.approx(0.6)


def test_a_cell_that_was_not_measured_has_no_truth(tiny: Path) -> None:
    table = tables.load("tiny")
    measured_ones = [text for text, network in table.network_of.items() if network >= 0]
    found = [looked_up(table, text) for text in measured_ones]
    assert max(row["truth"] for row in found) == table.best_test and min(row["better"] for row in found) == 0.0
    missing = next(text for text, network in table.network_of.items() if network < 0)
    assert looked_up(table, missing) == {"truth": None, "better": None}


def test_all_runs_are_searches_on_the_table_that_nothing_stops(tiny: Path) -> None:
    for run, given in RUNS.items():
        spec = spec_of(tables.load("tiny"), run, 50, 3)
        options = spec.strategy.options
        assert spec.strategy.name == given["name"] and options.epochs == 50 and spec.seed == 3
        assert getattr(options, "order", "first") == "first" and options.derivation == "magnitude"
        assert options.early_stop == "no" or options.stop_start > 50


def test_a_run_goes_on_where_it_was_interrupted(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tables.load("tiny")
    data = pictures.splits(table.description["recipe"], tmp_path)
    whole = measured(table, data, "darts", 0, 2, tmp_path / "a")
    assert [row["epoch"] for row in whole] == [1, 2] and all(row["curvature"] is not None for row in whole)
    first = next(iter(skip_collapse.trained(spec_of(table, "darts", 2, 0), data, tmp_path / "b" / "darts-0", 0)))
    assert first["derived"]["genotype"]["arch"] == whole[0]["cell"]
    assert measured(table, data, "darts", 0, 2, tmp_path / "b") == whole        # the first epoch is there already
    monkeypatch.setattr(skip_collapse, "trained", lambda spec, data, folder, done: iter(()))
    kept = measured(table, data, "darts", 0, 2, tmp_path / "b")
    assert kept == whole == [json.loads(line) for line in (tmp_path / "b" / "darts-0.jsonl").read_text().splitlines()]
