"""The drawing data: the strip adds up, and the words say what the picture shows."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from engine.architecture.cost import measure
from engine.architecture.drawing import describe, draw
from engine.spec import parse_space

SHAPE = (3, 32, 32)


@pytest.mark.parametrize("kind", ["chain", "nas_bench_201"])
@pytest.mark.parametrize("seed", range(5))
def test_the_strip_adds_up_to_the_network(kind: str, seed: int) -> None:
    _, space = parse_space({"kind": kind})
    architecture = space.sample(Random(seed)).architecture
    drawn, cost = draw(space, architecture, SHAPE, 10), measure(space.network(architecture, SHAPE, 10), SHAPE)
    assert set(drawn) == {"cell", "macro", "words"} and json.loads(json.dumps(drawn, allow_nan=False)) == drawn
    assert sum(box["parameters"] for box in drawn["macro"]) == cost.parameters
    assert sum(box["flops"] for box in drawn["macro"]) == cost.flops
    assert drawn["macro"][0]["shape"] == list(SHAPE) and drawn["macro"][-1]["shape"] == [10]
    assert len({box["group"] for box in drawn["macro"]}) == len(drawn["macro"])


def test_the_strip_of_a_repeated_cell_is_eight_boxes() -> None:
    _, space = parse_space({"kind": "nas_bench_201", "preset": "paper"})
    strip: list[dict[str, Any]] = draw(space, space.sample(Random(0)).architecture, SHAPE, 10)["macro"]
    assert [(box["group"], box["shape"]) for box in strip] == [
        ("input", [3, 32, 32]), ("stem", [16, 32, 32]), ("stage 1: 5 cells", [16, 32, 32]), ("reduction 1", [32, 16, 16]),
        ("stage 2: 5 cells", [32, 16, 16]), ("reduction 2", [64, 8, 8]), ("stage 3: 5 cells", [64, 8, 8]), ("head", [10])]


def test_a_cell_in_words() -> None:
    _, space = parse_space({"kind": "nas_bench_201"})
    cell = space.parse({"arch": "|none~0|+|nor_conv_1x1~0|none~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"})
    assert describe(space, cell) == ("Sum 1 adds nothing. Sum 2 adds conv 1×1 of input. "
                                     "Output adds skip of input and average pool 3×3 of sum 2.")


def test_a_chain_in_words() -> None:
    _, space = parse_space({"kind": "chain"})
    chain = space.parse({"layers": 2, "hidden": 64, "dropout": 20,
                         "block_1_type": "conv", "block_1_kernel": 3, "block_1_channels": 16, "block_1_stride": 2,
                         "block_2_type": "max_pool", "block_2_pool_kernel": 3, "block_2_pool_stride": 1})
    assert describe(space, chain) == ("In this order: input; conv 3×3, 16 channels, stride 2; max pool 3×3; "
                                      "global average pool; 64 hidden units, dropout 20 %; class scores.")
