"""Genotypes as conditional maps: the decisions that are active, by name, and nothing else.

All functions take the decisions of a space in an order in which every condition speaks of earlier decisions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from engine.errors import Invalid, Problem
from engine.spaces.space import Parameter

Config = dict[str, Any]


def choices(parameter: Parameter) -> tuple[Any, ...]:
    """Every value that a categorical or integer decision may take."""
    if parameter.kind == "integer":
        return tuple(range(int(parameter.low or 0), int(parameter.high or 0) + 1))
    return parameter.choices


def active(parameter: Parameter, config: Mapping[str, Any]) -> bool:
    """All conditions hold; a condition on an inactive decision does not."""
    return all(c["name"] in config and _holds(c, config[c["name"]]) for c in parameter.when)


def _holds(condition: Mapping[str, Any], value: Any) -> bool:
    return bool(value >= condition["at_least"]) if "at_least" in condition else value in condition["among"]


def sample(parameters: Sequence[Parameter], rng: Random, fixed: Mapping[str, Any] | None = None) -> Config:
    """Top down: what is fixed and still active is kept, every other active decision is drawn uniformly."""
    config: Config = {}
    for parameter in parameters:
        if active(parameter, config):
            keep = fixed is not None and parameter.name in fixed
            config[parameter.name] = fixed[parameter.name] if fixed and keep else rng.choice(choices(parameter))
    return config


def mutate(parameters: Sequence[Parameter], config: Mapping[str, Any], rng: Random) -> Config:
    """Change one active decision; what this activates is drawn afresh, what it deactivates is forgotten."""
    movable = [p for p in parameters if p.name in config and _moves(p, config[p.name])]
    if not movable:
        return dict(config)
    chosen = rng.choice(movable)
    return sample(parameters, rng, {**config, chosen.name: rng.choice(_moves(chosen, config[chosen.name]))})


def neighbours(parameters: Sequence[Parameter], config: Mapping[str, Any]) -> Iterator[Config]:
    """Everything that one mutation can make, each once."""
    for parameter in parameters:
        if parameter.name in config:
            for value in _moves(parameter, config[parameter.name]):
                yield from completions(parameters, {**config, parameter.name: value})


def completions(parameters: Sequence[Parameter], fixed: Mapping[str, Any] | None = None) -> Iterator[Config]:
    """Every config that keeps the fixed values as far as they stay active. With nothing fixed: the whole space."""
    yield from _extend(parameters, fixed or {}, 0, {})


def _extend(parameters: Sequence[Parameter], fixed: Mapping[str, Any], at: int, config: Config) -> Iterator[Config]:
    if at == len(parameters):
        yield config
        return
    parameter = parameters[at]
    if not active(parameter, config):
        yield from _extend(parameters, fixed, at + 1, config)
        return
    for value in (fixed[parameter.name],) if parameter.name in fixed else choices(parameter):
        yield from _extend(parameters, fixed, at + 1, {**config, parameter.name: value})


def _moves(parameter: Parameter, value: Any) -> list[Any]:
    """What one mutation may turn a value into: a step for integers, any other choice for the rest."""
    if parameter.kind == "integer":
        return [v for v in (value - 1, value + 1) if (parameter.low or 0) <= v <= (parameter.high or 0)]
    return [v for v in parameter.choices if v != value]


def check(parameters: Sequence[Parameter], given: Any, path: str = "") -> Config:
    """The config in the order of the decisions. Raises Invalid: unknown, missing, inactive or impossible values."""
    if not isinstance(given, Mapping):
        raise Invalid(Problem(path, "must be an object", "the active decisions by name"))
    config: Config = {}
    problems = []
    for parameter in parameters:
        name, where = parameter.name, f"{path}/{parameter.name}"
        if not active(parameter, config):
            if name in given:
                problems.append(Problem(where, "is not active here", "leave it out"))
        elif name not in given:
            problems.append(Problem(where, "is missing", _allowed(parameter)))
        elif not any(given[name] == value and type(given[name]) is type(value) for value in choices(parameter)):
            problems.append(Problem(where, "is not a choice of this space", _allowed(parameter)))
        else:
            config[name] = given[name]
    known = {p.name for p in parameters}
    problems += [Problem(f"{path}/{_escape(key)}", "is not a decision of this space") for key in given if key not in known]
    if problems:
        raise Invalid(*problems)
    return config


def vector(parameters: Sequence[Parameter], config: Mapping[str, Any]) -> list[float]:
    """One number a decision: integers scaled to [0, 1], the index of other choices, NaN where inactive."""
    return [_number(p, config[p.name]) if p.name in config else math.nan for p in parameters]


def from_vector(parameters: Sequence[Parameter], numbers: Sequence[float]) -> Config:
    """The config of a vector. What stands in inactive places does not count."""
    config: Config = {}
    for parameter, number in zip(parameters, numbers, strict=True):
        if active(parameter, config):
            config[parameter.name] = _value(parameter, number)
    return config


def _number(parameter: Parameter, value: Any) -> float:
    place = choices(parameter).index(value)
    return place / max(1, len(choices(parameter)) - 1) if parameter.kind == "integer" else float(place)


def _value(parameter: Parameter, number: float) -> Any:
    values = choices(parameter)
    place = number * max(1, len(values) - 1) if parameter.kind == "integer" else number
    if not math.isfinite(place) or not 0 <= round(place) < len(values):
        raise Invalid(Problem(f"/{parameter.name}", "has no value at this place of the vector", _allowed(parameter)))
    return values[round(place)]


def _allowed(parameter: Parameter) -> str:
    if parameter.kind == "integer":
        return f"a whole number from {parameter.low} to {parameter.high}"
    return "one of " + ", ".join(map(str, parameter.choices))


def _escape(key: object) -> str:
    return str(key)[:80].replace("~", "~0").replace("/", "~1")
