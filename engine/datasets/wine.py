"""Wine: a table that ships with scikit-learn, works offline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.datasets.bundled import Bundled
from engine.registry import dataset


@dataset(title="Wine", kind="table", shape=(13,), classes=3, source="UCI Wine",
         summary="178 wines of one region by 13 chemical measures: which of three growers?")
@dataclass(frozen=True)
class Wine(Bundled):
    LOADER: ClassVar[str] = "load_wine"
