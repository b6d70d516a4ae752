"""Genotypes as conditional maps: the decisions that are active, by name, and nothing else.

All functions take the decisions of a space in an order in which every condition speaks of earlier decisions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from engine.architecture import priors
from engine.errors import Invalid, Problem
from engine.spaces.space import Parameter

Config = dict[str, Any]


def choices(parameter: Parameter) -> Sequence[Any]:
    """Every value that a categorical or integer decision may take; of a real, which has no end of them, the median."""
    if parameter.kind == "integer":
        return range(int(parameter.low or 0), int(parameter.high or 0) + 1)
    return parameter.choices if parameter.kind == "categorical" else (priors.quantile(parameter, 0.5),)


def active(parameter: Parameter, config: Mapping[str, Any]) -> bool:
    """All conditions hold; a condition on an inactive decision does not."""
    return all(c["name"] in config and _holds(c, config[c["name"]]) for c in parameter.when)


def _holds(condition: Mapping[str, Any], value: Any) -> bool:
    return bool(value >= condition["at_least"]) if "at_least" in condition else value in condition["among"]


def sample(parameters: Sequence[Parameter], rng: Random, fixed: Mapping[str, Any] | None = None) -> Config:
    """Top down: what is fixed and still active is kept, every other active decision is drawn from its prior."""
    config: Config = {}
    for parameter in parameters:
        if active(parameter, config):
            keep = fixed is not None and parameter.name in fixed
            config[parameter.name] = fixed[parameter.name] if fixed and keep else _draw(parameter, rng)
    return config


def _draw(parameter: Parameter, rng: Random) -> Any:
    return rng.choice(parameter.choices) if parameter.kind == "categorical" else priors.draw(parameter, rng)


def mutate(parameters: Sequence[Parameter], config: Mapping[str, Any], rng: Random) -> Config:
    """Change one active decision; what this activates is drawn afresh, what it deactivates is forgotten."""
    able = movable(parameters, config)
    if not able:
        return dict(config)
    chosen = rng.choice(able)
    return sample(parameters, rng, {**config, chosen.name: _moved(chosen, config[chosen.name], rng)})


def movable(parameters: Sequence[Parameter], config: Mapping[str, Any]) -> list[Parameter]:
    """The active decisions that could be another value."""
    return [p for p in parameters if p.name in config and _moves(p, config[p.name])]


def _moved(parameter: Parameter, value: Any, rng: Random) -> Any:
    return rng.choice(_moves(parameter, value)) if parameter.kind == "categorical" else priors.shifted(parameter, value, rng)


def neighbours(parameters: Sequence[Parameter], config: Mapping[str, Any]) -> Iterator[Config]:
    """Everything that one mutation can make, each once; of wide ranges and reals a few steps (`priors.steps`)."""
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
    """What one mutation may turn a value into: a step for numbers, any other choice for the rest."""
    if parameter.kind == "categorical":
        return [v for v in parameter.choices if v != value]
    return priors.steps(parameter, value)


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
        elif not _holds_value(parameter, given[name]):
            problems.append(Problem(where, "is not a choice of this space", _allowed(parameter)))
        else:
            config[name] = given[name] if parameter.kind == "categorical" else priors.fitted(parameter, given[name])
    known = {p.name for p in parameters}
    problems += [Problem(f"{path}/{_escape(key)}", "is not a decision of this space") for key in given if key not in known]
    if problems:
        raise Invalid(*problems)
    return config


def _holds_value(parameter: Parameter, given: Any) -> bool:
    if parameter.kind == "categorical":
        return any(given == value and type(given) is type(value) for value in parameter.choices)
    return priors.holds(parameter, given)


def vector(parameters: Sequence[Parameter], config: Mapping[str, Any]) -> list[float]:
    """One number a decision: numbers on their scale from 0 to 1, the index of other choices, NaN where inactive."""
    return [_number(p, config[p.name]) if p.name in config else math.nan for p in parameters]


def from_vector(parameters: Sequence[Parameter], numbers: Sequence[float]) -> Config:
    """The config of a vector. What stands in inactive places does not count."""
    config: Config = {}
    for parameter, number in zip(parameters, numbers, strict=True):
        if active(parameter, config):
            config[parameter.name] = _value(parameter, number)
    return config


def _number(parameter: Parameter, value: Any) -> float:
    if parameter.kind == "categorical":
        return float(parameter.choices.index(value))
    return priors.place(parameter, value)


def _value(parameter: Parameter, number: float) -> Any:
    if parameter.kind == "categorical":
        if math.isfinite(number) and -1e-9 <= number <= len(parameter.choices) - 0.5:
            return parameter.choices[round(number)]
    elif math.isfinite(number) and -1e-9 <= number <= 1 + 1e-9:
        return priors.number(parameter, number)
    raise Invalid(Problem(f"/{parameter.name}", "has no value at this place of the vector", _allowed(parameter)))


def _allowed(parameter: Parameter) -> str:
    if parameter.kind == "integer":
        return f"a whole number from {parameter.low} to {parameter.high}"
    if parameter.kind == "real":
        return f"a number from {parameter.low:g} to {parameter.high:g}" + (
            f" in steps of {parameter.step:g}" if parameter.step else "")
    return "one of " + ", ".join(map(str, parameter.choices))


def _escape(key: object) -> str:
    return str(key)[:80].replace("~", "~0").replace("/", "~1")
