"""Genotypes as nested lists: written, read, and refused at the very place of the fault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from engine.architecture import sampling
from engine.architecture.architecture import Architecture
from engine.architecture.graph import Graph, Node
from engine.errors import Invalid
from engine.spaces.nested import Nested
from engine.spaces.space import Parameter


class Toy(Nested):
    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter("a", "categorical", (0, 1)), Parameter("b", "categorical", ("x", "y")),
                Parameter("c", "categorical", (0, 1, 2)), Parameter("d", "categorical", (True, False)))

    def form(self) -> Mapping[str, Any]:
        return {"rows": [["a"], ["b", "c"]], "last": ["d"]}

    def cell(self, architecture: Architecture) -> Graph:
        return Graph((Node("input", "input"),), "input")


TOY = Toy()
GENOTYPE = {"rows": [[1], ["y", 2]], "last": [True]}


def problems(given: Any) -> list[str]:
    with pytest.raises(Invalid) as caught:
        TOY.parse(given, "/genotype")
    return [problem.path for problem in caught.value.problems]


def test_decisions_stand_at_their_places() -> None:
    architecture = TOY.parse(GENOTYPE)
    assert architecture.genotype == GENOTYPE and TOY.config(architecture) == {"a": 1, "b": "y", "c": 2, "d": True}
    assert TOY.vector(architecture) == [1, 1, 2, 0] and TOY.from_vector([1, 1, 2, 0]) == architecture
    assert TOY.parse({"last": (True,), "rows": ((1,), ("y", 2))}) == architecture


def test_samples_and_mutants_come_back() -> None:
    rng = Random(0)
    for proposal in TOY.sample_many(rng, 100):
        mutant = TOY.mutate(proposal.architecture, rng)
        assert TOY.contains(proposal.architecture) and TOY.contains(mutant) and mutant != proposal.architecture
    assert not TOY.contains(Architecture("chain", GENOTYPE))


class Ragged(Toy):
    """Decisions alone, in a row, out of their order, and none at all."""

    def form(self) -> Mapping[str, Any]:
        return {"alone": "a", "turned": ["c", "b"], "deep": [[["d"], []], "a"], "nothing": []}


@pytest.mark.parametrize("space", [TOY, Ragged()], ids=["toy", "ragged"])
def test_many_at_once_are_what_each_alone_would_be(space: Toy) -> None:
    drawn = [proposal.architecture for proposal in space.sample_many(Random(7), 50)]
    rows = sampling.sample_many(space.parameters(), Random(7), 50)
    assert drawn == [space.architecture(config) for config in rows] and len({a.encoding_id for a in drawn}) > 10
    for architecture in drawn:                       # blocks of a table are cut into values of plain Python
        assert json.loads(json.dumps(architecture.genotype)) == architecture.genotype
        for name, choices in (("a", (0, 1)), ("d", (True, False))):
            assert type(space.config(architecture)[name]) is type(choices[0])


def test_forms_of_every_shape_are_filled() -> None:
    assert Ragged().written({"a": 1, "b": "y", "c": 2, "d": False}) == {
        "alone": 1, "turned": [2, "y"], "deep": [[[False], []], 1], "nothing": []}


@pytest.mark.parametrize(("given", "paths"), [
    (None, [""]), ([], [""]), ({}, [""]), ({"rows": []}, [""]), ({**GENOTYPE, "more": 1}, [""]),
    ({**GENOTYPE, "rows": 3}, ["/rows"]), ({**GENOTYPE, "rows": "ab"}, ["/rows"]), ({**GENOTYPE, "rows": [[1]]}, ["/rows"]),
    ({**GENOTYPE, "rows": [[1, 1], ["y", 2]]}, ["/rows/0"]), ({**GENOTYPE, "rows": [[2], ["y", 2]]}, ["/rows/0/0"]),
    ({**GENOTYPE, "rows": [[True], ["y", 2.0]]}, ["/rows/0/0", "/rows/1/1"]),
    ({"rows": [[float("nan")], [["y"], {}]], "last": [None]}, ["/rows/0/0", "/rows/1/0", "/rows/1/1", "/last/0"]),
], ids=str)
def test_every_fault_has_its_place(given: Any, paths: list[str]) -> None:
    assert problems(given) == [f"/genotype{path}" for path in paths]
