"""The order of channels: which belong together, which matter, and that a new order changes nothing of the largest."""

from __future__ import annotations

import pytest
import torch

from engine.architecture.graph import Graph, Node
from engine.nets.channel_order import families, importance, ordered, sort_channels
from engine.nets.sliced import Slice, Sliced
from engine.nets.statistics import recalibrated
from engine.spaces.slimmable import Slimmable
from engine.training.sharing import Chosen
from tests.engine.nets.test_sliced import SHAPE, SPACE, graph, images, made

torch.set_num_threads(1)
GRAPH = graph(SPACE.largest)
WIDE, SQUEEZED = "stage_2_block_2_wide_conv", "stage_2_block_2_squeeze"


def test_channels_that_are_filtered_normed_and_weighed_belong_together() -> None:
    stands = families(GRAPH)
    block = "stage_2_block_2"
    wide = {name for name, family in stands.items() if family == stands[WIDE]}
    assert wide == {f"{block}_{part}" for part in (
        "wide_conv", "wide_norm", "wide_bent", "depthwise", "depthwise_norm", "depthwise_bent", "pool", "excite", "gate",
        "gated")}
    assert {name for name, family in stands.items() if family == stands[SQUEEZED]} == {SQUEEZED, f"{SQUEEZED}_bent"}


def test_what_is_added_belongs_together() -> None:
    stands = families(GRAPH)
    assert stands["stage_2_block_1_norm"] == stands["stage_2_block_2_norm"] == stands["stage_2_block_2_sum"]
    assert stands["stage_2_block_1_norm"] != stands["stage_1_block_2_sum"]


def test_an_operation_of_which_it_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="concat"):
        families(Graph((Node("input", "input"), Node("both", "concat", ("input", "input"))), "both"))


def test_importance_is_the_l1_norm_of_what_is_heard_of_a_channel() -> None:
    net = made()
    narrow = net.get_submodule("stage_2_block_2_narrow").weight.detach()        # type: ignore[union-attr, operator]
    assert torch.allclose(importance(net, GRAPH, families(GRAPH)[WIDE]), narrow.abs().sum((0, 2, 3)))
    excite = net.get_submodule("stage_2_block_2_excite").weight.detach()        # type: ignore[union-attr, operator]
    assert torch.allclose(importance(net, GRAPH, SQUEEZED), excite.abs().sum(0))


def test_the_most_important_come_first_but_none_crosses_a_border() -> None:
    values = torch.tensor([1.0, 5.0, 2.0, 9.0, 7.0, 9.0])
    assert ordered(values, []).tolist() == [3, 5, 4, 1, 2, 0]
    assert ordered(values, [3]).tolist() == [1, 2, 0, 3, 5, 4]
    assert ordered(values, [2, 4, 6]).tolist() == [1, 0, 3, 2, 5, 4]


def borders(*ends: int) -> dict[str, list[int]]:
    stands = families(GRAPH)
    return {stands[name]: list(ends) for name in ("stage_1_block_1_wide_conv", "stage_1_block_2_wide_conv", WIDE, SQUEEZED)}


def test_sorting_leaves_the_output_of_the_largest_network_unchanged() -> None:
    net, x, whole = made(), images(), Slice(GRAPH)
    before = net(x, whole)
    with recalibrated(Chosen(net, whole), [x]):
        evaluated = Chosen(net, whole).eval()(x)
    order = importance(net, GRAPH, families(GRAPH)[WIDE]).argsort()
    sort_channels(net, GRAPH, borders())
    assert torch.allclose(net(x, whole), before, rtol=0, atol=1e-10) and not torch.equal(order, order.sort().values)
    with recalibrated(Chosen(net, whole), [x]):
        assert torch.allclose(Chosen(net, whole).eval()(x), evaluated, rtol=0, atol=1e-10)
    for family in borders():
        found = importance(net, GRAPH, family)
        assert torch.equal(found, found.sort(descending=True).values)


def test_a_narrower_slice_changes_and_keeps_the_most_important_channels() -> None:
    net, small = made(), Slice(graph(SPACE.uniform(7, 2, 2)))
    before = net(images(), small)
    family = families(GRAPH)[WIDE]
    best = importance(net, GRAPH, family).sort(descending=True).values
    sort_channels(net, GRAPH, borders())
    count = net.widths(small.graph)[WIDE]
    assert torch.equal(importance(net, GRAPH, family)[:count], best[:count])
    assert not torch.allclose(net(images(), small), before, rtol=0, atol=1e-3)


def test_trained_slices_stay_what_they_are() -> None:
    """With a border at the width of expansion 2, a network with expansion 2 does not change."""
    space = Slimmable(channels=8, stages=2, kernels=(3,), depths=(1,), expansions=(1, 2, 4), squeeze_excite=False)
    torch.manual_seed(0)
    whole = graph(space.largest, space)
    net, small = Sliced(whole, SHAPE, {}).double(), Slice(graph(space.uniform(3, 1, 2), space))
    stands, widths = families(whole), net.widths(small.graph)
    before = net(images(), small)
    sort_channels(net, whole, {stands[name]: [widths[name]] for name in ("stage_1_block_1_depthwise",
                                                                         "stage_2_block_1_depthwise")})
    assert torch.allclose(net(images(), small), before, rtol=0, atol=1e-10)
    assert not torch.equal(importance(net, whole, stands["stage_1_block_1_depthwise"]),
                           importance(net, whole, stands["stage_1_block_1_depthwise"]).sort(descending=True).values)


def test_the_input_and_the_class_scores_keep_their_order() -> None:
    with pytest.raises(ValueError, match="input or output"):
        sort_channels(made(), GRAPH, {families(GRAPH)["classifier"]: []})
