"""Breast cancer: a table that ships with scikit-learn, works offline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.datasets.bundled import Bundled
from engine.registry import dataset


@dataset(title="Breast cancer", kind="table", shape=(30,), classes=2,
         source="Wolberg, Street, Mangasarian, UCI Breast Cancer Wisconsin (Diagnostic)",
         summary="569 tumours by 30 measures of their cells: malignant or benign?")
@dataclass(frozen=True)
class BreastCancer(Bundled):
    LOADER: ClassVar[str] = "load_breast_cancer"
