"""Iris: a table that ships with scikit-learn, works offline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.datasets.bundled import Bundled
from engine.registry import dataset


@dataset(title="Iris", kind="table", shape=(4,), classes=3, source="Fisher 1936",
         summary="150 flowers by the length and width of their leaves: which of three species? Solved by nearly everything.")
@dataclass(frozen=True)
class Iris(Bundled):
    LOADER: ClassVar[str] = "load_iris"
