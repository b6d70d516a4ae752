"""Conditions written by a person: unknown parents, circles, and what can never hold."""

from __future__ import annotations

from typing import Any

import pytest

from engine.architecture.conditions import ordered
from engine.errors import Invalid
from engine.spaces.space import Parameter

OPTIMIZER = Parameter("optimizer", "categorical", ("sgd", "adam", "adamw"))
DEPTH = Parameter("depth", "integer", low=1, high=4)
RATE = Parameter("rate", "real", low=0.1, high=0.9)


def on(name: str, *when: dict[str, Any]) -> Parameter:
    return Parameter(name, "categorical", (1, 2), when=when)


def among(name: str, *values: Any) -> dict[str, Any]:
    return {"name": name, "among": values}


def at_least(name: str, least: float) -> dict[str, Any]:
    return {"name": name, "at_least": least}


def fault(*parameters: Parameter) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        ordered(parameters, "/when")
    return caught.value.problems[0].path, caught.value.problems[0].reason


def test_parents_come_first_and_the_rest_stays_in_place() -> None:
    c, b, a = on("c", among("b", 1)), on("b", among("a", 2)), on("a")
    assert [p.name for p in ordered((DEPTH, c, OPTIMIZER, b, a))] == ["depth", "a", "b", "c", "optimizer"]


@pytest.mark.parametrize(("condition", "place"), [
    (among("nobody", 1), "name"), (at_least("optimizer", 1), "at_least"), (among("rate", 0.5), "among"),
    (among("optimizer", "sgd", "lion"), "among/1"), (among("depth", 5), "among/0"), (among("depth", True), "among/0"),
    (among("depth", 2.0), "among/0"), (among("depth", "2"), "among/0"),
])
def test_a_condition_speaks_of_what_another_decision_can_be(condition: dict[str, Any], place: str) -> None:
    assert fault(OPTIMIZER, DEPTH, RATE, on("x", condition))[0] == f"/when/3/when/0/{place}"


def test_circles_are_named() -> None:
    path, reason = fault(OPTIMIZER, on("a", among("c", 1)), on("b", among("a", 1)), on("c", among("b", 1)))
    assert path == "/when/1/when" and "circle" in reason and all(name in reason for name in "abc")
    assert "circle" in fault(on("alone", among("alone", 1)))[1]


@pytest.mark.parametrize("conditions", [
    (among("optimizer", "sgd"), among("optimizer", "adam")), (at_least("depth", 5),), (at_least("rate", 0.95),),
    (at_least("depth", 3), among("depth", 1, 2)), (at_least("depth", 3.5), among("depth", 3)),
])
def test_what_can_never_hold_is_refused(conditions: tuple[dict[str, Any], ...]) -> None:
    path, reason = fault(OPTIMIZER, DEPTH, RATE, on("x", *conditions))
    assert path == "/when/3/when" and "never" in reason


def test_what_can_never_hold_because_of_a_grandparent_is_refused_too() -> None:
    child = on("child", among("optimizer", "sgd"))
    path, _ = fault(OPTIMIZER, child, on("grandchild", among("child", 1), among("optimizer", "adam")))
    assert path == "/when/2/when"


def test_conditions_that_one_choice_meets_are_fine() -> None:
    both = on("x", among("optimizer", "sgd", "adam"), among("optimizer", "adam", "adamw"), at_least("depth", 4))
    assert len(ordered((OPTIMIZER, DEPTH, both))) == 3


def test_a_hundred_decisions_each_under_many_others_are_soon_checked() -> None:
    rows = [on(f"p{k}", *(among(f"p{j}", 1) for j in range(max(0, k - 8), k))) for k in range(100)]
    assert len(ordered(rows)) == 100            # as many sets of values as there are choices of ancestors would take hours
