"""The drawing data of every space: what a page gets, how large it may be, and that all three zooms tell one story."""

from __future__ import annotations

import json
from functools import cache
from random import Random
from typing import Any

import pytest

from engine.architecture.canonical import NOTHING
from engine.architecture.cost import measure
from engine.architecture.drawing import draw
from engine.architecture.graph import Graph, Node
from engine.architecture.strip import LISTED
from engine.errors import Invalid
from engine.registry import discover
from engine.spec import parse_space

PRESETS = [(kind, preset) for kind, entry in discover("spaces").items() for preset in entry.presets]
EVERY = pytest.mark.parametrize(("kind", "preset"), PRESETS)
INPUTS: dict[str, tuple[tuple[int, ...], int]] = {"images": ((3, 32, 32), 10), "table": ((7,), 3), "text": ((12,), 98)}
BYTES = 300_000
Drawn = tuple[Any, Any, dict[str, Any]]


@cache
def drawn(kind: str, preset: str) -> Drawn:
    """A space, its first sample that can be built, and the drawing of that."""
    space, (shape, classes) = parse_space({"kind": kind, "preset": preset})[1], INPUTS[data(kind)]
    for seed in range(50):
        architecture = space.sample(Random(seed)).architecture
        try:
            space.network(architecture, shape, classes)
        except Invalid:
            continue
        return space, architecture, draw(space, architecture, shape, classes)
    raise AssertionError("no sample can be built")


def data(kind: str) -> str:
    return str(discover("spaces")[kind].facts.get("data", ["images"])[0])


def test_what_cannot_be_built_is_drawn_without_a_strip_and_says_why() -> None:
    _, space = parse_space({"kind": "vision", "depth": 0, "sizes": [6], "heads": ["grid"], "largest_filter": 6})
    genotype = space.sample(Random(0)).architecture.genotype
    fits, fails = (space.parse({**genotype, "depth_0_grid_side": side}) for side in (3, 6))
    assert draw(space, fits, (1, 8, 8), 10)["macro"]
    found = draw(space, fails, (1, 8, 8), 10)
    assert found["macro"] == found["details"] == [] and found["cell"]["nodes"]
    assert "It cannot be built: a grid of" in found["words"]


@EVERY
def test_a_drawing_is_plain_and_bounded_data(kind: str, preset: str) -> None:
    *_, found = drawn(kind, preset)
    assert set(found) == {"cell", "cells", "macro", "details", "words"}
    text = json.dumps(found, allow_nan=False)
    assert json.dumps(json.loads(text)) == text and len(text) < BYTES
    assert found["cell"] == found["cells"][0]
    assert sum(len(one["layers"]) for one in found["details"]) <= LISTED


@EVERY
def test_the_strip_adds_up_to_the_network(kind: str, preset: str) -> None:
    space, architecture, found = drawn(kind, preset)
    shape, classes = INPUTS[data(kind)]
    cost = measure(space.network(architecture, shape, classes), shape)
    totals = {"parameters": cost.parameters, "flops": cost.flops, "macs": cost.macs, "layers": len(cost.rows)}
    for key, total in totals.items():
        assert sum(box[key] for box in found["macro"]) == total
        assert all(sum(member[key] for member in box["members"]) == box[key] for box in found["macro"])
    assert found["macro"][0]["shape"] == list(shape)
    assert len({box["group"] for box in found["macro"]}) == len(found["macro"]), "every box has a name of its own"


@EVERY
def test_details_are_the_layers_of_their_group(kind: str, preset: str) -> None:
    *_, found = drawn(kind, preset)
    for box in found["macro"]:
        example = box["members"][0]
        if example["detail"] is None:
            continue
        detail = found["details"][example["detail"]]
        assert len(detail["layers"]) == example["layers"]
        assert sum(layer["parameters"] for layer in detail["layers"]) == example["parameters"]
        assert sum(layer["flops"] for layer in detail["layers"]) == example["flops"]
        assert detail["layers"][-1]["gives"] == box["shape"]
        for layer in detail["layers"]:
            assert len(layer["takes"]) == len(layer["inputs"]) and all(layer["takes"]) and layer["label"]


@EVERY
def test_the_words_tell_of_every_operation(kind: str, preset: str) -> None:
    *_, found = drawn(kind, preset)
    told = found["words"].lower()
    for cell in found["cells"]:
        assert cell["title"].lower() in told
        for node in cell["nodes"]:
            assert node["op"] in NOTHING or node["label"].lower() in told, node


@EVERY
def test_the_cells_are_graphs_whose_operations_have_layers(kind: str, preset: str) -> None:
    """A person goes from an operation of the cell to the layers that it became."""
    *_, found = drawn(kind, preset)
    for number, cell in enumerate(found["cells"]):
        names = [node["name"] for node in cell["nodes"]]
        assert len(set(names)) == len(names) and cell["output"] in names
        assert all(set(node["inputs"]) <= set(names[:i]) for i, node in enumerate(cell["nodes"]))
        lists = [m["detail"] for box in found["macro"] for m in box["members"] if m["cell"] == number]
        parts = {layer["part"] for k in lists if k is not None for layer in found["details"][k]["layers"]} - {None}
        whole = all(len(found["details"][k]["layers"]) == 1 for k in lists)        # the cell is a layer of its own
        assert parts <= set(names) and (parts or whole), "the layers name the operations that they belong to"
        assert lists or number, "only what is part of the first picture may have no box of its own"


class Twins:
    """A space with two kinds of cell, on a grid."""

    def pictures(self, architecture: Any) -> dict[str, Graph]:
        nodes = Node("input", "input", label="input", place=(0, 1)), Node("op", "conv", ("input",), place=(1.5, 0))
        graph = Graph(nodes, "op")
        return {"Normal cell": graph, "Reduction cell": graph}

    def network(self, architecture: Any, shape: Any, classes: int) -> Graph:
        nodes = [Node("input", "input", label="input", group="input")]
        for i, kind in enumerate(("normal", "normal", "reduction", "normal"), 1):
            settings = {"channels": 4, "kernel": 3, "stride": 2 if kind == "reduction" else 1}
            nodes.append(Node(f"cell_{i}_op", "conv", (nodes[-1].name,), settings, group=f"cell {i}: {kind}"))
        return Graph(tuple(nodes), nodes[-1].name)


def test_several_kinds_of_cell_are_drawn_and_told_apart() -> None:
    space: Any = Twins()
    found = draw(space, space, (3, 8, 8), 10)
    assert [cell["title"] for cell in found["cells"]] == ["Normal cell", "Reduction cell"]
    assert found["words"] == "Normal cell: In this order: input; conv. Reduction cell: In this order: input; conv."
    assert [node["place"] for node in found["cell"]["nodes"]] == [[0, 1], [1.5, 0]]
    assert [(box["group"], box["cell"]) for box in found["macro"]] == [
        ("input", None), ("cell 1–2: normal", 0), ("cell 3: reduction", 1), ("cell 4: normal", 0)]


def test_an_architecture_that_cannot_be_has_no_drawing() -> None:
    _, space = parse_space({"kind": "chain"})
    block = {"block_1_type": "conv", "block_1_kernel": 3, "block_1_channels": 16, "block_1_stride": 2}
    with pytest.raises(Invalid):
        draw(space, space.parse({"layers": 1, "hidden": 0, **block}), (3, 0, 8), 10)
