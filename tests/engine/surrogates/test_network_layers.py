"""Masses, labels and path lengths of layers."""

from __future__ import annotations

import math
from itertools import product

import pytest

from engine.architecture.graph import Graph, Node
from engine.surrogates.network_layers import IMAGES, UNITS, Label, label, layered, mismatch
from tests.engine.surrogates.networks import blocked, chain, conv, scrambled, vgg

CONVS = [Label("conv", kind, (size, size)) for kind in ("conv", "residual_conv") for size in (3, 5, 7)]
POOLS = [Label("pool", kind) for kind in ("max_pool", "avg_pool")]


def priced(one: str, other: str) -> float:
    return mismatch(named(one), named(other))


def named(short: str) -> Label:
    """`conv3`, `res5`, `max` …"""
    if short in ("max", "avg"):
        return label(Node("it", f"{short}_pool"))
    op = "conv" if short.startswith("conv") else "residual_conv"
    return label(Node("it", op, (), {"kernel": int(short[-1]), "channels": 8}))


def test_total_masses_of_the_reference() -> None:
    for graph, total in ((vgg(1), 302881.28), (vgg(2), 750164.48), (blocked(3, 1), 76111.36), (blocked(3, 2), 187932.16)):
        assert layered(graph).total == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize(("one", "other", "price"), [
    ("conv3", "conv3", 0.0), ("conv3", "conv5", 0.2), ("conv5", "conv7", 0.2), ("conv3", "conv7", 0.28284271),
    ("res3", "res5", 0.2), ("conv3", "res3", 0.1), ("conv3", "res5", 0.28), ("max", "avg", 0.5), ("max", "max", 0.0),
    ("conv3", "max", math.inf)])
def test_label_mismatch_of_the_reference(one: str, other: str, price: float) -> None:
    assert priced(one, other) == priced(other, one) == pytest.approx(price)


def test_activations_of_units_are_closer_within_their_group() -> None:
    relu, elu, tanh = (label(Node("it", "layer", (), {"activation": a, "units": 9})) for a in ("relu", "elu", "tanh"))
    assert mismatch(relu, elu) == 0.1 and mismatch(relu, tanh) == 0.25 and mismatch(tanh, tanh) == 0
    assert [each.group for each in (relu, elu, tanh)] == ["rectifier", "rectifier", "sigmoid"]


def test_what_the_labels_of_the_paper_leave_out_has_a_small_price() -> None:
    one, other = (label(Node("it", "conv", (), {"kernel": 3, "channels": 8, "stride": stride})) for stride in (1, 2))
    assert mismatch(one, other) == pytest.approx(0.1 / 3)
    assert mismatch(one, one._replace(rest=(("stride", "any"),))) == pytest.approx(0.1)


def test_labels_are_a_metric() -> None:
    strided = [each._replace(rest=(("stride", stride),)) for each in CONVS + POOLS for stride in (1, 2, 3)]
    for a, b, c in product(CONVS + POOLS + strided, repeat=3):
        assert mismatch(a, c) <= mismatch(a, b) + mismatch(b, c) + 1e-12


def test_sizes_in_the_name_of_an_operation_are_kernels() -> None:
    assert label(Node("it", "sep_conv_3x3")) == Label("conv", "sep_conv", (3, 3))
    assert label(Node("it", "conv_1x7")).kernel == (1, 7) and label(Node("it", "max_pool_3x3")).family == "pool"


def test_channels_do_not_count_as_labels() -> None:
    assert label(Node("it", "conv", (), {"channels": 8})) == label(Node("it", "conv", (), {"channels": 64}))


def test_input_output_and_decision_weigh_a_tenth_each_and_at_least_a_hundred() -> None:
    small, large = layered(chain([conv(4)])), layered(vgg(1))
    for family in ("input", "output", "decision"):
        assert small.families[family][1].tolist() == [100.0]
        assert large.families[family][1].sum() == pytest.approx(large.total / 13)


def test_adding_a_layer_never_lowers_the_mass() -> None:
    rows = [conv(16), conv(32), ("max_pool", 0, 0), conv(8)]
    masses = [layered(chain(rows[:count])).total for count in range(1, 5)]
    assert masses == sorted(masses)


def test_a_concatenation_gives_all_channels_and_an_addition_those_of_one() -> None:
    def mass(op: str) -> float:
        nodes = (Node("input", "input"), Node("a", "conv", ("input",), {"channels": 8}),
                 Node("b", "conv", ("input",), {"channels": 8}), Node("join", op, ("a", "b")),
                 Node("last", "conv", ("join",), {"channels": 4}))
        return float(layered(Graph(nodes, "last")).families["conv"][1].max())

    assert mass("concat") == 64 and mass("add") == 32


def test_layers_without_channels_are_equally_wide_and_what_is_not_heard_is_left_out() -> None:
    nodes = (Node("input", "input"), Node("a", "sep_conv_3x3", ("input",)), Node("b", "skip_connect", ("input",)),
             Node("dead", "conv_1x1", ("input",)), Node("sum", "add", ("a", "b")))
    view = layered(Graph(nodes, "sum"))
    assert view.families["conv"][1].tolist() == [256.0] and view.families["skip_connect"][1].tolist() == [16.0]
    assert len(view) == 5 and view.families["output"][1].tolist() == [100.0]


def test_an_edge_counts_where_its_source_is_in_the_group() -> None:
    """Input, convolution, pooling, decision, output; lengths of the shortest, the longest and the random path."""
    view = layered(chain([conv(4), ("max_pool", 0, 0)]), IMAGES)
    to_input, to_output = view.families["output"][2][0][:12], view.families["input"][2][0][12:]
    assert to_input.tolist() == [4.0] * 3 + [1.0] * 3 + [1.0] * 3 + [0.0] * 3
    assert to_output.tolist() == [4.0] * 3 + [1.0] * 3 + [1.0] * 3 + [0.0] * 3
    assert view.families["conv"][2][0].tolist() == [1.0] * 6 + [0.0] * 6 + [3.0] * 3 + [1.0] * 6 + [0.0] * 3


def test_shortest_longest_and_random_paths_differ_where_there_is_a_choice() -> None:
    nodes = (Node("input", "input"), Node("a", "conv", ("input",)), Node("b", "conv", ("a",)),
             Node("join", "concat", ("input", "b")))
    assert layered(Graph(nodes, "join")).families["concat"][2][0][:3].tolist() == [1.0, 3.0, 2.0]


def test_the_groups_decide_how_many_lengths_there_are() -> None:
    view = scrambled(0)
    for groups, kinds in ((IMAGES, 24), (UNITS, 18)):
        assert {paths.shape[1] for _, _, paths in layered(view, groups).families.values()} == {kinds}
