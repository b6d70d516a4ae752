"""A tiny table, built in seconds by the builder itself: three architectures on digits."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from benchmarks import build_table
from benchmarks.table.recipe import RECIPES, Recipe
from engine.benchmarks import tables

TINY = Recipe("tiny", "digits", side=8, train=192, validation=128, channels=4, layers=1, epochs=2, batch_size=64, lr=0.1,
              strings=3)


@cache
def tables_in(folder: Path) -> Path:
    """Built once, whichever test asks first."""
    RECIPES["tiny"] = TINY
    build_table.main(["tiny", "--processes", "1", "--trainer", "engine", "--folder", str(folder)])
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of tables with the tiny one in it, complete but not calibrated."""
    return tables_in(tmp_path_factory.getbasetemp() / "tables")


@pytest.fixture
def tiny(built: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The engine reads these tables instead of the shipped ones."""
    monkeypatch.setattr(tables, "ROOT", built)
    return built / "tiny"
