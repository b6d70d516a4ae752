"""The ENAS macro space: its count, its rows, skips, and the reductions of all cached layers."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.cost import measure
from engine.architecture.graph import Graph
from engine.errors import Invalid
from engine.spaces.enas_macro import OPS, EnasMacro
from engine.spec import parse_space

SPACE = EnasMacro()
SMALL = EnasMacro(layers=6, channels=4)
seeds = st.integers(0, 10**9)


def rows(*layers: list[int]) -> Architecture:
    return EnasMacro(layers=len(layers), channels=4).parse({"layers": list(layers)})


def network(space: EnasMacro, architecture: Architecture, shape: tuple[int, ...] = (3, 16, 16)) -> Graph:
    return space.network(architecture, shape, 10)


def test_the_number_of_networks_of_twelve_layers() -> None:
    assert SPACE.size() == 6**12 * 2**66 == 160618186625454535808756219904
    assert len(SPACE.parameters()) == 12 + 12 * 11 // 2


def test_a_choice_is_said_in_words() -> None:
    few = EnasMacro(layers=2, channels=2, ops=("conv_3x3", "max_pool_3x3"))
    assert [[few.said(p, value) for value in p.choices] for p in few.parameters()] == [
        ["conv_3x3", "max_pool_3x3"], ["conv_3x3", "max_pool_3x3"], ["0", "1"]]


def test_size_is_the_count_of_all_architectures_and_each_is_another() -> None:
    tiny = EnasMacro(layers=3, channels=2, ops=("conv_3x3", "max_pool_3x3"))
    every = [tiny.architecture(config) for config in genotype.completions(tiny.parameters())]
    assert len({a.encoding_id for a in every}) == len({tiny.canonical(a) for a in every}) == len(every) == tiny.size() == 64


@given(seeds)
def test_a_row_is_an_operation_and_one_bit_for_each_earlier_layer(seed: int) -> None:
    found = SPACE.sample(Random(seed)).architecture.genotype["layers"]
    assert [len(row) for row in found] == list(range(1, 13)) and sum(map(len, found)) == 12 + 66
    assert all(row[0] in range(6) and set(row[1:]) <= {0, 1} for row in found)


def test_operations_have_the_numbers_of_the_released_scripts() -> None:
    assert OPS == ("conv_3x3", "sep_conv_3x3", "conv_5x5", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")
    some = EnasMacro(layers=2, ops=("max_pool_3x3", "conv_3x3"))
    assert some.parse({"layers": [[5], [0, 1]]}) and not some.contains(Architecture("enas_macro", {"layers": [[1], [0, 1]]}))


def test_every_layer_reads_the_one_before_and_its_skips() -> None:
    cell = SMALL.cell(SMALL.parse({"layers": [[0], [1, 1], [5, 0, 1], [2, 1, 0, 0], [4, 0, 0, 0, 0], [3, 1, 1, 1, 1, 1]]}))
    assert [cell[f"op_{k}"].inputs for k in range(1, 7)] == [("stem",), *((f"layer_{k}",) for k in range(1, 6))]
    assert cell["layer_3"].inputs == ("op_3", "layer_2") and cell["layer_5"].inputs == ("op_5",)
    assert cell["layer_6"].inputs == ("op_6", "layer_1", "layer_2", "layer_3", "layer_4", "layer_5")


def test_reductions_stand_at_thirds_and_halve_all_that_is_still_wanted() -> None:
    architecture = rows([0], [0, 0], [0, 1, 0], [0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0, 0])
    found = measure(network(SMALL, architecture), (3, 16, 16)).rows
    shapes = {row.name: row.shape for row in found}
    assert SMALL.reductions == (2, 4)
    assert [shapes[name] for name in ("layer_1", "layer_3", "layer_5")] == [(4, 16, 16), (4, 8, 8), (4, 4, 4)]
    halved = {name for name in shapes if "_at_" in name and name.count("_") == 3}
    assert halved == {"layer_1_at_2", "layer_2_at_2", "layer_1_at_4", "layer_2_at_4", "layer_4_at_4"}
    assert all(shapes[name][1:] == ((8, 8) if name.endswith("2") else (4, 4)) for name in halved)


@pytest.mark.parametrize(("layers", "places"), [(1, ()), (2, ()), (3, (1, 2)), (4, (1, 2)), (6, (2, 4)), (12, (4, 8))])
def test_fewer_than_three_layers_have_no_thirds(layers: int, places: tuple[int, ...]) -> None:
    assert EnasMacro(layers=layers).reductions == places


@pytest.mark.parametrize("skips", ["add", "concat"])
@pytest.mark.parametrize("widen", [False, True])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 1, 1), (2, 5, 9)], ids=str)
def test_every_sample_fits_every_image_with_no_dead_layer(skips: str, widen: bool, shape: tuple[int, ...]) -> None:
    space = EnasMacro(layers=9, channels=6, merge=skips, widen=widen)
    for proposal in space.sample_many(Random(1), 15):
        graph = network(space, proposal.architecture, shape)
        assert measure(graph, shape).rows[-1].shape == (10,)
        assert len(graph.live().nodes) == len(graph.nodes)


def test_widening_doubles_the_channels_of_each_third() -> None:
    space = EnasMacro(layers=3, channels=4, widen=True, merge="concat")
    found = measure(network(space, rows([0], [0, 1], [0, 1, 1])), (3, 16, 16)).rows
    shapes = {row.name: row.shape for row in found}
    assert [shapes[name] for name in ("layer_1", "layer_2_projection", "layer_3_projection")] == [
        (4, 16, 16), (8, 8, 8), (16, 4, 4)]
    assert shapes["layer_3_join"] == (3 * 16, 4, 4)


def test_the_parameters_of_a_layer_by_hand() -> None:
    """A 1×1 convolution and its norm, then the operation; two batch norm numbers a channel."""
    def of(op: int) -> int:
        space = EnasMacro(layers=1, channels=4)
        found = measure(network(space, rows([op])), (3, 16, 16)).rows
        return sum(row.parameters for row in found if row.group.startswith("layer"))

    entry = 4 * 4 + 8
    assert [of(op) - entry for op in range(6)] == [16 * 9 + 8, 4 * 9 + 16 + 8, 16 * 25 + 8, 4 * 25 + 16 + 8, 0, 0]


@given(seeds)
def test_a_mutation_changes_one_decision(seed: int) -> None:
    parent = SPACE.sample(Random(seed)).architecture
    child = SPACE.mutate(parent, Random(seed))
    before, after = SPACE.config(parent), SPACE.config(child)
    assert sum(before[name] != after[name] for name in before) == 1


def test_a_skip_that_is_not_taken_does_not_count_and_an_operation_does() -> None:
    one, other, third = rows([0], [0, 0], [1, 0, 0]), rows([0], [0, 0], [2, 0, 0]), rows([0], [0, 0], [1, 1, 0])
    space = EnasMacro(layers=3)
    assert len({space.canonical(a) for a in (one, other, third)}) == 3


@pytest.mark.parametrize(("layers", "place"), [
    ([[0], [0, 2]], "/layers/1/1"), ([[6], [0, 0]], "/layers/0/0"), ([[0], [0]], "/layers/1"), ([[0]], "/layers"),
    ([["conv_3x3"], [0, 0]], "/layers/0/0"), ([[0], [0, True]], "/layers/1/1"), ([[0, 0], [0, 0]], "/layers/0")], ids=str)
def test_bad_rows_are_pointed_at(layers: Any, place: str) -> None:
    with pytest.raises(Invalid) as caught:
        EnasMacro(layers=2).parse({"layers": layers}, "/genotype")
    assert caught.value.problems[0].path == f"/genotype{place}"


@pytest.mark.parametrize(("option", "value"), [("layers", 0), ("layers", 500), ("channels", 1), ("merge", "mul"),
                                               ("ops", ["conv_4x4"]), ("ops", []), ("widen", 1)], ids=str)
def test_bad_options_are_pointed_at(option: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse_space({"kind": "enas_macro", option: value})
    assert caught.value.problems[0].path == f"/{option}"
