"""Digits as a table: a table that ships with scikit-learn, works offline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.datasets.bundled import Bundled
from engine.registry import dataset


@dataset(title="Digits as a table", kind="table", shape=(64,), classes=10,
         source="UCI Optical Recognition of Handwritten Digits",
         summary="The 1,797 handwritten digits as rows of 64 grey values, as if nobody knew that they are pictures.")
@dataclass(frozen=True)
class DigitsTable(Bundled):
    LOADER: ClassVar[str] = "load_digits"
