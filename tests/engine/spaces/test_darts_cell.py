"""The DARTS space: its size, networks whose sizes are known, the mixture of the search, and what can only be measured."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from engine.architecture.architecture import Architecture
from engine.architecture.canonical import canonical_id
from engine.architecture.cost import Cost, measure
from engine.architecture.graph import Graph
from engine.errors import Invalid
from engine.nets.build import build
from engine.spaces.darts_cell import EIGHT, DartsCell
from engine.spec import parse_space

torch.set_num_threads(1)
CIFAR = (3, 32, 32)
NAMES = {"sep3": "sep_conv_3x3", "sep5": "sep_conv_5x5", "sep7": "sep_conv_7x7", "avg3": "avg_pool_3x3",
         "max3": "max_pool_3x3", "skip": "skip_connect",
         "dil3": "dil_conv_3x3", "dil5": "dil_conv_5x5", "conv7": "conv_7x1_1x7", "none": "none"}


def genotype(normal: str, normal_concat: list[int], reduce: str, reduce_concat: list[int]) -> dict[str, Any]:
    def edges(text: str) -> list[list[Any]]:
        return [[NAMES[op], int(source)] for op, source in (word.split("-") for word in text.split())]

    return {"normal": edges(normal), "normal_concat": normal_concat, "reduce": edges(reduce), "reduce_concat": reduce_concat}


FOUR = [2, 3, 4, 5]
DARTS_V1 = genotype("sep3-1 sep3-0 skip-0 sep3-1 skip-0 sep3-1 sep3-0 skip-2", FOUR,
                    "max3-0 max3-1 skip-2 max3-0 max3-0 skip-2 skip-2 avg3-0", FOUR)
DARTS_V2 = genotype("sep3-0 sep3-1 sep3-0 sep3-1 sep3-1 skip-0 skip-0 dil3-2", FOUR,
                    "max3-0 max3-1 skip-2 max3-1 max3-0 skip-2 skip-2 max3-1", FOUR)
NASNET = genotype("sep5-1 sep3-0 sep5-0 sep3-0 avg3-1 skip-0 avg3-0 avg3-0 sep3-1 skip-1", [2, 3, 4, 5, 6],
                  "sep5-1 sep7-0 max3-1 sep7-0 avg3-1 sep5-0 skip-3 avg3-2 sep3-2 max3-1", [4, 5, 6])
AMOEBANET = genotype("avg3-0 max3-1 sep3-0 sep5-2 sep3-0 avg3-3 sep3-1 skip-1 skip-0 avg3-1", [4, 5, 6],
                     "avg3-0 sep3-1 max3-0 sep7-2 sep7-0 avg3-1 max3-0 max3-1 conv7-0 sep3-5", [3, 4, 6])


def space(**options: Any) -> DartsCell:
    found = parse_space({"kind": "darts_cell", **options})[1]
    assert isinstance(found, DartsCell)
    return found


PAPER = space(preset="paper")
SMALL = space(channels=4, layers=3)


def cost_of(found: DartsCell, given: dict[str, Any], shape: tuple[int, ...] = CIFAR, classes: int = 10) -> Cost:
    return measure(found.network(found.read(given), shape, classes), shape)


def test_the_size_is_that_of_the_paper() -> None:
    assert PAPER.size() == 1_037_664_180 ** 2
    assert space(nodes=1, ops=["none", "skip_connect"]).size() == 1
    assert space(nodes=1).size() == 49 ** 2 and space(nodes=2).size() == (49 * 3 * 49) ** 2


def test_a_small_space_has_as_many_members_as_it_says() -> None:
    found = space(nodes=2, ops=["none", "skip_connect", "sep_conv_3x3"])
    cells = {str(found.sample(Random(seed)).architecture.genotype["normal"]) for seed in range(2000)}
    assert len(cells) ** 2 == found.size() == 48 ** 2


@pytest.mark.parametrize(("given", "parameters", "member"), [
    (DARTS_V1, 3_169_414, True), (DARTS_V2, 3_349_342, True), (NASNET, 3_830_950, False), (AMOEBANET, 3_145_078, False)],
    ids=["DARTS_V1", "DARTS_V2", "NASNet", "AmoebaNet"])
def test_known_genotypes_have_the_parameters_of_the_reference(given: dict[str, Any], parameters: int, member: bool) -> None:
    assert cost_of(PAPER, given).parameters == parameters
    assert PAPER.contains(PAPER.read(given)) is member
    if not member:
        with pytest.raises(Invalid):
            PAPER.parse(given)


def test_the_network_for_large_images() -> None:
    cost = cost_of(space(preset="imagenet"), DARTS_V2, (3, 224, 224), 1000)
    assert cost.parameters == 4_718_752 and cost.macs < 600e6
    shapes = {row.name: row.shape for row in cost.rows}
    assert shapes["cell_1_output"] == (4 * 48, 28, 28) and shapes["cell_14_output"] == (16 * 48, 7, 7)


def test_the_mixture_has_the_parameters_of_the_reference() -> None:
    cost = measure(space(preset="search").supernet(CIFAR, 10).graph, CIFAR)
    assert cost.parameters == 1_930_618


def test_the_mixture_hears_everything_through_every_operation() -> None:
    graph = space(preset="search", layers=3).supernet(CIFAR, 10).graph
    edges = [n for n in graph if n.label == "mixture" and n.name.startswith("cell_1_")]
    assert len(edges) == 14
    assert all(edge.inputs == tuple(f"{edge.name}_{op}" for op in EIGHT) for edge in edges)
    ops = {n.name: n for n in graph}
    assert ops["cell_1_edge_0_2_max_pool_3x3"].op == "batch_norm" and ops["cell_1_edge_0_2_none"].op == "zero"
    norms = [n for n in graph if n.op == "batch_norm"]
    assert {n.name for n in norms if n.settings["affine"]} == {"stem_norm"}


def test_the_mixture_is_built_and_costs_what_the_formula_says() -> None:
    graph, shape = space(preset="cpu").supernet((1, 8, 8), 10).graph, (1, 8, 8)
    model, cost = build(graph, shape), measure(graph, shape)
    with FlopCounterMode(display=False) as counter:
        scores = model(torch.randn(2, *shape))
    assert scores.shape == (2, 10) and counter.get_total_flops() == 2 * cost.flops
    assert sum(p.numel() for p in model.parameters()) == cost.parameters


def test_reductions_stand_at_a_third_and_two_thirds() -> None:
    shapes = {row.name: row.shape for row in cost_of(PAPER, DARTS_V1).rows}
    outputs = [shapes[f"cell_{k}_output"] for k in range(1, 21)]
    assert outputs == [(144, 32, 32)] * 6 + [(288, 16, 16)] * 7 + [(576, 8, 8)] * 7
    groups = list(dict.fromkeys(n.group for n in PAPER.network(PAPER.parse(DARTS_V1), CIFAR, 10)))
    stages = [[f"stage {k} cell {number}" for number in numbers] for k, numbers in ((1, range(1, 7)), (2, range(8, 14)),
                                                                                   (3, range(15, 21)))]
    assert groups == ["input", "stem", *stages[0], "reduction 1", *stages[1], "reduction 2", *stages[2], "head"]


def test_only_operations_on_cell_inputs_are_strided_and_a_strided_skip_is_a_factorised_reduction() -> None:
    given = genotype("skip-0 sep3-1 skip-2 sep3-0", [2, 3], "skip-0 sep3-1 skip-2 sep3-2", [2, 3])
    graph = space(nodes=2, layers=3, channels=4).network(Architecture("darts_cell", given), (3, 8, 8), 10)
    nodes = {n.name: n for n in graph}
    assert nodes["cell_2_node_2_op_1_shift"].op == "shift" and nodes["cell_2_node_3_op_1"].op == "identity"
    assert nodes["cell_2_node_2_op_2_1_depthwise"].settings["stride"] == 2
    assert nodes["cell_2_node_3_op_2_1_depthwise"].settings["stride"] == 1
    assert nodes["cell_1_node_2_op_1"].op == "identity"


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 7, 7), (1, 28, 28), (1, 1, 1)], ids=str)
@pytest.mark.parametrize("layers", [1, 2, 3, 8])
def test_every_size_and_depth_fits(layers: int, shape: tuple[int, ...]) -> None:
    found = space(channels=4, layers=layers)
    for seed in range(5):
        architecture = found.sample(Random(seed)).architecture
        assert measure(found.network(architecture, shape, 3), shape).rows[-1].shape == (3,)


def test_every_node_reads_two_different_results_and_none_is_never_chosen() -> None:
    for proposal in PAPER.sample_many(Random(0), 300):
        for cell in ("normal", "reduce"):
            edges = proposal.architecture.genotype[cell]
            assert len(edges) == 8 and all(op != "none" for op, _ in edges)
            assert all(0 <= edges[k][1] < edges[k + 1][1] < 2 + k // 2 for k in range(0, 8, 2))


def test_the_order_of_the_two_edges_does_not_count() -> None:
    swapped = {**DARTS_V1, "normal": [DARTS_V1["normal"][k ^ 1] for k in range(8)]}
    assert PAPER.parse(swapped) == PAPER.parse(DARTS_V1) == PAPER.read(DARTS_V1)


def test_nodes_that_do_not_need_each_other_may_change_places() -> None:
    one = genotype("sep3-0 sep5-1 skip-0 dil3-1 max3-2 avg3-3", [2, 3, 4], "skip-0 skip-1 " * 3, [2, 3, 4])
    other = genotype("skip-0 dil3-1 sep3-0 sep5-1 max3-3 avg3-2", [2, 3, 4], "skip-0 skip-1 " * 3, [2, 3, 4])
    third = genotype("skip-0 dil3-1 sep3-0 sep5-1 max3-2 avg3-3", [2, 3, 4], "skip-0 skip-1 " * 3, [2, 3, 4])
    found = space(nodes=3)
    first, second, different = (found.parse(each) for each in (one, other, third))
    assert found.canonical(first) == found.canonical(second) != found.canonical(different)
    assert canonical_id(found.cell(first)) == canonical_id(found.cell(second)) != canonical_id(found.cell(different))
    assert first.encoding_id != second.encoding_id


def live_parameters(found: DartsCell, given: dict[str, Any]) -> tuple[str, int]:
    architecture = found.read(given)
    return found.canonical(architecture), cost_of(found, given).parameters


def test_what_carries_nothing_is_not_built() -> None:
    """A node that only a `none` reads is as if it were not there; the output keeps its width."""
    plain = genotype("sep3-0 sep3-1", [2], "sep3-0 sep3-1", [2])
    beside = genotype("sep3-0 sep3-1 dil5-0 none-1", [2], "sep3-0 sep3-1", [2])
    through = genotype("dil5-0 dil5-1 sep3-0 sep3-1 none-2 sep3-3", [3], "sep3-0 sep3-1", [2])
    assert live_parameters(SMALL, plain) == live_parameters(SMALL, beside) == live_parameters(SMALL, through)
    wider = genotype("sep3-0 sep3-1 none-0 none-1", [2, 3], "sep3-0 sep3-1", [2])
    assert live_parameters(SMALL, wider) != live_parameters(SMALL, plain)
    assert measure(SMALL.network(SMALL.read(wider), (3, 8, 8), 3), (3, 8, 8)).rows[-1].shape == (3,)


def wide(rng: Random) -> dict[str, Any]:
    """Any genotype of the format."""
    found: dict[str, Any] = {}
    for cell in ("normal", "reduce"):
        nodes = rng.randint(1, 5)
        found[cell] = [[rng.choice(list(NAMES.values())), rng.randrange(2 + at // 2)] for at in range(2 * nodes)]
        found[f"{cell}_concat"] = [rng.randrange(2 + nodes) for _ in range(rng.randint(1, 4))]
    return found


def test_everything_of_the_format_can_be_measured_and_built() -> None:
    rng, shape = Random(0), (3, 9, 8)
    for _ in range(60):
        architecture = SMALL.read(wide(rng))
        graph = SMALL.network(architecture, shape, 4)
        cost, model = measure(graph, shape), build(graph, shape)
        with FlopCounterMode(display=False) as counter:
            scores = model(torch.randn(2, *shape))
        assert scores.shape == (2, 4) and counter.get_total_flops() == 2 * cost.flops
        assert sum(p.numel() for p in model.parameters()) == cost.parameters
        assert SMALL.read(architecture.genotype) == architecture and len(SMALL.canonical(architecture)) == 16


def test_two_spellings_of_a_cell_compute_the_same() -> None:
    """The two halves of a node swapped, and two nodes in the other order where the output joins one of them."""
    one = genotype("sep3-0 skip-1 dil3-0 skip-1 sep3-2 max3-3", [4], "skip-0 sep3-1 " * 3, [4])
    other = genotype("dil3-0 skip-1 skip-1 sep3-0 max3-2 sep3-3", [4], "skip-0 sep3-1 " * 3, [4])
    graphs = [SMALL.network(Architecture("darts_cell", each), (3, 8, 8), 4) for each in (one, other)]
    assert len({SMALL.canonical(Architecture("darts_cell", each)) for each in (one, other)}) == 1
    first, second = (build(graph, (3, 8, 8)).eval() for graph in graphs)
    moves = {"node_2_op_1": "node_3_op_2", "node_2_op_2": "node_3_op_1", "node_3_op_1": "node_2_op_1",
             "node_3_op_2": "node_2_op_2", "node_4_op_1": "node_4_op_2", "node_4_op_2": "node_4_op_1"}
    weights = {_moved(key, moves): tensor for key, tensor in first.state_dict().items()}
    second.load_state_dict(weights)
    images = torch.randn(2, 3, 8, 8)
    with torch.inference_mode():
        assert torch.allclose(first(images), second(images), rtol=1e-4, atol=1e-5)


def _moved(key: str, moves: dict[str, str]) -> str:
    cell, _, rest = key.partition("_node_")
    number, reduction = cell.removeprefix("cell_").partition("_")[0], ("2", "3")
    if not rest or number in reduction:                             # the reduction cells are written alike
        return key
    old = f"node_{rest[:6]}"
    return f"{cell}_{moves[old]}{rest[6:]}"


@pytest.mark.parametrize(("path", "change"), [
    ("/at/normal", {"normal": DARTS_V1["normal"][:6], "normal_concat": [2, 3, 4]}),
    ("/at/normal/1/1", {"normal": [["skip_connect", 0]] * 8}),
    ("/at/normal/0/0", {"normal": [["none", 1], *DARTS_V1["normal"][1:]]}),
    ("/at/reduce/0/0", {"reduce": [["sep_conv_7x7", 0], *DARTS_V1["reduce"][1:]]}),
    ("/at/reduce/0/0", {"reduce": [["magic", 0], *DARTS_V1["reduce"][1:]]}),
    ("/at/normal_concat", {"normal_concat": [3, 4, 5]}),
    ("/at/normal_concat", {"normal_concat": [5, 4, 3, 2]}),
    ("/at/reduce_concat/0", {"reduce_concat": [99]})], ids=str)
def test_what_is_no_member_is_refused_at_its_place(path: str, change: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        PAPER.parse({**DARTS_V1, **change}, "/at")
    assert caught.value.problems[0].path == path


@pytest.mark.parametrize(("option", "value"), [
    ("nodes", 0), ("nodes", 500), ("ops", ["none"]), ("ops", ["magic"]), ("channels", 1), ("layers", 0), ("stem", "x")],
    ids=str)
def test_bad_options_are_pointed_at(option: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse_space({"kind": "darts_cell", option: value}, "/space")
    assert caught.value.problems[0].path == f"/space/{option}"


def test_a_mutation_changes_one_decision() -> None:
    rng = Random(3)
    for _ in range(50):
        parent = PAPER.sample(rng).architecture
        before, after = PAPER.config(parent), PAPER.config(PAPER.mutate(parent, rng))
        assert sum(before[name] != after[name] for name in before) == 1


def test_every_pair_of_inputs_is_offered() -> None:
    offered = {p.name: p.choices for p in PAPER.parameters()}
    assert offered["normal_node_2_inputs"] == ("0 and 1",) and len(offered["reduce_node_5_inputs"]) == 10
    expected = {f"{i} and {j}" for i, j in product(range(4), repeat=2) if i < j}
    assert set(offered["normal_node_4_inputs"]) == expected


def graph_of(given: dict[str, Any]) -> Graph:
    return PAPER.cell(PAPER.read(given))


def test_the_drawing_shows_both_cells() -> None:
    graph = graph_of(NASNET)
    assert {n.group for n in graph} == {"normal", "reduce", ""} and graph["normal_output"].inputs[0] == "normal_node_2"
