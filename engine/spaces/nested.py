"""Spaces whose genotypes are written as lists of lists, with one decision at each place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.sampling import Columns
from engine.errors import Invalid, Problem
from engine.spaces.conditional import Conditional

Form = Any                                      # the name of a decision, or a list or an object of forms
Place = Any                                     # the number of a decision, a slice of several in a row, or a list of places


class Nested(Conditional):
    """`form` is a genotype with names of decisions in the place of values, in the order of `parameters`. There are no
    conditions and no numbers: every decision is always made, among choices."""

    def form(self) -> Mapping[str, Form]:
        raise NotImplementedError

    @cached_property
    def _form(self) -> Mapping[str, Form]:
        return self.form()

    @cached_property
    def _choices(self) -> dict[str, tuple[Any, ...]]:
        return {p.name: p.choices for p in self._decisions}

    @cached_property
    def _places(self) -> dict[str, Place]:
        numbers = {name: k for k, name in enumerate(self._choices)}
        return {key: _placed(part, numbers) for key, part in self._form.items()}

    def drawn(self, columns: Columns) -> list[Architecture]:
        """There are no conditions: the decisions are one table, and a part of all genotypes is a block of its columns."""
        table = np.stack(list(columns.values.values()), axis=1)
        parts = [_blocks(place, table) for place in self._places.values()]
        return [Architecture(self._kind, dict(zip(self._places, row, strict=True))) for row in zip(*parts, strict=True)]

    def written(self, config: genotype.Config) -> Mapping[str, Any]:
        values = [config[name] for name in self._choices]
        return {key: _filled(place, values) for key, place in self._places.items()}

    def decided(self, given: Any, path: str = "") -> genotype.Config:
        config: genotype.Config = {}
        problems: list[Problem] = []
        self._read(self._form, given, path, config, problems)
        if problems:
            raise Invalid(*problems)
        return config

    def _read(self, form: Form, given: Any, path: str, config: genotype.Config, problems: list[Problem]) -> None:
        if isinstance(form, str):
            choices = self._choices[form]
            if any(value == given and type(value) is type(given) for value in choices):
                config[form] = given
            else:
                problems.append(Problem(path, "is not a choice of this space", "one of " + ", ".join(map(str, choices))))
        elif isinstance(form, Mapping):
            if not isinstance(given, Mapping) or set(given) != set(form):
                problems.append(Problem(path, "must be an object", "exactly the keys " + ", ".join(form)))
                return
            for key, part in form.items():
                self._read(part, given[key], f"{path}/{key}", config, problems)
        elif not isinstance(given, (list, tuple)) or len(given) != len(form):
            problems.append(Problem(path, "must be a list", f"with exactly {len(form)} entries"))
        else:
            for at, part in enumerate(form):
                self._read(part, given[at], f"{path}/{at}", config, problems)


def _placed(form: Form, numbers: Mapping[str, int]) -> Place:
    """Where the decisions of a form stand among all: many of them are filled in by one slice."""
    if isinstance(form, str):
        return numbers[form]
    places = [_placed(part, numbers) for part in form]
    first = places[0] if places else 0
    if isinstance(first, int) and places == list(range(first, first + len(places))):
        return slice(first, first + len(places))
    return places


def _filled(place: Place, values: list[Any]) -> Any:
    return [_filled(part, values) for part in place] if isinstance(place, list) else values[place]


def _blocks(place: Place, table: NDArray[Any]) -> list[Any]:
    """`_filled` for every row of a table of values."""
    if isinstance(place, list):
        return [list(row) for row in zip(*[_blocks(part, table) for part in place], strict=True)]
    return list(table[:, place].tolist())
