"""Conditions that a person writes down: whom they speak of, in which order that can be decided, whether they can hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from engine.architecture.priors import holds
from engine.errors import Invalid, Problem
from engine.spaces.space import Parameter


def ordered(parameters: Sequence[Parameter], path: str = "") -> tuple[Parameter, ...]:
    """The decisions so that each comes after those that its conditions speak of. Raises Invalid with pointers below `path`
    for unknown parents, values that a parent cannot have, circles, and conditions that can never hold together."""
    known = {p.name: p for p in parameters}
    if problems := [fault for k, p in enumerate(parameters) for fault in _faults(p, known, f"{path}/{k}/when")]:
        raise Invalid(*problems)
    order = _order(parameters, path)
    place = {p.name: k for k, p in enumerate(parameters)}
    needed: dict[str, dict[int, Mapping[str, Any]]] = {}         # what it takes to be active, parents' conditions included
    for parameter in order:
        needed[parameter.name] = {id(c): c for c in parameter.when}
        for condition in parameter.when:
            needed[parameter.name] |= needed[condition["name"]]
        for name in {c["name"] for c in needed[parameter.name].values()}:
            if not _possible(known[name], [c for c in needed[parameter.name].values() if c["name"] == name]):
                where = f"{path}/{place[parameter.name]}/when"
                raise Invalid(Problem(where, "can never hold", "conditions that one choice of the others meets"))
    return order


def _faults(parameter: Parameter, known: Mapping[str, Parameter], path: str) -> Iterator[Problem]:
    for k, condition in enumerate(parameter.when):
        parent = known.get(condition["name"])
        if parent is None:
            yield Problem(f"{path}/{k}/name", "is not a decision of this list", "one of " + ", ".join(known))
        elif "at_least" in condition and parent.kind == "categorical":
            yield Problem(f"{path}/{k}/at_least", "cannot be asked of choices", '"among": [ … ]')
        elif "among" in condition and parent.kind == "real":
            yield Problem(f"{path}/{k}/among", "cannot be asked of real numbers", '"at_least": …')
        else:
            yield from (Problem(f"{path}/{k}/among/{at}", f"is nothing that {parent.name} can be", _values(parent))
                        for at, value in enumerate(condition.get("among", ())) if not _may_be(parent, value))


def _values(parent: Parameter) -> str:
    if parent.kind == "categorical":
        return "one of " + ", ".join(map(str, parent.choices))
    return f"a whole number from {parent.low} to {parent.high}"


def _may_be(parent: Parameter, value: Any) -> bool:
    if parent.kind == "categorical":
        return any(value == choice and type(value) is type(choice) for choice in parent.choices)
    return holds(parent, value)


def _order(parameters: Sequence[Parameter], path: str) -> tuple[Parameter, ...]:
    """Stable: a decision moves back only behind what it depends on."""
    known = {p.name: p for p in parameters}
    sorter = TopologicalSorter({p.name: [c["name"] for c in p.when] for p in parameters})
    try:
        sorter.prepare()
    except CycleError as error:
        circle = error.args[1]
        first = next(k for k, p in enumerate(parameters) if p.name in circle)
        reason = "is part of a circle of conditions: " + ", ".join(circle)
        raise Invalid(Problem(f"{path}/{first}/when", reason, "conditions without a circle")) from None
    done: dict[str, None] = {}

    def take(name: str) -> None:
        for condition in known[name].when:
            if condition["name"] not in done:
                take(condition["name"])
        done.setdefault(name)

    for parameter in parameters:
        take(parameter.name)
    return tuple(known[name] for name in done)


def _possible(parent: Parameter, asked: Sequence[Mapping[str, Any]]) -> bool:
    """Some value of the decision meets everything that is asked of it."""
    least = max((c["at_least"] for c in asked if "at_least" in c), default=None)
    sets = [c["among"] for c in asked if "among" in c]
    if sets:
        return any(all(value in each for each in sets) and (least is None or value >= least) for value in sets[0])
    return least is None or (parent.high or 0) >= least
