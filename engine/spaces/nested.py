"""Spaces whose genotypes are written as lists of lists, with one decision at each place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from engine.architecture import genotype
from engine.errors import Invalid, Problem
from engine.spaces.conditional import Conditional

Form = Any                                      # the name of a decision, or a list or an object of forms


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

    def written(self, config: genotype.Config) -> Mapping[str, Any]:
        return {key: _filled(part, config) for key, part in self._form.items()}

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


def _filled(form: Form, config: genotype.Config) -> Any:
    return config[form] if isinstance(form, str) else [_filled(part, config) for part in form]
