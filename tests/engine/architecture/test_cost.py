"""Cost by formula equals what torch counts on the built network, and impossible shapes are refused."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from engine.architecture.cost import measure
from engine.architecture.graph import Graph, Node, Shape
from engine.errors import Invalid
from engine.spec import parse_space

SPACES: list[dict[str, Any]] = [
    {"kind": "chain", "kernels": [1, 3, 7], "channels": [4, 8], "pool_kernels": [3, 5]},
    {"kind": "nas_bench_201", "channels": 4, "layers": 1},
    {"kind": "multi_branch", "layers": 5, "filters": [4, 8], "strides": [1, 2, 3]}]
SHAPES: list[Shape] = [(1, 8, 8), (3, 32, 32), (3, 9, 7), (1, 1, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("document", SPACES, ids=lambda d: d["kind"])
def test_formula_equals_what_torch_counts(document: dict[str, Any], shape: Shape) -> None:
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    from engine.nets.build import build

    torch.set_num_threads(1)
    _, space = parse_space(document)
    for seed in range(8):
        graph = space.network(space.sample(Random(seed)).architecture, shape, 5)
        cost, model = measure(graph, shape), build(graph, shape).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            scores = model(torch.zeros(2, *shape))
        assert scores.shape == (2, *cost.rows[-1].shape) == (2, 5)
        assert sum(p.numel() for p in model.parameters()) == cost.parameters
        assert counter.get_total_flops() == 2 * cost.flops


def test_the_largest_nas_bench_201_network_has_the_published_size() -> None:
    _, space = parse_space({"kind": "nas_bench_201", "preset": "paper"})
    c = "nor_conv_3x3"
    cell = space.parse({"arch": f"|{c}~0|+|{c}~0|{c}~1|+|{c}~0|{c}~1|{c}~2|"})
    cost = measure(space.network(cell, (3, 32, 32), 10), (3, 32, 32))
    assert (cost.parameters, round(cost.macs / 1e6, 2)) == (1_531_546, 220.12)


def network(*nodes: Node) -> Graph:
    return Graph((Node("input", "input"), *nodes), nodes[-1].name)


def test_rows_by_hand() -> None:
    cost = measure(network(
        Node("wide", "conv", ("input",), {"channels": 8, "kernel": 3, "stride": 2, "bias": True}),
        Node("deep", "conv", ("wide",), {"channels": 8, "kernel": 5, "groups": 8, "dilation": 2}),
        Node("tall", "conv", ("deep",), {"channels": 4, "kernel": [1, 7]}),
        Node("norm", "batch_norm", ("tall",), {"affine": False}),
        Node("both", "concat", ("norm", "deep")), Node("none", "zero", ("both",), {"stride": 2}),
        Node("flat", "flatten", ("none",)), Node("out", "linear", ("flat",), {"units": 10})), (3, 9, 9))
    assert [(row.shape, row.parameters, row.macs) for row in cost.rows[1:]] == [
        ((8, 5, 5), 3 * 8 * 9 + 8, 3 * 8 * 9 * 25), ((8, 5, 5), 8 * 25, 8 * 25 * 25), ((4, 5, 5), 4 * 8 * 7, 4 * 8 * 7 * 25),
        ((4, 5, 5), 0, 0), ((12, 5, 5), 0, 0), ((12, 3, 3), 0, 0), ((108,), 0, 0), ((10,), 1090, 1080)]
    assert cost.flops == 2 * cost.macs == 2 * sum(row.macs for row in cost.rows)


def test_a_banded_convolution_costs_three_weights_a_channel_less_the_two_at_the_ends() -> None:
    cost = measure(network(Node("band", "banded_conv", ("input",), {"kernel": 3, "stride": 2})), (6, 9, 9))
    assert (cost.rows[-1].shape, cost.parameters, cost.macs) == ((6, 5, 5), 9 * 16, 9 * 16 * 25)


IMPOSSIBLE: dict[str, Callable[[], Graph]] = {
    "a window larger than the image": lambda: network(Node("bad", "max_pool", ("input",), {"kernel": 2, "stride": 2})),
    "a linear layer on an image": lambda: network(Node("bad", "linear", ("input",), {"units": 2})),
    "groups that do not divide": lambda: network(Node("bad", "conv", ("input",), {"channels": 4, "kernel": 1, "groups": 2})),
    "a convolution after flatten": lambda: network(Node("flat", "flatten", ("input",)),
                                                   Node("bad", "conv", ("flat",), {"channels": 4, "kernel": 1})),
    "a sum of different shapes": lambda: network(Node("wide", "conv", ("input",), {"channels": 4, "kernel": 1}),
                                                 Node("bad", "add", ("input", "wide"))),
    "a join of an image and a flat one": lambda: network(Node("flat", "global_avg_pool", ("input",)),
                                                         Node("bad", "concat", ("input", "flat"))),
    "a band of one channel": lambda: network(Node("one", "conv", ("input",), {"channels": 1, "kernel": 1}),
                                             Node("bad", "banded_conv", ("one",), {"kernel": 3})),
    "zeros between too few values": lambda: network(Node("bad", "zero_upsample", ("input",), {"size": 4})),
    "factors for other channels": lambda: network(Node("flat", "global_avg_pool", ("input",)),
                                                  Node("two", "linear", ("flat",), {"units": 2}),
                                                  Node("bad", "scale", ("input", "two"))),
    "a frame smaller than the image": lambda: network(Node("bad", "pad", ("input",), {"size": (1, 0)})),
    "an unknown layer": lambda: network(Node("bad", "nor_conv_3x3", ("input",))),
}


@pytest.mark.parametrize("graph", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_networks_name_the_node(graph: Callable[[], Graph]) -> None:
    with pytest.raises(Invalid) as caught:
        measure(graph(), (3, 1, 1))
    assert caught.value.problems[0].path == "/network/bad"


@pytest.mark.parametrize("shape", [(), (3, 8), (3, 0, 8), (3, 8, -1), (3.0, 8, 8), (True, 8, 8)], ids=str)
def test_what_is_no_image_is_refused(shape: Any) -> None:
    with pytest.raises(Invalid):
        measure(network(Node("out", "relu", ("input",))), shape)
