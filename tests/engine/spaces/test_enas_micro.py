"""The ENAS micro space: its count, four numbers a node, loose ends, and identity of cells."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.cost import measure
from engine.errors import Invalid
from engine.spaces.enas_micro import CELLS, EnasMicro, blocks
from engine.spec import parse_space

SPACE = EnasMicro()
SMALL = EnasMicro(channels=4, layers=1, nodes=3)
RELEASED = {"normal": [0, 2, 0, 0, 0, 4, 0, 1, 0, 4, 1, 1, 1, 0, 0, 1, 0, 2, 1, 1],
            "reduction": [1, 0, 1, 0, 0, 3, 0, 2, 1, 1, 3, 1, 1, 0, 0, 4, 0, 3, 1, 1]}
seeds = st.integers(0, 10**9)


def cost(space: EnasMicro, architecture: Architecture, shape: tuple[int, ...] = (3, 8, 8)) -> tuple[int, int]:
    found = measure(space.network(architecture, shape, 10), shape)
    return found.parameters, found.macs


def test_the_number_of_pairs_of_cells() -> None:
    assert SPACE.size() == 5_062_500_000_000**2 and len(SPACE.parameters()) == 2 * 4 * 5
    assert EnasMicro(nodes=1, ops=("identity", "max_pool_3x3")).size() == (2 * 2) ** 4


def test_a_choice_is_said_in_words() -> None:
    few = EnasMicro(nodes=1, ops=("identity", "max_pool_3x3"))
    assert [[few.said(p, value) for value in p.choices] for p in few.parameters()][:2] == [
        ["0", "1"], ["max_pool_3x3", "identity"]]


def test_size_is_the_count_of_all_architectures_and_halves_may_be_swapped() -> None:
    tiny = EnasMicro(nodes=1, ops=("identity", "max_pool_3x3"), channels=2, layers=1)
    every = [tiny.architecture(config) for config in genotype.completions(tiny.parameters())]
    assert len({a.encoding_id for a in every}) == len(every) == tiny.size() == 256
    assert len({tiny.canonical(a) for a in every}) == (4 * 5 // 2) ** 2


@given(seeds)
def test_a_node_is_four_numbers_and_reads_what_is_earlier(seed: int) -> None:
    found = SPACE.sample(Random(seed)).architecture.genotype
    for cell in CELLS:
        assert len(found[cell]) == 4 * 5
        assert all(0 <= found[cell][at] < 2 + at // 4 for at in range(0, 20, 2))
        assert all(found[cell][at] in range(5) for at in range(1, 20, 2))


def test_a_row_of_the_released_scripts_is_read_as_it_stands() -> None:
    architecture = SPACE.parse(RELEASED)
    assert architecture.genotype == RELEASED and SPACE.contains(architecture)
    assert blocks(RELEASED["normal"])[:2] == ((0, 0, "avg_pool_3x3", "sep_conv_3x3", "add"),
                                              (0, 0, "skip_connect", "sep_conv_5x5", "add"))
    rows = {row.name: row for row in measure(SPACE.network(architecture, (3, 32, 32), 10), (3, 32, 32)).rows}
    assert rows["stack_1_cell_1_output"].shape == (5 * 20, 32, 32)           # no node of its normal cell is read
    assert rows["reduction_1_output"].shape == (4 * 40, 16, 16)              # of its reduction cell, node 2 (result 3) is
    assert rows["stack_3_cell_2_projection"].shape == (80, 8, 8)


def test_without_projection_all_ends_go_on() -> None:
    _, final = parse_space({"kind": "enas_micro", "preset": "final"})
    rows = {row.name: row for row in measure(final.network(final.parse(RELEASED), (3, 32, 32), 10), (3, 32, 32)).rows}
    assert rows["stack_3_cell_5_output"].shape == (5 * 144, 8, 8) and not any("projection" in name for name in rows)
    assert len({name.split("_op_")[0].rsplit("_block", 1)[0] for name in rows if "_op_" in name}) == 3 * 5 + 2


def swapped(architecture: Architecture, order: tuple[int, int, int]) -> Architecture:
    """The same network: halves of every node swapped, nodes that read cell inputs only in another order."""
    found: dict[str, Any] = {}
    for cell in CELLS:
        numbers = architecture.genotype[cell]
        quads = [numbers[at:at + 4] for at in range(0, 12, 4)]
        found[cell] = [number for old in order for number in (*quads[old][2:], *quads[old][:2])]
    return SMALL.parse(found)


@given(seeds, st.permutations([0, 1, 2]))
def test_the_canonical_id_forgets_halves_and_the_order_of_nodes(seed: int, order: list[int]) -> None:
    fixed = {p.name: Random(f"{seed}{p.name}").choice((0, 1)) for p in SMALL.parameters() if "_input_" in p.name}
    one = SMALL.architecture(genotype.sample(SMALL.parameters(), Random(seed), fixed))
    other = swapped(one, (order[0], order[1], order[2]))
    assert SMALL.canonical(one) == SMALL.canonical(other) and cost(SMALL, one) == cost(SMALL, other)


def test_cells_do_not_change_places() -> None:
    turned = {"normal": RELEASED["reduction"], "reduction": RELEASED["normal"]}
    assert SPACE.canonical(SPACE.parse(RELEASED)) != SPACE.canonical(SPACE.parse(turned))


@given(seeds)
def test_a_mutation_changes_one_number(seed: int) -> None:
    parent = SPACE.sample(Random(seed)).architecture
    child = SPACE.mutate(parent, Random(seed))
    assert SPACE.contains(child)
    assert sum(x != y for cell in CELLS for x, y in zip(parent.genotype[cell], child.genotype[cell], strict=True)) == 1


@pytest.mark.parametrize("projection", [True, False])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 1, 1), (2, 7, 9)], ids=str)
def test_every_sample_fits_every_image_with_no_dead_layer(projection: bool, shape: tuple[int, ...]) -> None:
    space = EnasMicro(channels=3, layers=1, nodes=4, projection=projection)
    for proposal in space.sample_many(Random(1), 20):
        graph = space.network(proposal.architecture, shape, 7)
        assert measure(graph, shape).rows[-1].shape == (7,) and len(graph.live().nodes) == len(graph.nodes)


def test_ends_of_a_reduction_cell_that_nobody_reads_are_halved() -> None:
    chain = [1, 4, 1, 4, 2, 0, 2, 0, 3, 0, 3, 0]                             # input 0 and the last node stay
    architecture = SMALL.parse({"normal": chain, "reduction": chain})
    rows = {row.name: row for row in measure(SMALL.network(architecture, (1, 9, 7), 3), (1, 9, 7)).rows}
    assert rows["reduction_1_end_0"].shape == (8, 5, 4) and rows["reduction_1_output"].shape == (16, 5, 4)
    assert rows["reduction_1_block_1_op_1"].shape == (8, 5, 4) and rows["reduction_1_block_1_op_1_even"].parameters == 8 * 4


@pytest.mark.parametrize(("cell", "at", "value"), [("normal", 0, 2), ("normal", 8, 4), ("reduction", 1, 5),
                                                   ("normal", 3, -1), ("reduction", 11, "identity"),
                                                   ("normal", 2, True)], ids=str)
def test_bad_numbers_are_pointed_at(cell: str, at: int, value: Any) -> None:
    document = {name: list(numbers) for name, numbers in RELEASED.items()}
    document[cell][at] = value
    with pytest.raises(Invalid) as caught:
        SPACE.parse(document, "/genotype")
    assert [problem.path for problem in caught.value.problems] == [f"/genotype/{cell}/{at}"]


@pytest.mark.parametrize(("option", "value"), [("nodes", 0), ("nodes", 500), ("channels", 1), ("layers", float("nan")),
                                               ("ops", ["none"]), ("ops", []), ("projection", None)], ids=str)
def test_bad_options_are_pointed_at(option: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse_space({"kind": "enas_micro", option: value})
    assert caught.value.problems[0].path == f"/{option}"
