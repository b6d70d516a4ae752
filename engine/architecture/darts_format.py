"""Genotypes as DARTS writes them: for each cell pairs of an operation and the result it reads, two pairs a node.

Results are numbered: 0 and 1 are the outputs of the cell before the last and of the last cell, 2 is the first node. Text
in Python syntax is taken apart word by word and never run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engine.errors import Invalid, Problem, fail

OPS = ("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7",
       "dil_conv_3x3", "dil_conv_5x5", "conv_7x1_1x7")
CELLS = ("normal", "reduce")
KEYS = ("normal", "normal_concat", "reduce", "reduce_concat")
MOST_NODES, LONGEST = 32, 20_000
FORM = '{"normal": [["sep_conv_3x3", 1], …], "normal_concat": [2, …], "reduce": […], "reduce_concat": […]}'
WORD = re.compile(r"(?P<space>\s+|#[^\n]*)|(?P<name>[A-Za-z_]\w*)|(?P<string>'\w*'|\"\w*\")|(?P<number>\d{1,9})"
                  r"|(?P<mark>[()\[\],=.])", re.ASCII)
CLOSED_BY = {"[": "]", "(": ")"}

PYTHON_FORM = "Genotype(normal=[('sep_conv_3x3', 1), …], normal_concat=range(2, 6), reduce=[…], reduce_concat=[…])"

Genotype = dict[str, list[Any]]


def checked(given: Any, path: str = "") -> Genotype:
    """A genotype of this format, with lists for tuples. Raises Invalid with every problem found."""
    if not isinstance(given, Mapping) or set(given) != set(KEYS):
        raise fail(path, "must be an object with the keys " + ", ".join(KEYS), FORM)
    problems: list[Problem] = []
    for cell in CELLS:
        edges, where = given[cell], f"{path}/{cell}"
        if not isinstance(edges, (list, tuple)) or not edges or len(edges) % 2 or len(edges) > 2 * MOST_NODES:
            problems.append(Problem(where, "must be a list with two pairs for each node", f"1 to {MOST_NODES} nodes"))
            continue
        for at, edge in enumerate(edges):
            problems += _edge_faults(edge, 2 + at // 2, f"{where}/{at}")
        problems += _join_faults(given[f"{cell}_concat"], 2 + len(edges) // 2, f"{path}/{cell}_concat")
    if problems:
        raise Invalid(*problems)
    return {key: [list(each) if key in CELLS else each for each in given[key]] for key in KEYS}


def _edge_faults(edge: Any, results: int, where: str) -> list[Problem]:
    if not isinstance(edge, (list, tuple)) or len(edge) != 2:
        return [Problem(where, "is not a pair", '["sep_conv_3x3", 1]')]
    found = []
    if not isinstance(edge[0], str) or edge[0] not in OPS:
        found.append(Problem(f"{where}/0", "is not a known operation", "one of " + ", ".join(OPS)))
    if not _among(edge[1], results):
        found.append(Problem(f"{where}/1", "is not an earlier result", f"a whole number from 0 to {results - 1}"))
    return found


def _join_faults(joined: Any, results: int, where: str) -> list[Problem]:
    if not isinstance(joined, (list, tuple)) or not joined or len(joined) > MOST_NODES + 2:
        return [Problem(where, "must be a list of results", "at least one")]
    return [Problem(f"{where}/{at}", "is not a result of the cell", f"a whole number from 0 to {results - 1}")
            for at, result in enumerate(joined) if not _among(result, results)]


def _among(value: Any, results: int) -> bool:
    return type(value) is int and 0 <= value < results


def from_python(text: str) -> dict[str, Any]:
    """`Genotype(normal=[('sep_conv_3x3', 1), …], normal_concat=range(2, 6), …)`, with or without a name before it, as plain
    data that is not checked yet. Raises Invalid with line and column."""
    if len(text) > LONGEST:
        raise fail("", "is too long for a genotype", f"up to {LONGEST:,} characters")
    return _Reader(text).genotype()


def as_python(genotype: Mapping[str, Any]) -> str:
    """The text that `from_python` reads."""
    parts = []
    for cell in CELLS:
        pairs = ", ".join(f"('{op}', {source})" for op, source in genotype[cell])
        joined = list(genotype[f"{cell}_concat"])
        run = joined == list(range(joined[0], joined[-1] + 1))
        parts.append(f"{cell}=[{pairs}], {cell}_concat=" + (f"range({joined[0]}, {joined[-1] + 1})" if run else f"{joined}"))
    return f"Genotype({', '.join(parts)})"


class _Reader:
    """One word after another: [name =] [name.] Genotype(name = value, …), where values are lists of pairs, or ranges."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.words: list[tuple[str, str, int]] = []             # kind, word, place
        place = 0
        while place < len(text):
            if (match := WORD.match(text, place)) is None:
                raise self.unread(place, "another character")
            kind = str(match.lastgroup)
            self.words += [(kind, match[kind], place)] if kind != "space" else []
            place = match.end()
        self.words.append(("end", "", place))

    def unread(self, place: int, expected: str) -> Invalid:
        line, column = self.text.count("\n", 0, place) + 1, place - self.text.rfind("\n", 0, place)
        return fail("", f"cannot be read at line {line}, column {column}: expected {expected}", PYTHON_FORM)

    def here(self, expected: str) -> Invalid:
        return self.unread(self.words[self.at][2], expected)

    def took(self, mark: str) -> bool:
        found = self.words[self.at][1] == mark
        self.at += found
        return found

    def need(self, mark: str) -> None:
        if not self.took(mark):
            raise self.here(mark)

    def next(self, kind: str, expected: str) -> str:
        found, word, _ = self.words[self.at]
        if found != kind:
            raise self.here(expected)
        self.at += 1
        return word

    def genotype(self) -> dict[str, Any]:
        name = self.next("name", "Genotype")
        while name != "Genotype":
            if not self.took("=") and not self.took("."):
                raise self.here("= or .")
            name = self.next("name", "Genotype")
        self.need("(")
        found: dict[str, Any] = {}
        while not self.took(")"):
            if (key := self.next("name", "a name")) in found:
                raise self.here(f"{key} once")
            self.need("=")
            found[key] = self.value(depth=2)
            if not self.took(","):
                self.need(")")
                break
        self.next("end", "the end")
        return found

    def value(self, depth: int) -> Any:
        kind, word, _ = self.words[self.at]
        if word == "range":
            return self.range()
        self.at += 1
        if kind == "number":
            return int(word)
        if kind == "string":
            return word[1:-1]
        if word not in CLOSED_BY or depth == 0:
            self.at -= 1
            raise self.here("a list, a number or a quoted word")
        return self.values(CLOSED_BY[word], depth)

    def values(self, closed_by: str, depth: int) -> list[Any]:
        found: list[Any] = []
        while not self.took(closed_by):
            found.append(self.value(depth - 1))
            if not self.took(","):
                self.need(closed_by)
                break
        return found

    def range(self) -> list[int]:
        self.at += 1
        self.need("(")
        bounds = [int(self.next("number", "a number"))]
        if self.took(","):
            bounds.append(int(self.next("number", "a number")))
        self.need(")")
        found = range(*bounds)
        if len(found) > MOST_NODES + 2:
            raise self.here("a shorter range")
        return list(found)
