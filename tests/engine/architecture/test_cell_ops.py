"""Operations of cells: their shapes, weights by hand, and what they compute."""

from __future__ import annotations

import pytest

from engine.architecture.cell_ops import CELL_OPS, Place, factorised_reduction, matched, put_op
from engine.architecture.cost import Cost, measure
from engine.architecture.graph import Graph, Shape
from engine.architecture.layers import Layers


def network(op: str, arriving: int, channels: int, stride: int, affine: bool = True) -> Graph:
    layers = Layers()
    assert put_op(op, Place(layers, "op", "input", arriving, channels, stride, affine)) == "op"
    return layers.graph()


def cost(op: str, arriving: int = 4, channels: int = 4, stride: int = 1, affine: bool = True, size: int = 8) -> Cost:
    return measure(network(op, arriving, channels, stride, affine), (arriving, size, size))


DEEPENS = [op for op in CELL_OPS if op != "none"]


@pytest.mark.parametrize("size", [(8, 8), (7, 7), (5, 6), (1, 1), (2, 1)], ids=str)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("op", CELL_OPS)
def test_every_operation_divides_the_size_by_the_stride_and_rounds_up(op: str, stride: int, size: tuple[int, int]) -> None:
    torch = pytest.importorskip("torch")
    from engine.nets.build import build

    shape: Shape = (4, *size)
    graph = network(op, 4, 4, stride)
    expected = (4, -(-size[0] // stride), -(-size[1] // stride))
    assert measure(graph, shape).rows[-1].shape == expected
    assert build(graph, shape).eval()(torch.randn(2, *shape)).shape[1:] == expected


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("op", DEEPENS)
def test_every_operation_but_none_can_change_the_channels(op: str, stride: int) -> None:
    side = 8 // stride
    assert measure(network(op, 6, 5, stride), (6, 8, 8)).rows[-1].shape == (5, side, side)


@pytest.mark.parametrize(("op", "weights", "norms"), [
    ("none", 0, 0), ("identity", 0, 0), ("skip_connect", 0, 0), ("max_pool_7x7", 0, 0), ("avg_pool_3x3", 0, 0),
    ("conv_1x1", 16, 1), ("conv_3x3", 144, 1), ("dilated_conv_3x3", 144, 1),
    ("sep_conv_3x3", 2 * (36 + 16), 2), ("sep_conv_5x5", 2 * (100 + 16), 2), ("sep_conv_7x7", 2 * (196 + 16), 2),
    ("dil_conv_3x3", 36 + 16, 1), ("dil_conv_5x5", 100 + 16, 1),
    ("conv_1x3_3x1", 96, 2), ("conv_1x7_7x1", 224, 2), ("conv_7x1_1x7", 224, 1)])
def test_weights_by_hand(op: str, weights: int, norms: int) -> None:
    """Four channels in and out; a batch norm has 8 numbers, or none without a scale and a shift."""
    assert cost(op).parameters == weights + 8 * norms
    assert cost(op, affine=False).parameters == weights
    assert cost(op).macs == weights * 64


def test_only_the_first_of_two_separable_convolutions_is_strided() -> None:
    rows = {row.name: row.shape for row in cost("sep_conv_5x5", stride=2).rows}
    assert rows["op_1_depthwise"] == rows["op_2_depthwise"] == (4, 4, 4)


def test_crossed_convolutions_halve_one_side_each() -> None:
    rows = {row.name: row.shape for row in cost("conv_1x7_7x1", stride=2).rows}
    assert rows["op_wide"] == (4, 8, 4) and rows["op_high"] == (4, 4, 4)


def test_an_identity_that_cannot_be_one_is_a_convolution_and_a_skip_a_factorised_reduction() -> None:
    assert [n.op for n in network("identity", 4, 4, 2)][1:] == ["relu", "conv", "batch_norm"]
    assert [n.op for n in network("identity", 4, 6, 1)][1:] == ["relu", "conv", "batch_norm"]
    assert "shift" in [n.op for n in network("skip_connect", 4, 4, 2)]
    assert cost("skip_connect", stride=2).parameters == 16 + 8


def test_pools_are_followed_by_a_convolution_only_where_channels_differ() -> None:
    assert [n.op for n in network("max_pool_3x3", 4, 4, 2)][1:] == ["max_pool"]
    assert [n.op for n in network("max_pool_3x3", 8, 4, 2)][1:] == ["max_pool", "conv", "batch_norm"]


def test_a_factorised_reduction_sees_even_and_odd_pixels() -> None:
    """With weights of one and without batch norm: the first path reads (0, 0), (0, 2) ..., the second (1, 1), (1, 3) ..."""
    torch = pytest.importorskip("torch")
    from engine.nets.build import build

    layers = Layers()
    factorised_reduction(Place(layers, "op", "input", 1, 2, 2))
    graph = layers.graph()
    model = build(Graph(graph.nodes[:-1], "op_join"), (1, 3, 3))
    for parameter in model.parameters():
        torch.nn.init.ones_(parameter)
    even, odd = model(torch.arange(1.0, 10.0).reshape(1, 1, 3, 3))[0].tolist()
    assert even == [[1, 3], [7, 9]] and odd == [[5, 0], [0, 0]]


@pytest.mark.parametrize("channels", [2, 5, 8])
def test_matching_halves_and_deepens_in_one_step(channels: int) -> None:
    for stride, size in ((1, 7), (2, 4)):
        layers = Layers()
        matched(Place(layers, "op", "input", 3, channels, stride))
        found = measure(layers.graph(), (3, 7, 7))
        assert found.rows[-1].shape == (channels, size, size) and found.parameters == 3 * channels + 2 * channels


def test_every_operation_has_words() -> None:
    assert CELL_OPS["sep_conv_5x5"].words == "separable conv 5×5" and all(op.words for op in CELL_OPS.values())
