"""The multi-branch space: masks of anchor points, the two repair rules, frames of zeros and networks."""

from __future__ import annotations

from itertools import combinations, permutations, product
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.cost import measure
from engine.architecture.graph import Graph
from engine.errors import Invalid
from engine.nets.build import build
from engine.spaces.multi_branch import CPU, PAPER, STRIDED, MultiBranch
from engine.spec import parse_space

torch.set_num_threads(1)
SPACE = MultiBranch(layers=4, heights=(1, 3), widths=(1, 3), filters=(4, 8), strides=(1, 2, 3))
PLAIN = MultiBranch(layers=4, heights=(3,), widths=(3,), filters=(4,))
SHAPE = (1, 8, 8)
seeds = st.integers(0, 10**9)


def masked(space: MultiBranch, mask: dict[tuple[int, int], int], seed: int = 0) -> Architecture:
    """A random architecture whose layer k reads layer j exactly if mask[j, k]."""
    fixed = {f"layer_{k}_reads_{j}": read for (j, k), read in mask.items()}
    return space.architecture(genotype.sample(space.parameters(), Random(seed), fixed))


def masks(layers: int) -> list[dict[tuple[int, int], int]]:
    pairs = list(combinations(range(1, layers + 1), 2))
    return [dict(zip(pairs, bits, strict=True)) for bits in product((0, 1), repeat=len(pairs))]


def reads(cell: Graph, name: str) -> set[str]:
    """What a node reads, through joins."""
    return {far for near in cell[name].inputs for far in (cell[near].inputs if cell[near].op == "concat" else (near,))}


def test_the_count_is_that_of_the_formula() -> None:
    _, paper = parse_space({"kind": "multi_branch", "preset": "paper"})
    assert paper.size() == (4 * 4 * 4) ** 15 * 2 ** (15 * 14 // 2)
    _, strided = parse_space({"kind": "multi_branch", "preset": "strided"})
    assert strided.size() == (4 * 4 * 4 * 9) ** 15 * 2 ** 105
    assert len(paper.parameters()) == 15 * 3 + 105 and len(strided.parameters()) == 15 * 5 + 105


def test_size_is_the_count_of_all_architectures() -> None:
    tiny = MultiBranch(layers=3, heights=(1, 3), widths=(3,), filters=(4,))
    every = [tiny.architecture(config) for config in genotype.completions(tiny.parameters())]
    assert len({a.encoding_id for a in every}) == len(every) == tiny.size() == 2**3 * 2**3
    assert all(tiny.contains(a) for a in every)


def test_all_64_masks_of_four_layers_run() -> None:
    for number, mask in enumerate(masks(4)):
        for space in (SPACE, PLAIN):
            graph = space.network(masked(space, mask, number), SHAPE, 10)
            model = build(graph, SHAPE)
            scores = model(torch.randn(2, *SHAPE))
            scores.square().sum().backward()
            assert scores.shape == (2, 10) and all(p.grad is not None for p in model.parameters())
            assert {n.name for n in graph.live()} == {n.name for n in graph}


def test_every_layer_hears_the_image_and_is_heard_by_the_head() -> None:
    for mask in masks(4):
        cell = SPACE.cell(masked(SPACE, mask))
        assert {node.name for node in cell.live()} == {node.name for node in cell}
        for k in range(1, 5):
            chosen = {f"layer_{j}" for j in range(1, k) if mask[j, k]}
            assert reads(cell, f"layer_{k}") == (chosen or {"input"})
        unread = {f"layer_{j}" for j in range(1, 5) if not any(mask[j, k] for k in range(j + 1, 5))}
        assert reads(cell, "pool") == unread


def test_no_skip_at_all_gives_parallel_layers_on_the_image() -> None:
    cell = PLAIN.cell(masked(PLAIN, dict.fromkeys(combinations(range(1, 5), 2), 0)))
    assert all(cell[f"layer_{k}"].inputs == ("input",) for k in range(1, 5))
    assert reads(cell, "pool") == {"layer_1", "layer_2", "layer_3", "layer_4"}


def test_all_skips_give_dense_connections_and_only_the_last_is_unread() -> None:
    cell = PLAIN.cell(masked(PLAIN, dict.fromkeys(combinations(range(1, 5), 2), 1)))
    assert sum(len(reads(cell, f"layer_{k}") - {"input"}) for k in range(1, 5)) == 4 * 3 // 2
    assert cell["pool"].inputs == ("layer_4",)


def test_branches_are_joined_not_added_and_framed_not_cut() -> None:
    names = ("height", "width", "filters", "stride_height", "stride_width")
    chosen = ((3, 1, 4, 3, 1), (1, 3, 8, 1, 2), (3, 3, 4, 1, 1))
    config = {f"layer_{k}_{name}": layer[at] for k, layer in enumerate(chosen, 1) for at, name in enumerate(names)}
    config |= {"layer_2_reads_1": 0, "layer_3_reads_1": 1, "layer_3_reads_2": 1}
    space = MultiBranch(layers=3, heights=(1, 3), widths=(1, 3), filters=(4, 8), strides=(1, 2, 3))
    rows = {row.name: row for row in measure(space.network(space.parse(config), SHAPE, 10), SHAPE).rows}
    assert rows["layer_1"].shape == (4, 3, 8) and rows["layer_2"].shape == (8, 8, 4)
    assert rows["layer_3_pad_layer_1"].shape == (4, 8, 8) and rows["layer_3_pad_layer_2"].shape == (8, 8, 8)
    assert rows["layer_3_join"].shape == (12, 8, 8) and rows["layer_3"].shape == (4, 8, 8)
    assert rows["layer_1_conv"].parameters == 3 * 1 * 4 and rows["layer_3_conv"].macs == 12 * 4 * 9 * 64


def swapped(architecture: Architecture) -> Architecture:
    """The same network with layers 1 and 2, which do not read each other, the other way round."""
    config = dict(architecture.genotype)
    turned = {"layer_1": "layer_2", "layer_2": "layer_1"}
    for name in ("height", "width", "filters", "stride_height", "stride_width"):
        for old, new in turned.items():
            config[f"{new}_{name}"] = architecture.genotype[f"{old}_{name}"]
    for k in (3, 4):
        config[f"layer_{k}_reads_1"], config[f"layer_{k}_reads_2"] = (
            architecture.genotype[f"layer_{k}_reads_{j}"] for j in (2, 1))
    return SPACE.parse(config)


@given(seeds)
def test_the_canonical_id_forgets_the_order_of_independent_layers(seed: int) -> None:
    architecture = SPACE.architecture(genotype.sample(SPACE.parameters(), Random(seed), {"layer_2_reads_1": 0}))
    assert SPACE.canonical(architecture) == SPACE.canonical(swapped(architecture))
    costs = [measure(SPACE.network(a, SHAPE, 10), SHAPE) for a in (architecture, swapped(architecture))]
    assert (costs[0].parameters, costs[0].macs) == (costs[1].parameters, costs[1].macs)


def test_equal_canonical_ids_compute_the_same_after_moving_the_weights() -> None:
    mask = {(1, 2): 0, (1, 3): 1, (2, 3): 1, (1, 4): 0, (2, 4): 0, (3, 4): 1}
    for seed in range(8):
        one = masked(SPACE, mask, seed)
        first, second = (build(SPACE.network(a, SHAPE, 10), SHAPE).eval() for a in (one, swapped(one)))
        state = {}
        for name, tensor in first.state_dict().items():
            turned = name.replace("layer_1_", "layer_0_").replace("layer_2_", "layer_1_").replace("layer_0_", "layer_2_")
            if name == "layer_3_conv.weight":
                front = one.genotype["layer_1_filters"]
                tensor = torch.cat([tensor[:, front:], tensor[:, :front]], dim=1)
            state[turned] = tensor
        second.load_state_dict(state)
        images = torch.randn(3, *SHAPE)
        with torch.inference_mode():
            assert torch.allclose(first(images), second(images), atol=1e-5)


def test_other_reads_and_other_filters_are_other_networks() -> None:
    found = {PLAIN.canonical(masked(PLAIN, mask)) for mask in masks(4)}
    relabelled = {frozenset(min(_orders(mask))) for mask in masks(4)}
    assert len(found) == len(relabelled) < 64


def _orders(mask: dict[tuple[int, int], int]) -> list[list[tuple[int, int]]]:
    """The edges of a mask under every numbering of the layers that respects them, each sorted."""
    edges = [pair for pair, read in mask.items() if read]
    orders = []
    for order in permutations(range(1, 5)):
        place = dict(zip(range(1, 5), order, strict=True))
        moved = [(place[j], place[k]) for j, k in edges]
        if all(j < k for j, k in moved):
            orders.append(sorted(moved))
    return orders


@given(seeds)
def test_a_mutation_changes_one_decision(seed: int) -> None:
    parent = SPACE.sample(Random(seed)).architecture
    child = SPACE.mutate(parent, Random(seed + 1))
    assert sum(parent.genotype[name] != child.genotype[name] for name in parent.genotype) == 1
    assert SPACE.from_vector(SPACE.vector(child)) == child == SPACE.parse(dict(child.genotype))


@pytest.mark.parametrize("preset", [PAPER, STRIDED, CPU], ids=["paper", "strided", "cpu"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 1, 1), (2, 5, 9)], ids=str)
def test_every_sample_fits_every_image(preset: dict[str, Any], shape: tuple[int, ...]) -> None:
    _, space = parse_space({"kind": "multi_branch", **preset})
    for proposal in space.sample_many(Random(0), 10):
        assert measure(space.network(proposal.architecture, shape, 7), shape).rows[-1].shape == (7,)


@pytest.mark.parametrize(("option", "value"), [
    ("heights", [2]), ("widths", [4]), ("heights", []), ("filters", [7]), ("strides", [4]), ("strides", [1, 1]),
    ("layers", 0), ("layers", 500), ("layers", float("nan")), ("anchors", 3)], ids=str)
def test_bad_options_are_pointed_at(option: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse_space({"kind": "multi_branch", option: value})
    assert caught.value.problems[0].path == f"/{option}"


@pytest.mark.parametrize(("name", "value"), [("layer_2_reads_1", 2), ("layer_2_reads_1", True), ("layer_1_height", 2),
                                             ("layer_1_reads_2", 1), ("layer_9_height", 3)], ids=str)
def test_bad_genotypes_are_pointed_at(name: str, value: Any) -> None:
    config = {**SPACE.sample(Random(0)).architecture.genotype, name: value}
    with pytest.raises(Invalid) as caught:
        SPACE.parse(config, "/genotype")
    assert [problem.path for problem in caught.value.problems] == [f"/genotype/{name}"]
