"""CSV files with a header as columns of numbers and of words. Every fault names its row and column as a spreadsheet does."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from engine.errors import fail

BYTES, ROWS, COLUMNS, CELLS, LETTERS = 32 * 1024**2, 200_000, 1_000, 5_000_000, 1_000
FEWEST = 10                                     # rows
WORDS = 100                                     # different ones in a column
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
LARGEST = 1e30
MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none"})
DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Column:
    """One column; a missing value is None."""

    name: str
    cells: tuple[str | None, ...]

    @cached_property
    def numeric(self) -> bool:
        """Every value is a number. A column in which only most are is taken for one with a fault."""
        values = [cell for cell in self.cells if cell is not None]
        strange = [k for k, cell in enumerate(self.cells) if cell is not None and not NUMBER.fullmatch(cell)]
        if not values:
            raise fail(f"/{_pointer(self.name)}", f"column {self.name!r} holds nothing at all", "leave it out")
        if strange and 2 * len(strange) < len(values):
            raise at(strange[0], self.name, f"holds {self.cells[strange[0]]!r} among numbers", "a number, or nothing")
        if strange:
            return False
        for k, number in enumerate(self.numbers):
            if number is not None and abs(number) > LARGEST:
                raise at(k, self.name, "is too large", f"a number from {-LARGEST:g} to {LARGEST:g}")
        return True

    def require_kind(self) -> None:
        """Raises Invalid for a column that is neither of numbers nor of words."""
        _ = self.numeric

    @cached_property
    def numbers(self) -> tuple[float | None, ...]:
        return tuple(None if cell is None else float(cell) for cell in self.cells)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The different values in order; numbers by size."""
        found = {cell for cell in self.cells if cell is not None}
        by_size = all(NUMBER.fullmatch(cell) for cell in found)
        return tuple(sorted(found, key=lambda cell: (float(cell) if by_size else 0.0, cell)))

    @property
    def missing(self) -> int:
        return sum(cell is None for cell in self.cells)


def at(row: int, column: str, reason: str, allowed: str = "") -> Exception:
    """A fault in the k-th row below the header."""
    return fail(f"/{row + 2}/{_pointer(column)}", f"row {row + 2}, column {column!r} {reason}", allowed)


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def read(path: Path) -> tuple[Column, ...]:
    """The columns of a file. Raises Invalid."""
    size = path.stat().st_size
    if size > BYTES:
        raise fail("", f"the file has {size / 1024**2:.0f} MiB", f"up to {BYTES // 1024**2} MiB")
    text = _decoded(path.read_bytes())
    head, *rows = _records(text)
    names = _names(head)
    _check_size(names, rows)
    for k, row in enumerate(rows):
        if len(row) != len(names):
            raise fail(f"/{k + 2}", f"row {k + 2} has {len(row)} cells, the header has {len(names)}", f"{len(names)} cells")
    return tuple(Column(name, tuple(_cells(name, (row[place] for row in rows)))) for place, name in enumerate(names))


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise fail("", f"the file is not UTF-8 text (byte {error.start:,})", "CSV in UTF-8") from None
    if "\0" in text:
        raise fail("", "the file holds zero bytes: it is no text", "CSV in UTF-8")
    return text


def _records(text: str) -> list[list[str]]:
    """Rows as lists, empty lines left out; the delimiter is the one that cuts the header into most cells."""
    try:
        heads = {mark: next(csv.reader(io.StringIO(text, newline=""), delimiter=mark), []) for mark in DELIMITERS}
        delimiter = max(DELIMITERS, key=lambda mark: len(heads[mark]))
        found = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if row]
    except csv.Error as error:
        raise fail("", f"the file is not CSV: {error}", "CSV with a header") from None
    if not found:
        raise fail("", "the file is empty", "CSV with a header")
    return found


def _names(head: Sequence[str]) -> list[str]:
    names = [name.strip() for name in head]
    for place, name in enumerate(names):
        if not name or len(name) > 100 or not name.isprintable():
            raise fail("/1", f"column {place + 1} has no name, or one that cannot be shown", "names of up to 100 letters")
        if name in names[:place]:
            raise fail("/1", f"two columns are called {name!r}", "each name once")
    if all(NUMBER.fullmatch(name) for name in names):
        raise fail("/1", "the first row holds numbers: there is no header", "a first row with the names of the columns")
    return names


def _check_size(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if not 2 <= len(names) <= COLUMNS:
        raise fail("/1", f"the header has {len(names):,} column{'s' if len(names) != 1 else ''}", f"2 to {COLUMNS:,}")
    if not FEWEST <= len(rows) <= ROWS:
        raise fail("", f"the file has {len(rows):,} rows below the header", f"{FEWEST} to {ROWS:,}")
    if len(names) * len(rows) > CELLS:
        raise fail("", f"the file has {len(names) * len(rows):,} cells", f"up to {CELLS:,}")


def _cells(name: str, texts: Iterator[str]) -> Iterator[str | None]:
    for k, text in enumerate(texts):
        cell = text.strip()
        if len(cell) > LETTERS:
            raise at(k, name, f"has {len(cell):,} letters", f"up to {LETTERS:,}")
        yield None if cell.lower() in MISSING else cell
