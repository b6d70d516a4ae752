"""Correlations that were measured once and are kept beside their table, with when, on what and how."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from engine.benchmarks import tables
from engine.errors import fail

FILE, FORMAT = "correlations.json", 1
SAME = ("digest", "sample", "seed", "networks", "true")          # rows of equal comparisons stand in one document
DIGITS = 6                                      # of a score that is kept


def kept(table: str) -> dict[str, Any] | None:
    """As it was written, with the names of the networks; None where nothing was kept. Raises Invalid."""
    path = _path(table)
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return {**found, "networks": [tables.load(table).networks[number] for number in found["networks"]]}


def keep(found: Mapping[str, Any]) -> Path:
    """Beside the table. Rows of an equal comparison that are there already stay, unless they were measured anew. Raises
    Invalid where the folder cannot be written."""
    path, numbers = _path(found["table"]), {text: n for n, text in enumerate(tables.load(found["table"]).networks)}
    fresh = {**found, "networks": [numbers[text] for text in found["networks"]]}
    stamp = {"measured": datetime.now(UTC).isoformat(timespec="minutes"), "versions": _versions(),
             "load": round(os.getloadavg()[0], 1)}
    rows = {row["estimator"]: {**row, "scores": [_short(score) for score in row["scores"]], **stamp}
            for row in found["estimators"]}
    older = json.loads(path.read_text()) if path.exists() else {}
    if older and all(older[key] == fresh[key] for key in SAME):
        rows = {**{row["estimator"]: row for row in older["estimators"]}, **rows}
    try:
        path.write_text(json.dumps({"format": FORMAT, **fresh, "estimators": list(rows.values())}, allow_nan=False,
                                   separators=(",", ":")) + "\n")
    except OSError as error:
        raise fail("/keep", f"{path} cannot be written: {error.strerror}", "a folder that can be") from None
    return path


def _path(table: str) -> Path:
    tables.description(table)
    return tables.ROOT / table / FILE


def _short(score: float | None) -> float | None:
    return None if score is None else float(f"{score:.{DIGITS}g}")


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in ("torch", "numpy")},
            "system": f"{platform.system()} {platform.machine()}"}
