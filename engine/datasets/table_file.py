"""A table of one's own: an uploaded CSV file with a header, one column of which is to be predicted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from engine.datasets.arrays import Progress, Table
from engine.datasets.bundled import Tabular, held_out
from engine.datasets.csv_table import WORDS, Column, at, read
from engine.errors import Invalid, Problem, Unavailable, fail
from engine.options import choice, real, text
from engine.registry import dataset

UPLOADS = "uploads"                             # below the data folder, files by their SHA-256
SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
FEATURES, CLASSES = 5_000, 100


@dataset(title="Your table", kind="table", shape=(10,), classes=2, source="your upload",
         summary="A CSV file that you uploaded: numbers and words in columns, one of which is to be predicted.")
@dataclass(frozen=True)
class TableFile(Tabular):
    sha256: str = text("", longest=64, help="Which upload: the SHA-256 of the file.")
    target: str = text("", longest=100, help="The column to predict; empty: the last one.")
    leave_out: str = text("", longest=2000, help="Columns that are not read, with commas between; identifiers, say.")
    words: str = choice("one_hot", choices=("one_hot", "ordinal"),
                        help="Columns of words: a feature for each word, or the place of the word in the alphabet.")
    missing: str = choice("fill", choices=("fill", "drop", "refuse"),
                          help="Where a value is missing: the median, or a word of its own; drop the row; or stop.")
    test: float = real(0.2, low=0.05, high=0.5, help="Part of the rows that only finals see.")

    def check(self) -> list[Problem]:
        known = SHA256.fullmatch(self.sha256)
        return [] if known else [Problem("/sha256", "is not the SHA-256 of an upload", "64 digits 0-9 a-f")]

    def ready(self, folder: Path | None = None) -> bool:
        return folder is not None and not self.check() and self.path(folder).is_file()

    def path(self, folder: Path) -> Path:
        return folder / UPLOADS / self.sha256

    def load(self, folder: Path, progress: Progress) -> Table:
        if self.check() or not self.path(folder).is_file():
            raise Unavailable("the uploaded table is not there: upload it again, or choose another")
        try:
            return self.table(self.path(folder))
        except Invalid as error:
            raise Unavailable(f"the uploaded table cannot be read: {error.problems[0].reason}") from None

    def reading(self, held: Mapping[str, Any]) -> tuple[tuple[int, ...], int] | None:
        """How many features and classes the upload makes that `inspect` told of; dropped rows may take words along."""
        out = {name.strip() for name in self.leave_out.split(",")}
        columns = {row["name"]: row for row in held.get("columns", ()) if row["name"] not in out}
        target = columns.pop(self.target.strip() or next(reversed(columns), ""), None)
        if target is None or not columns:
            return None
        gaps = self.missing != "drop"
        wide = (row["different"] + (row["missing"] > 0 and gaps) if row["kind"] == "words" and self.words == "one_hot" else 1
                for row in columns.values())
        return (sum(wide),), target["different"]

    def table(self, path: Path) -> Table:
        """The file as a table. Raises Invalid with the row and the column."""
        columns = self._kept(read(path))
        target = self._target(columns)
        for name, column in columns.items():    # faults in cells are told while rows still have their numbers
            if name != target.name:
                column.require_kind()
        columns = self._whole(columns, target)
        target, inputs = columns[target.name], [column for name, column in columns.items() if name != target.name]
        classes = _classes(target)
        test, learn = held_out(len(target.cells), self.test)
        plans = [_plan(column, learn, self.words) for column in inputs]
        names = [name for plan in plans for name in features(plan)]
        if len(names) > FEATURES:
            raise fail("", f"the columns make {len(names):,} features", f"up to {FEATURES:,}")
        made = [values for plan, column in zip(plans, inputs, strict=True) for values in encoded(plan, column)]
        rows = np.stack(made, axis=1)
        labels = np.array([classes.index(cell) for cell in target.cells], dtype=np.int64)
        return Table(rows[learn], labels[learn], rows[test], labels[test], classes, tuple(names), tuple(plans))

    def _kept(self, columns: Sequence[Column]) -> dict[str, Column]:
        out = {name.strip() for name in self.leave_out.split(",") if name.strip()}
        known = {column.name for column in columns}
        if strange := sorted(out - known):
            raise fail("/leave_out", f"names {strange[0]!r}, which is not a column", ", ".join(sorted(known))[:500])
        return {column.name: column for column in columns if column.name not in out}

    def _target(self, columns: dict[str, Column]) -> Column:
        name = self.target.strip() or next(reversed(columns), "")
        if name not in columns:
            raise fail("/target", f"there is no column {name!r}", ", ".join(columns)[:500])
        if len(columns) < 2:
            raise fail("/leave_out", "leaves no column to predict from", "at least one column beside the target")
        return columns[name]

    def _whole(self, columns: dict[str, Column], target: Column) -> dict[str, Column]:
        """The columns after what is to be done about missing values of whole rows."""
        if self.missing == "drop":
            keep = [k for k, row in enumerate(zip(*(c.cells for c in columns.values()), strict=True)) if None not in row]
            if len(keep) < 10:
                raise fail("/missing", f"leaves {len(keep)} rows", "at least 10 rows without missing values")
            return {name: Column(name, tuple(column.cells[k] for k in keep)) for name, column in columns.items()}
        for column in columns.values() if self.missing == "refuse" else (target,):
            if None in column.cells:
                raise at(column.cells.index(None), column.name, "holds nothing", "a value in every row")
        return columns


def _classes(target: Column) -> tuple[str, ...]:
    classes = target.words
    if not 2 <= len(classes) <= CLASSES:
        raise fail("/target", f"column {target.name!r} has {len(classes):,} different values", f"2 to {CLASSES} classes")
    if alone := _alone(target):
        raise fail("/target", f"column {target.name!r} has {alone!r} in one row only", "at least two rows of each class")
    return classes


def _alone(target: Column) -> str | None:
    """A value that is there once."""
    return next((value for value, rows in Counter(target.cells).items() if value is not None and rows < 2), None)


def _plan(column: Column, learn: Sequence[int], words: str) -> dict[str, Any]:
    """How a column becomes features, as data: what predict.py reads. Learnt from the rows that are not for tests."""
    if column.numeric:
        known = [number for k in learn if (number := column.numbers[k]) is not None]
        return {"name": column.name, "fill": median(known) if known else 0.0}
    if len(column.words) > WORDS:
        reason = f"column {column.name!r} has {len(column.words):,} different words"
        raise fail(f"/{column.name}", reason, f"up to {WORDS}; leave it out if it is an identifier")
    return {"name": column.name, "words": [*column.words, *([""] if column.missing else [])], "one_hot": words == "one_hot"}


def features(plan: dict[str, Any]) -> Iterator[str]:
    """The names of the features that a column makes."""
    if plan.get("one_hot"):
        yield from (f"{plan['name']}={word or 'nothing'}" for word in plan["words"])
    else:
        yield plan["name"]


def encoded(plan: dict[str, Any], column: Column) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
    """The values of those features."""
    if "fill" in plan:
        yield np.array([plan["fill"] if number is None else number for number in column.numbers], dtype=np.float32)
        return
    places = np.array([plan["words"].index(cell or "") for cell in column.cells])
    if plan["one_hot"]:
        yield from ((places == place).astype(np.float32) for place in range(len(plan["words"])))
    else:
        yield places.astype(np.float32)


def inspect(path: Path) -> dict[str, Any]:
    """What an upload holds, for the page that offers it. Raises Invalid with the row and the column."""
    columns = read(path)
    told = [{"name": c.name, "kind": "numbers" if c.numeric else "words", "different": len(c.words), "missing": c.missing,
             "target": c.missing == 0 and 2 <= len(c.words) <= CLASSES and not _alone(c)} for c in columns]
    if not any(row["target"] for row in told):
        raise fail("", "no column could be predicted", f"a column without gaps and with 2 to {CLASSES} different values")
    return {"rows": len(columns[0].cells), "columns": told}
