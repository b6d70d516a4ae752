"""Hierarchical motifs: counts, unfolding, identity by operations alone, dead motifs and networks."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.cost import measure
from engine.architecture.description import describe
from engine.errors import Invalid
from engine.nets.build import build
from engine.spaces.hierarchical import OPS, Hierarchical, edges, live
from engine.spec import parse_space

torch.set_num_threads(1)
SPACE = Hierarchical(motifs=6, motif_nodes=4, cell_nodes=5)
SMALL = Hierarchical(motifs=2, motif_nodes=3, cell_nodes=3, channels=4)
SHAPE = (1, 8, 8)
seeds = st.integers(0, 10**9)


def small(motifs: list[list[str]], cell: list[str]) -> Architecture:
    return SMALL.parse({"motifs": motifs, "cell": cell})


def cost(architecture: Architecture, space: Hierarchical = SMALL) -> tuple[int, int]:
    found = measure(space.network(architecture, SHAPE, 10), SHAPE)
    return found.parameters, found.macs


def test_the_number_of_architectures_of_the_paper() -> None:
    _, paper = parse_space({"kind": "hierarchical", "preset": "paper"})
    assert paper.size() == 7**36 * 7**10 == 7**46 and len(paper.parameters()) == 46


def test_size_is_the_count_of_all_architectures() -> None:
    tiny = Hierarchical(motifs=2, motif_nodes=2, cell_nodes=3, ops=("identity", "conv_1x1"))
    every = [tiny.architecture(config) for config in genotype.completions(tiny.parameters())]
    assert len({a.encoding_id for a in every}) == len(every) == tiny.size() == 3**2 * 3**3
    assert all(tiny.contains(a) for a in every)


def test_edges_go_by_the_node_they_lead_to() -> None:
    assert edges(4) == [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]


@pytest.mark.parametrize(("row", "found"), [
    (["a", "b", "c"], [(1, [(0, "a")]), (2, [(0, "b"), (1, "c")])]), (["a", "b", "none"], [(2, [(0, "b")])]),
    (["none", "b", "c"], [(2, [(0, "b")])]), (["a", "none", "none"], []), (["none", "none", "c"], []),
    (["a", "none", "c"], [(1, [(0, "a")]), (2, [(1, "c")])])], ids=str)
def test_only_edges_on_a_way_from_first_to_last_are_live(row: list[str], found: Any) -> None:
    assert live(row, 3) == found


def test_motifs_are_unfolded_on_every_edge_that_carries_them() -> None:
    motifs = [["conv_1x1", "none", "max_pool_3x3"], ["none", "sep_conv_3x3", "none"]]
    architecture = small(motifs, ["motif_1", "motif_2", "motif_1"])
    rows = [row for row in measure(SMALL.network(architecture, SHAPE, 10), SHAPE).rows if row.name.startswith("stage_2")]
    assert [row.op for row in rows].count("max_pool") == 2
    convs = {row.name.removeprefix("stage_2_cell_1_"): (row.parameters, row.shape) for row in rows if row.op == "conv"}
    assert convs == {"edge_0_1_op_0_1_conv": (64, (8, 4, 4)), "edge_1_2_op_0_1_conv": (64, (8, 4, 4)),
                     "edge_0_2_op_0_2_depthwise": (72, (8, 4, 4)), "edge_0_2_op_0_2_pointwise": (64, (8, 4, 4)),
                     "node_2_projection": (128, (8, 4, 4))}
    assert next(row.shape for row in rows if row.op == "concat") == (16, 4, 4)


def test_identity_is_that_of_the_operations_however_they_are_grouped() -> None:
    chain = small([["conv_1x1", "none", "identity"], ["none", "max_pool_3x3", "none"]], ["motif_1", "none", "motif_2"])
    renumbered = small([["none", "max_pool_3x3", "none"], ["conv_1x1", "none", "identity"]], ["motif_2", "none", "motif_1"])
    regrouped = small([["identity", "none", "max_pool_3x3"], ["none", "conv_1x1", "none"]], ["motif_2", "none", "motif_1"])
    turned = small([["none", "max_pool_3x3", "none"], ["conv_1x1", "none", "identity"]], ["motif_1", "none", "motif_2"])
    unused = small([["none", "max_pool_3x3", "none"], ["none", "sep_conv_3x3", "none"]], ["motif_1", "none", "none"])
    assert SMALL.canonical(chain) == SMALL.canonical(renumbered) == SMALL.canonical(regrouped)
    assert len({SMALL.canonical(a) for a in (chain, turned, unused)}) == 3
    assert cost(chain) == cost(renumbered) == cost(regrouped)


@given(seeds)
def test_renaming_motifs_changes_nothing(seed: int) -> None:
    found = SPACE.sample(Random(seed)).architecture
    order = Random(seed + 1).sample(range(6), 6)
    names = {f"motif_{old + 1}": f"motif_{new + 1}" for new, old in enumerate(order)} | {"none": "none"}
    renamed = SPACE.parse({"motifs": [found.genotype["motifs"][old] for old in order],
                           "cell": [names[motif] for motif in found.genotype["cell"]]})
    assert SPACE.canonical(found) == SPACE.canonical(renamed) and cost(found, SPACE) == cost(renamed, SPACE)


def test_equal_canonical_ids_compute_the_same_after_moving_the_weights() -> None:
    """One motif split in two: node names differ, the order of weights does not."""
    whole = small([["conv_1x1", "none", "sep_conv_3x3"], ["none", "none", "none"]], ["none", "motif_1", "none"])
    split = small([["none", "conv_1x1", "none"], ["none", "sep_conv_3x3", "none"]], ["motif_1", "none", "motif_2"])
    assert SMALL.canonical(whole) == SMALL.canonical(split)
    one, other = (build(SMALL.network(a, SHAPE, 10), SHAPE).eval() for a in (whole, split))
    other.load_state_dict(dict(zip(other.state_dict(), one.state_dict().values(), strict=True)))
    images = torch.randn(3, *SHAPE)
    with torch.inference_mode():
        assert torch.equal(one(images), other(images))


@pytest.mark.parametrize("genotype_", [
    {"motifs": [["none"] * 3, ["conv_1x1", "none", "none"]], "cell": ["motif_1", "motif_2", "motif_1"]},
    {"motifs": [["identity"] * 3] * 2, "cell": ["none"] * 3},
    {"motifs": [["identity"] * 3] * 2, "cell": ["motif_1", "none", "none"]},
], ids=str)
def test_a_cell_without_a_way_sends_zeros_on(genotype_: dict[str, Any]) -> None:
    dead = SMALL.parse(genotype_)
    assert [n.op for n in SMALL.network(dead, SHAPE, 10) if n.group.startswith("stage")] == ["zero"] * 3
    assert SMALL.canonical(dead) == SMALL.canonical(small([["none"] * 3] * 2, ["none"] * 3))
    scores = build(SMALL.network(dead, SHAPE, 10), SHAPE).eval()(torch.randn(3, *SHAPE))
    assert torch.equal(scores, scores[:1].expand(3, 10))
    assert [node.op for node in SMALL.pictures(dead)["Cell"]] == ["input", "none"]


def test_an_edge_with_a_dead_motif_is_none() -> None:
    motifs = [["conv_1x1", "none", "none"], ["none", "identity", "none"]]
    with_dead, without = (small(motifs, ["motif_2", cell, "motif_2"]) for cell in ("motif_1", "none"))
    assert SMALL.canonical(with_dead) == SMALL.canonical(without) and cost(with_dead) == cost(without)


def test_the_picture_shows_the_cell_and_each_used_motif_once() -> None:
    motifs = [["conv_1x1", "none", "max_pool_3x3"], ["none", "identity", "none"]]
    architecture = small(motifs, ["motif_1", "none", "motif_1"])
    found = SMALL.pictures(architecture)
    assert list(found) == ["Cell", "Motif 1"]
    assert [node.op for node in found["Cell"]].count("motif_1") == 2
    assert [node.op for node in found["Motif 1"]] == ["input", "conv_1x1", "concat", "max_pool_3x3", "concat"]
    assert "input of cell; motif 1; node 1 of cell" in describe(found)
    assert {node.name for graph in found.values() for node in graph} < {node.name for node in SMALL.cell(architecture)}


def test_mutations_touch_each_level_as_often() -> None:
    rng = Random(0)
    parent = SPACE.sample(rng).architecture
    before = SPACE.config(parent)
    changed = []
    for _ in range(1000):
        after = SPACE.config(SPACE.mutate(parent, rng))
        names = [name for name in before if before[name] != after[name]]
        assert len(names) == 1
        changed += names
    assert abs(sum(name.startswith("cell") for name in changed) - 500) < 80


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 1, 1), (2, 5, 9)], ids=str)
@pytest.mark.parametrize("sizes", [(6, 4, 5), (1, 2, 2), (3, 6, 3)], ids=str)
def test_every_sample_fits_every_image_with_no_dead_layer(sizes: tuple[int, int, int], shape: tuple[int, ...]) -> None:
    space = Hierarchical(*sizes, ops=OPS, channels=3, layers=2)
    for proposal in space.sample_many(Random(1), 15):
        graph = space.network(proposal.architecture, shape, 7)
        assert measure(graph, shape).rows[-1].shape == (7,) and len(graph.live().nodes) == len(graph.nodes)


@pytest.mark.parametrize(("motifs", "cell", "place"), [
    ([["conv_3x3", "none", "none"], ["none"] * 3], ["none"] * 3, "/motifs/0/0"),
    ([["none"] * 3] * 2, ["motif_3", "none", "none"], "/cell/0"),
    ([["none"] * 3], ["none"] * 3, "/motifs"), ([["none"] * 2, ["none"] * 3], ["none"] * 3, "/motifs/0"),
    ([["none"] * 3] * 2, ["conv_1x1", "none", "none"], "/cell/0"), ([["none"] * 3] * 2, ["none"] * 4, "/cell")], ids=str)
def test_bad_genotypes_are_pointed_at(motifs: Any, cell: Any, place: str) -> None:
    with pytest.raises(Invalid) as caught:
        SMALL.parse({"motifs": motifs, "cell": cell}, "/genotype")
    assert caught.value.problems[0].path == f"/genotype{place}"


@pytest.mark.parametrize(("option", "value"), [("motifs", 0), ("motif_nodes", 1), ("cell_nodes", 500), ("ops", ["none"]),
                                               ("ops", []), ("channels", 0), ("layers", float("nan"))], ids=str)
def test_bad_options_are_pointed_at(option: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse_space({"kind": "hierarchical", option: value})
    assert caught.value.problems[0].path == f"/{option}"
