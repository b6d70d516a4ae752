"""Decisions that a person writes down: a list of JSON objects, checked, put in order, and turned into parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.architecture.conditions import ordered
from engine.architecture.priors import DIGITS, logarithmic
from engine.errors import Invalid, Problem, fail
from engine.spaces.space import Parameter

MOST, CHOICES, CONDITIONS, LARGEST = 100, 100, 8, 2**53
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
PRIORS = ("uniform", "log", "normal", "lognormal")
KEYS = {"categorical": {"choices"}, "integer": {"low", "high", "prior"}, "real": {"low", "high", "prior", "step"}}
KINDS = ", ".join(KEYS)
FORM = '[{"name": "lr", "kind": "real", "low": 0.001, "high": 1.0, "prior": "log"}, …]'


def read(given: Any, path: str = "") -> tuple[Parameter, ...]:
    """The decisions in an order in which conditions speak of earlier ones. Raises Invalid with every problem found."""
    if not isinstance(given, (list, tuple)):
        raise fail(path, "must be a list of decisions", FORM)
    if len(given) > MOST:
        raise fail(path, f"has {len(given):,} decisions", f"up to {MOST}")
    rows = _each(given, path, _decision)
    names = [row.name for row in rows]
    if repeated := [k for k, name in enumerate(names) if name in names[:k]]:
        raise Invalid(*[Problem(f"{path}/{k}/name", "is taken by an earlier decision", "each name once") for k in repeated])
    return ordered(rows, path)


def written(parameter: Parameter) -> dict[str, Any]:
    """The inverse of `read` for one decision, defaults written out."""
    row: dict[str, Any] = {"name": parameter.name, "kind": parameter.kind}
    if parameter.kind == "categorical":
        row["choices"] = list(parameter.choices)
    else:
        row |= {"low": parameter.low, "high": parameter.high, "prior": parameter.prior}
        row |= {"mu": parameter.mu, "sigma": parameter.sigma} if parameter.prior.endswith("normal") else {}
        row |= {"step": parameter.step} if parameter.step is not None else {}
    conditions = [{key: list(value) if key == "among" else value for key, value in c.items()} for c in parameter.when]
    return row | ({"when": conditions} if conditions else {})


def _each(given: Sequence[Any], path: str, one: Callable[[Any, str], Any]) -> list[Any]:
    """Every entry read; the problems of all of them at once."""
    found: list[Any] = []
    problems: list[Problem] = []
    for k, entry in enumerate(given):
        try:
            found.append(one(entry, f"{path}/{k}"))
        except Invalid as error:
            problems += error.problems
    if problems:
        raise Invalid(*problems)
    return found


def _decision(given: Any, path: str) -> Parameter:
    if not isinstance(given, Mapping):
        raise fail(path, "must be an object", FORM)
    name, kind = given.get("name"), given.get("kind")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise fail(f"{path}/name", "is missing" if name is None else "is not a name", "a-z, 0-9 and _, up to 64")
    if not isinstance(kind, str) or kind not in KEYS:
        raise fail(f"{path}/kind", "is missing" if kind is None else "is not a known kind", f"one of {KINDS}")
    prior = given.get("prior", "uniform")
    known = {"name", "kind", "when"} | KEYS[kind] | ({"mu", "sigma"} if str(prior).endswith("normal") else set())
    if strange := [key for key in given if key not in known]:
        where = str(strange[0])[:80].replace("~", "~0").replace("/", "~1")
        raise fail(f"{path}/{where}", f"does not belong to a decision of kind {kind}", ", ".join(sorted(known)))
    when = _each(_listed(given.get("when", ()), f"{path}/when", CONDITIONS), f"{path}/when", _condition)
    if kind == "categorical":
        return Parameter(name, kind, tuple(_choices(given.get("choices"), f"{path}/choices")), when=tuple(when))
    return _range(given, path, kind, tuple(when))


def _range(given: Mapping[str, Any], path: str, kind: str, when: tuple[Mapping[str, Any], ...]) -> Parameter:
    prior = given.get("prior", "uniform")
    if prior not in PRIORS:
        raise fail(f"{path}/prior", "is not a known prior", "one of " + ", ".join(PRIORS))
    low, high = (_number(given.get(key), f"{path}/{key}", kind) for key in ("low", "high"))
    mu, sigma = (_number(given.get(key, usual), f"{path}/{key}", "real") for key, usual in (("mu", 0.0), ("sigma", 1.0)))
    step = None if given.get("step") is None else _number(given["step"], f"{path}/step", "real")
    found = Parameter(given["name"], kind, (), low, high, when, prior, mu, sigma, step)
    if low > high:
        raise fail(f"{path}/low", "is above high", f"at most {high:g}")
    if logarithmic(found) and low <= 0:
        raise fail(f"{path}/low", f"must be above 0 for the prior {prior}", "a number above 0")
    if sigma <= 0:
        raise fail(f"{path}/sigma", "must be above 0", "a number above 0")
    if step is not None and not 0 < step <= high - low:
        raise fail(f"{path}/step", "does not fit between low and high", f"a number above 0, at most {high - low:g}")
    return found


def _number(value: Any, path: str, kind: str) -> Any:
    """A finite number of few enough digits that rounding cannot move it."""
    wanted = "a whole number" if kind == "integer" else f"a number of at most {DIGITS} digits"
    if value is None:
        raise fail(path, "is missing", wanted)
    if isinstance(value, bool) or not isinstance(value, int if kind == "integer" else (int, float)):
        raise fail(path, f"must be {wanted}", wanted)
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise fail(path, "must be finite and at most 2^53", wanted)
    if kind == "real" and float(f"{value:.{DIGITS}g}") != value:
        raise fail(path, f"has more than {DIGITS} digits", wanted)
    return value if kind == "integer" else float(value)


def _choices(given: Any, path: str) -> Sequence[Any]:
    values = _listed(given, path, CHOICES)
    for k, value in enumerate(values):
        _plain(value, f"{path}/{k}")
        if value in values[:k]:
            raise fail(f"{path}/{k}", "repeats a choice", "each choice once")
    if not values:
        raise fail(path, "is empty", "at least one choice")
    return values


def _condition(given: Any, path: str) -> Mapping[str, Any]:
    """{"name": NAME, "among": [VALUE, …]} or {"name": NAME, "at_least": NUMBER}."""
    tests = set(given) - {"name"} if isinstance(given, Mapping) else set()
    if not isinstance(given, Mapping) or len(tests) != 1 or not tests <= {"among", "at_least"}:
        raise fail(path, "is not a condition", '{"name": …, "among": [ … ]} or {"name": …, "at_least": … }')
    if not isinstance(given.get("name"), str):
        raise fail(f"{path}/name", "must be the name of a decision", "the name of a decision")
    if "at_least" in given:
        _number(given["at_least"], f"{path}/at_least", "real")
        return {"name": given["name"], "at_least": given["at_least"]}
    return {"name": given["name"], "among": tuple(_choices(given["among"], f"{path}/among"))}


def _listed(given: Any, path: str, most: int) -> Sequence[Any]:
    if not isinstance(given, (list, tuple)):
        raise fail(path, "is missing" if given is None else "must be a list", f"a list of up to {most}")
    if len(given) > most:
        raise fail(path, f"has {len(given):,} entries", f"up to {most}")
    return given


def _plain(value: Any, path: str) -> None:
    """Text, a number, a truth value or null."""
    if isinstance(value, str) and len(value) <= 100 or value is None or isinstance(value, bool):
        return
    if isinstance(value, (int, float)) and math.isfinite(value) and abs(value) <= LARGEST:
        return
    raise fail(path, "is not a plain value", "text of up to 100 characters, a finite number, true, false or null")
