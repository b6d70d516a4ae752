"""How many configs a list of conditional decisions has, exactly and without writing them down."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import fail
from engine.spaces.space import Parameter

STATES = 20_000                                 # what a count may keep in mind at once
Signature = tuple[bool, ...] | None             # which conditions on a decision hold; None: it is inactive
State = tuple[tuple[str, Signature], ...]       # of the decisions that later ones still depend on


def count(parameters: Sequence[Parameter]) -> int | None:
    """The number of configs; None if there are reals. Raises Invalid where too many conditions cross each other.

    One pass over the decisions: configs that later conditions cannot tell apart are counted together.
    """
    if any(p.kind == "real" for p in parameters):
        return None
    asked = _conditions(parameters)
    last = {c["name"]: p.name for p in parameters for c in p.when}          # the last that depends on each
    counts: Mapping[State, int] = {(): 1}
    for parameter in parameters:
        classes = _classes(parameter, asked[parameter.name])
        grown: Counter[State] = Counter()
        for state, configs in counts.items():
            known = dict(state)
            for signature, values in classes.items() if _active(parameter, known, asked) else ((None, 1),):
                after = {**known, parameter.name: signature}
                kept = tuple((name, held) for name, held in after.items() if name in last and last[name] != parameter.name)
                grown[kept] += configs * values
        if len(grown) > STATES:
            raise fail("", "has conditions that cross each other too often to be counted", "fewer conditions")
        counts = grown
    return sum(counts.values())


def _conditions(parameters: Sequence[Parameter]) -> Mapping[str, list[Mapping[str, Any]]]:
    """Every condition by the decision that it speaks of."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for parameter in parameters:
        for condition in parameter.when:
            if condition not in found[condition["name"]]:
                found[condition["name"]].append(condition)
    return found


def _active(parameter: Parameter, known: Mapping[str, Signature], asked: Mapping[str, list[Mapping[str, Any]]]) -> bool:
    for condition in parameter.when:
        held = known[condition["name"]]
        if held is None or not held[asked[condition["name"]].index(condition)]:
            return False
    return True


def _classes(parameter: Parameter, conditions: Sequence[Mapping[str, Any]]) -> Mapping[Signature, int]:
    """How many values of a decision there are for each combination of conditions that hold."""
    found: Counter[Signature] = Counter()
    for value, times in _representatives(parameter, conditions):
        found[tuple(value >= c["at_least"] if "at_least" in c else value in c["among"] for c in conditions)] += times
    return found


def _representatives(parameter: Parameter, conditions: Sequence[Mapping[str, Any]]) -> list[tuple[Any, int]]:
    """Values, each with the number of values that no condition tells from it. Ranges are never written out."""
    if parameter.kind == "categorical":
        return [(value, 1) for value in parameter.choices]
    low, high = int(parameter.low or 0), int(parameter.high or 0)
    cuts = {low, high + 1}
    for condition in conditions:
        for value in condition.get("among", ()):
            cuts |= {value, value + 1}
        if "at_least" in condition:
            cuts.add(-int(-condition["at_least"] // 1))
    inside = sorted(cut for cut in cuts if low <= cut <= high + 1)
    return [(start, end - start) for start, end in zip(inside, inside[1:], strict=False)]
