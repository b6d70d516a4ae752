"""Derivation by perturbation (DARTS-PT: Wang et al., ICLR 2021): what the supernet misses most when it is gone stays.

A round asks one question of each table: which operation of an edge stays, then, when all edges have one, which edges of a
node. Each removal is a step of its own; between the rounds the supernet is trained on with what was decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch

from engine.architecture.relaxed import Path, Strengths, choosable, heard
from engine.nets.sampler import Step
from engine.nets.supernet import Choice
from engine.phases import Site
from engine.rng import stream

Rows = list[list[Any]]
LEAST = 1e-30                                   # strength of what was decided: more than nothing


class Question(NamedTuple):
    """Which of `columns` stays on an edge, the only one of `rows`; without columns: which of `rows` stay at their node."""

    table: str
    rows: tuple[int, ...]
    columns: tuple[int, ...] = ()

    @property
    def removals(self) -> list[tuple[int, int | None]]:
        """Row and column of each; no column: the whole edge."""
        return [(row, column) for row in self.rows for column in self.columns] or [(row, None) for row in self.rows]


class Perturbation:
    """The rounds of a search, what was decided so far, and the step of `site`'s round, if it is one of these. `given`: the
    columns of each row, where the supernet has no more than some of them; a row with one is not asked about."""

    def __init__(self, site: Site, completed: Callable[[Path], Path], given: Path | None = None) -> None:
        self.space, self.completed = site.space, completed
        relaxed = site.space.supernet(site.shape, site.classes)
        self.tables = relaxed.tables
        self.given, self.columns = given or relaxed.everything, choosable(self.space, self.tables)
        nodes = dict.fromkeys(found for node in relaxed.graph if (found := heard(relaxed, node)))
        self.rounds = self._questions(site.seed, list(nodes))
        number = site.settings.get("round")
        self.now: list[Question] = [] if number is None else self.rounds[number]
        self.left: dict[str, Rows] = {name: [list(row) for row in self.given[name]] for name in self.tables}
        self.without: dict[str, Rows] = {name: [[None] * (1 + len(t.ops)) for _ in t.edges]
                                         for name, t in self.tables.items()}    # accuracies; last: without the edge
        self.agreed = self.asked = 0            # operations that are those of the largest strength, and all decided ones

    @property
    def opening(self) -> int:
        return sum(len(question.removals) for question in self.now)

    @property
    def complete(self) -> bool:
        return all(self._fixed(name, row) for name, rows in self.left.items() for row in range(len(rows)))

    def applied(self, choice: Choice) -> Choice:
        """A choice with what was decided: one operation fully, or none, on each edge that was asked about."""
        path, weights = dict(choice.path), dict(choice.weights or {})
        for name, rows in self.left.items():
            fixed = [self._fixed(name, row) for row in range(len(rows))]
            if not any(fixed):
                continue
            path[name] = tuple(tuple(kept) if known else taken
                               for kept, taken, known in zip(rows, choice.path[name], fixed, strict=True))
            if name in weights:
                known = torch.tensor(fixed, device=weights[name].device)[:, None]
                weights[name] = torch.where(known, torch.ones_like(weights[name]), weights[name])
        return Choice(self.completed(path), weights or None)

    def answer(self, step: Step, choice: Choice, strengths: Strengths) -> None:
        """One removal from the supernet as `choice` has it; after the last one of a question its answer."""
        at = step.position
        for question in self.now:
            if at < len(question.removals):
                break
            at -= len(question.removals)
        row, column = question.removals[at]
        rows = list(choice.path[question.table])
        rows[row] = tuple(k for k in rows[row] if column is not None and k != column)
        gone = Choice(self.completed({**choice.path, question.table: tuple(rows)}), choice.weights)
        self.without[question.table][row][-1 if column is None else column] = step.score(gone)
        if at == len(question.removals) - 1:
            self._decide(question, strengths)

    def strengths(self, given: Strengths) -> dict[str, list[list[float]]]:
        """Of an edge that was asked about only its operation is left, of an edge that has gone nothing."""
        found = {name: [list(row) for row in given[name]] for name in self.left}
        for name, rows in self.left.items():
            for row, kept in enumerate(rows):
                if self._fixed(name, row):
                    found[name][row] = [max(value, LEAST) if k in kept else 0.0 for k, value in enumerate(found[name][row])]
        return found

    def report(self) -> dict[str, Any]:
        return {"rounds": len(self.rounds), "without": self.without, "agreed": self.agreed, "answered": self.asked}

    def state_dict(self) -> dict[str, Any]:
        return {"left": self.left, "without": self.without, "agreed": self.agreed, "asked": self.asked}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.left = {name: [list(row) for row in rows] for name, rows in state["left"].items()}
        self.without = {name: [list(row) for row in rows] for name, rows in state["without"].items()}
        self.agreed, self.asked = state["agreed"], state["asked"]

    def _questions(self, seed: int, nodes: list[tuple[str, tuple[int, ...]]]) -> list[list[Question]]:
        """Edges of each table in an order of their own, then the nodes that lose an edge."""
        path = self._path({name: [[1.0] * len(table.ops) for _ in table.edges] for name, table in self.tables.items()})
        edges, joins = [], []
        for name, table in self.tables.items():
            rng = stream(seed, "order of removals", name)
            order = rng.sample(range(len(table.edges)), len(table.edges))
            asked = [row for row in order if len(self.given[name][row]) > 1]
            edges.append([Question(name, (row,), self._choices(name, row)) for row in asked])
            choosing = [rows for owner, rows in nodes if owner == name and not all(path[name][row] for row in rows)]
            joins.append([Question(name, rows) for rows in rng.sample(choosing, len(choosing))])
        return [[questions[k] for questions in part if k < len(questions)]
                for part in (edges, joins) for k in range(max(map(len, part)))]

    def _decide(self, question: Question, strengths: Strengths) -> None:
        """What costs most stays; among equals what is stronger."""
        name, own, without = question.table, self.strengths(strengths), self.without[question.table]
        if question.columns:
            [row] = question.rows
            best = min(question.columns, key=lambda k: (without[row][k], -own[name][row][k]))
            self.agreed += best == max(question.columns, key=lambda k: own[name][row][k])
            self.asked += 1
            self.left[name][row] = [best]
            return
        order = sorted(question.rows, key=lambda row: (without[row][-1], -max(own[name][row])))
        for place, row in enumerate(order):
            own[name][row] = [float(len(order) - place) * (k in self.left[name][row]) for k in range(len(own[name][row]))]
        path = self._path(own)
        for row in question.rows:
            self.left[name][row] = self.left[name][row] if path[name][row] else []

    def _path(self, strengths: Strengths) -> Path:
        path: Path = self.space.path(self.space.derived(strengths))
        return path

    def _choices(self, name: str, row: int) -> tuple[int, ...]:
        return tuple(k for k in self.columns[name] if k in self.given[name][row])

    def _fixed(self, name: str, row: int) -> bool:
        return len(self.left[name][row]) < max(2, len(self.given[name][row]))
