"""Decisions written by a person: what is taken, in which order, and where faults are said to be."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from engine.architecture import decisions
from engine.errors import Invalid

SGD = {"name": "optimizer", "kind": "categorical", "choices": ["sgd", "adamw"]}
LR = {"name": "lr", "kind": "real", "low": 1e-4, "high": 1.0, "prior": "log"}
MOMENTUM = {"name": "momentum", "kind": "real", "low": 0.0, "high": 0.99, "when": [{"name": "optimizer", "among": ["sgd"]}]}
DEEP = {"name": "deep", "kind": "integer", "low": 1, "high": 4}
SHAPED = {"name": "shaped", "kind": "real", "low": 0.1, "high": 0.9, "prior": "normal", "mu": 0.3, "sigma": 0.1, "step": 0.1}


def fault(*rows: Any) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        decisions.read(list(rows), "/hyper")
    problem = caught.value.problems[0]
    assert problem.reason
    return problem.path, problem.reason


def test_decisions_come_back_as_they_were_written() -> None:
    rows = [SGD, LR, MOMENTUM, DEEP, SHAPED]
    written = [decisions.written(p) for p in decisions.read(rows)]
    again = [decisions.written(p) for p in decisions.read(json.loads(json.dumps(written)))]
    assert written == again
    assert [row["name"] for row in written] == ["optimizer", "lr", "momentum", "deep", "shaped"]
    assert all({**row, "prior": row.get("prior", "uniform")} == back | ({"prior": "uniform"} if row is SGD else {})
               for row, back in zip(rows, written, strict=True))


def test_a_decision_moves_behind_what_it_depends_on_and_no_further() -> None:
    found = decisions.read([LR, MOMENTUM, DEEP, SGD])
    assert [p.name for p in found] == ["lr", "optimizer", "momentum", "deep"]


WRONG: dict[str, list[Any]] = {
    "": [3, None],
    "/name": [{}, *({**LR, "name": name} for name in ("Lr", "a/b", "x" * 65, 5, ""))],
    "/kind": [{"name": "lr"}, {**LR, "kind": "complex"}, {**LR, "kind": []}],
    "/colour": [{**LR, "colour": 1}], "/a~1b~0c": [{**LR, "a/b~c": 1}], "/mu": [{**LR, "mu": 1}, {**SHAPED, "mu": math.nan}],
    "/prior": [{**LR, "prior": "cauchy"}, {**LR, "prior": None}],
    "/low": [*({**LR, "low": low} for low in (math.nan, "1", True, None, 2.0, 0.0, -1.0, 0.12345678)), {**SGD, "low": 1},
             {**LR, "low": 0.0, "prior": "lognormal"}, {**DEEP, "low": 1.0}, {**DEEP, "low": 5},
             {**DEEP, "low": 0, "prior": "log"}],
    "/high": [{**LR, "high": math.inf}, {**LR, "high": 1e300}, {**LR, "high": None}],
    "/sigma": [{**SHAPED, "sigma": 0.0}, {**SHAPED, "sigma": -1}],
    "/step": [{**DEEP, "step": 1}, *({**SHAPED, "step": step} for step in (0, 5.0, math.nan))],
    "/choices": [{**LR, "choices": [1]}, *({**SGD, "choices": bad} for bad in (None, [], "ab", list(range(101))))],
    "/choices/0": [{**SGD, "choices": bad} for bad in ([[1]], [math.nan], ["x" * 101], [10**30])],
    "/choices/1": [{**SGD, "choices": bad} for bad in (["a", "a"], [1, True])],
    "/when": [{**LR, "when": {}}, {**LR, "when": [{"name": "deep", "at_least": 1}] * 9}],
    "/when/0": [{**LR, "when": [bad]} for bad in (3, {"name": "lr"}, {"name": "optimizer", "unless": 1},
                                                  {"name": "optimizer", "among": ["sgd"], "at_least": 1})],
    "/when/0/name": [{**LR, "when": [{"name": 1, "among": [1]}]}],
    "/when/0/among": [{**LR, "when": [{"name": "optimizer", "among": []}]}],
    "/when/0/at_least": [{**LR, "when": [{"name": "deep", "at_least": math.nan}]}],
}


@pytest.mark.parametrize(("place", "row"), [(place, row) for place, rows in WRONG.items() for row in rows])
def test_each_fault_is_said_at_its_place(place: str, row: Any) -> None:
    assert fault(SGD, DEEP, row)[0] == f"/hyper/2{place}"


@pytest.mark.parametrize("given", [None, "x", 3, {}, {"name": "lr"}])
def test_what_is_no_list_is_refused(given: Any) -> None:
    with pytest.raises(Invalid) as caught:
        decisions.read(given, "/hyper")
    assert caught.value.problems[0].path == "/hyper"


def test_every_name_is_there_once_and_there_are_at_most_a_hundred() -> None:
    assert fault(LR, LR)[0] == "/hyper/1/name"
    assert fault(*[{**DEEP, "name": f"n{k}"} for k in range(101)])[0] == "/hyper"
    assert len(decisions.read([{**DEEP, "name": f"n{k}"} for k in range(100)])) == 100


def test_all_faults_of_a_list_are_told_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        decisions.read([{**LR, "low": math.nan}, SGD, {**DEEP, "high": 0}])
    assert [problem.path for problem in caught.value.problems] == ["/0/low", "/2/low"]
