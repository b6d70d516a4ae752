"""The strip: one box for what repeats, one list for layers that are alike, and no more layers than a page can hold."""

from __future__ import annotations

from typing import Any

import pytest

from engine.architecture import strip as module
from engine.architecture.cost import measure
from engine.architecture.graph import Graph
from engine.architecture.layers import Layers
from engine.architecture.strip import strip
from engine.spec import parse_space

SHAPE = (3, 32, 32)
CELL = "|skip_connect~0|+|nor_conv_1x1~0|none~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"


def of(document: dict[str, Any], genotype: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    _, space = parse_space(document)
    point = space.parse(genotype)
    return strip(space.network(point, SHAPE, 10), SHAPE, space.pictures(point))


def long(groups: int, widths: tuple[int, ...] = (8,)) -> Graph:
    """A convolution after another, each a group of its own."""
    layers, source = Layers(), "input"
    for i in range(groups):
        layers.begin(f"block {i + 1}")
        source = layers.conv(f"conv_{i}", source, widths[i % len(widths)], 3)
    return layers.graph()


def test_cells_that_repeat_are_one_box_with_members() -> None:
    macro, _ = of({"kind": "nas_bench_201", "preset": "paper"}, {"arch": CELL})
    assert [(box["group"], len(box["members"]), box["shape"]) for box in macro] == [
        ("input", 1, [3, 32, 32]), ("stem", 1, [16, 32, 32]), ("stage 1 cell 1–5", 5, [16, 32, 32]),
        ("reduction 1", 1, [32, 16, 16]), ("stage 2 cell 1–5", 5, [32, 16, 16]), ("reduction 2", 1, [64, 8, 8]),
        ("stage 3 cell 1–5", 5, [64, 8, 8]), ("head", 1, [10])]
    assert [member["group"] for member in macro[2]["members"]] == [f"stage 1 cell {n}" for n in range(1, 6)]
    assert [box["cell"] for box in macro] == [None, None, 0, None, 0, None, 0, None]


def test_members_alike_share_one_list_of_layers() -> None:
    macro, details = of({"kind": "nas_bench_201", "preset": "paper"}, {"arch": CELL})
    assert [len({m["detail"] for m in box["members"]}) for box in macro] == [1] * 8
    assert len(details) == 8 and details[2]["group"] == "stage 1 cell 1"


def test_a_layer_tells_what_it_takes_gives_and_costs_and_where_it_belongs() -> None:
    _, details = of({"kind": "nas_bench_201", "preset": "paper"}, {"arch": CELL})
    layers = {layer["name"]: layer for layer in details[2]["layers"]}
    conv = layers["stage_1_cell_1_edge_0_2_conv"]
    assert conv == {"name": "stage_1_cell_1_edge_0_2_conv", "op": "conv", "label": "conv 1×1", "part": "edge_0_2",
                    "settings": {"channels": 16, "kernel": 1, "stride": 1, "groups": 1, "dilation": 1, "bias": False},
                    "inputs": ["stage_1_cell_1_edge_0_2_relu"], "takes": [[16, 32, 32]], "gives": [16, 32, 32],
                    "parameters": 256, "flops": 2 * 256 * 32 * 32}
    assert layers["stage_1_cell_1_edge_2_3"]["part"] == "edge_2_3"


def test_blocks_of_one_kind_and_size_share_a_box_others_do_not() -> None:
    block = {"type": "conv", "kernel": 3, "channels": 16, "stride": 1}
    rows = {f"block_{k}_{name}": value for k in (1, 2, 3) for name, value in block.items()}
    macro, _ = of({"kind": "chain"}, {"layers": 3, "hidden": 0, **rows | {"block_3_stride": 2}})
    assert [box["group"] for box in macro] == [
        "input", "block 1–2: conv 3×3, 16 channels", "block 3: conv 3×3, 16 channels, stride 2", "head"]
    assert macro[1]["members"][0]["parameters"] != macro[1]["members"][1]["parameters"], "the first reads the image"


def test_a_thousand_layers_stay_small() -> None:
    network = long(1000)
    macro, details = strip(network, SHAPE, {"": network})
    assert [(box["group"], len(box["members"])) for box in macro] == [("input", 1), ("block 1–1000", 1000)]
    assert macro[1]["parameters"] == measure(network, SHAPE).parameters
    assert len(details) == 3


def test_beyond_the_limit_the_first_of_each_box_stands_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LISTED", 4)
    network = long(6)
    first, *others = (strip(network, SHAPE, {"": network})[0][1])["members"]
    assert first["detail"] == 1 and [member["detail"] for member in others] == [2] * 5
    monkeypatch.setattr(module, "LISTED", 2)
    macro, details = strip(network, SHAPE, {"": network})
    assert [member["detail"] for member in macro[1]["members"]] == [1] * 6 and details[1]["group"] == "block 1"
    monkeypatch.setattr(module, "LISTED", 1)
    macro, details = strip(network, SHAPE, {"": network})
    assert [member["detail"] for member in macro[1]["members"]] == [None] * 6 and len(details) == 1


def test_different_widths_are_different_boxes() -> None:
    network = long(4, (8, 16))
    macro, _ = strip(network, SHAPE, {"": network})
    assert [box["shape"][0] for box in macro] == [3, 8, 16, 8, 16]
