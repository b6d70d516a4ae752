"""Correlations kept beside a table: what is written, when rows are joined, and when they are replaced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import api
from engine.benchmarks import tables
from engine.errors import Invalid
from tests.engine.benchmarks.tiny import built, tiny

__all__ = ["built", "tiny"]


@pytest.fixture
def file(tiny: Path) -> Iterator[Path]:
    path = tiny / "correlations.json"
    yield path
    path.unlink(missing_ok=True)


def test_what_is_kept_comes_back_with_when_and_how(file: Path, tmp_path: Path) -> None:
    assert api.correlations("tiny") is None
    found = api.correlate("tiny", ["parameters", "synflow"], 3, 0, tmp_path)
    assert api.keep_correlations(found) == str(file)
    kept = api.correlations("tiny")
    assert kept is not None and kept["networks"] == found["networks"] and kept["true"] == found["true"]
    assert kept["digest"] == tables.description("tiny")["digest"] and kept["completeness"] == found["completeness"]
    for row, fresh in zip(kept["estimators"], found["estimators"], strict=True):
        assert {**row, "scores": None}.items() >= {**fresh, "scores": None}.items()
        assert row["scores"] == pytest.approx(fresh["scores"], rel=1e-5)
        assert row["measured"].startswith("20") and row["load"] >= 0
        assert {"python", "torch", "numpy", "system"} == set(row["versions"])


def test_rows_of_an_equal_comparison_are_joined_and_others_replaced(file: Path, tmp_path: Path) -> None:
    for names in (["parameters"], ["synflow"], ["parameters"]):
        api.keep_correlations(api.correlate("tiny", names, 3, 0, tmp_path))
    kept = api.correlations("tiny")
    assert kept is not None and [row["estimator"] for row in kept["estimators"]] == ["parameters", "synflow"]
    api.keep_correlations(api.correlate("tiny", ["flops"], 2, 0, tmp_path))
    kept = api.correlations("tiny")
    assert kept is not None and [row["estimator"] for row in kept["estimators"]] == ["flops"] and kept["sample"] == 2


def test_a_table_that_is_not_there_has_nothing() -> None:
    with pytest.raises(Invalid, match="not a table"):
        api.correlations("nothing")


@pytest.mark.parametrize("name", tables.names())
def test_what_ships_belongs_to_its_table(name: str) -> None:
    kept = api.correlations(name)
    if kept is None:
        return
    known = {row["name"] for row in api.estimators()}
    assert kept["digest"] == tables.description(name)["digest"] and kept["format"] == 1
    for row in kept["estimators"]:
        assert row["estimator"] in known and len(row["scores"]) == row["n"] == len(kept["networks"]) == len(kept["true"])
    json.dumps(kept, allow_nan=False)
