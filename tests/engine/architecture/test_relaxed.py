"""Supernets as data: paths, extraction, and the architecture that strengths stand for."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from engine.architecture.cost import measure
from engine.architecture.relaxed import Table, choosable, extracted, heard, kept, merged, named
from engine.registry import discover
from engine.spec import parse_space, reads

OFFERING = [name for name, entry in discover("spaces").items() if "supernet" in entry.offers]
ALL = pytest.mark.parametrize("kind", OFFERING)
SHAPE = (1, 8, 8)
TEXT = ["recurrent_cell"]                               # a module computes all rows of a cell by itself
SUMS = pytest.mark.parametrize("kind", [kind for kind in OFFERING if kind not in TEXT])


def space_of(kind: str, **more: Any) -> Any:
    return parse_space({"kind": kind, "preset": "cpu", **more})[1]


def relaxed_of(space: Any) -> Any:
    return space.supernet((8,) if reads(space.sample(Random(0)).architecture.kind) == ("text",) else SHAPE, 10)


def strengths(space: Any, rng: Random) -> dict[str, list[list[float]]]:
    relaxed = relaxed_of(space)
    return {name: [[rng.random() for _ in table.ops] for _ in table.edges] for name, table in relaxed.tables.items()}


@ALL
def test_every_choice_stands_in_a_table_and_every_row_somewhere(kind: str) -> None:
    relaxed = relaxed_of(space_of(kind))
    nodes = {node.name: node for node in relaxed.graph}
    rows = {(name, row) for name, table in relaxed.tables.items() for row in range(len(table.edges))}
    inside = {place for sums in relaxed.cells.values() for each in sums for place in each}
    assert {*relaxed.places.values(), *inside} == rows and set(relaxed.cells) <= set(nodes)
    for name, (table, _) in relaxed.places.items():
        assert nodes[name].op == "add" and len(nodes[name].inputs) == len(relaxed.tables[table].ops)


@ALL
def test_hard_strengths_give_back_the_architecture(kind: str) -> None:
    space = space_of(kind)
    for seed in range(20):
        architecture = space.sample(Random(seed)).architecture
        path = space.path(architecture)
        relaxed = relaxed_of(space)
        hard = {name: [[float(k in path[name][row]) for k in range(len(table.ops))] for row in range(len(table.edges))]
                for name, table in relaxed.tables.items()}
        found = space.derived(hard)
        assert found == architecture or kind == "enas_micro" and space.canonical(found) == space.canonical(architecture)


@ALL
def test_what_strengths_stand_for_is_a_member(kind: str) -> None:
    space, rng = space_of(kind), Random(1)
    for _ in range(20):
        assert space.contains(space.derived(strengths(space, rng)))


@ALL
def test_what_an_architecture_can_have_is_all_or_all_but_none(kind: str) -> None:
    space = space_of(kind)
    tables = relaxed_of(space).tables
    found, taken = choosable(space, tables), {name: set[int]() for name in tables}
    for seed in range(200):
        for name, rows in space.path(space.sample(Random(seed)).architecture).items():
            taken[name].update(k for row in rows for k in row)
    assert {name: set(columns) for name, columns in found.items()} == taken


def test_the_edges_between_which_a_node_chooses() -> None:
    for kind, wanted in (("darts_cell", {(name, rows) for name in ("normal", "reduce") for rows in ((0, 1), (2, 3, 4))}),
                         ("nas_bench_201", {("cell", (0,)), ("cell", (1, 2)), ("cell", (3, 4, 5))})):
        relaxed = space_of(kind).supernet(SHAPE, 10)
        assert {found for node in relaxed.graph if (found := heard(relaxed, node))} == wanted


@SUMS
def test_merging_keeps_shapes_parameters_and_choices(kind: str) -> None:
    relaxed = space_of(kind).supernet(SHAPE, 10)
    fewer = merged(relaxed)
    before, after = measure(relaxed.graph, SHAPE), measure(fewer.graph, SHAPE)
    assert after.parameters == before.parameters and after.macs == before.macs and len(after.rows) < len(before.rows)
    assert fewer.places == relaxed.places and after.rows[-1].shape == before.rows[-1].shape


@SUMS
def test_an_extracted_network_costs_no_more_than_its_operations(kind: str) -> None:
    space = space_of(kind)
    relaxed, architecture = space.supernet(SHAPE, 10), space.sample(Random(5)).architecture
    graph = extracted(relaxed, space.path(architecture))
    shared, alone = (measure(each, SHAPE).macs for each in (graph, space.network(architecture, SHAPE, 10)))
    assert shared == alone or kind == "enas_micro" and shared < alone      # the same operation twice is computed once
    assert not [node for node in graph if node.op == "zero"] or measure(graph, SHAPE).macs > 0


def test_a_derived_cell_of_darts_has_two_different_predecessors_and_never_none() -> None:
    space, rng = space_of("darts_cell", nodes=4, ops=["none", "skip_connect", "sep_conv_3x3"]), Random(7)
    for _ in range(50):
        given = strengths(space, rng)
        for rows in given.values():
            for row in rows:
                row[0] += 10.0                          # none is the strongest everywhere
        genotype = space.derived(given).genotype
        for cell in ("normal", "reduce"):
            edges = genotype[cell]
            assert len(edges) == 8 and all(op != "none" for op, _ in edges)
            assert all(edges[k][1] != edges[k + 1][1] for k in range(0, 8, 2))


def test_the_two_strongest_edges_of_a_node_are_kept() -> None:
    space = space_of("darts_cell", nodes=2, ops=["none", "skip_connect", "sep_conv_3x3"])
    rows = [[0.0, 0.2, 0.1], [0.0, 0.1, 0.3], [0.9, 0.05, 0.05], [0.1, 0.4, 0.2], [0.2, 0.1, 0.3]]
    genotype = space.derived({"normal": rows, "reduce": rows}).genotype
    assert genotype["normal"] == [["skip_connect", 0], ["sep_conv_3x3", 1], ["skip_connect", 1], ["sep_conv_3x3", 2]]
    assert space.skips(space.derived({"normal": rows, "reduce": rows})) == 2


def test_a_cell_of_nas_bench_201_may_keep_none() -> None:
    space = space_of("nas_bench_201")
    rows = [[1.0, 0, 0, 0, 0]] * 5 + [[0, 1.0, 0, 0, 0]]
    derived = space.derived({"cell": rows})
    assert derived.genotype["arch"] == "|none~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|"
    assert space.skips(derived) == 1


def test_a_mixture_keeps_the_columns_of_the_path() -> None:
    space = space_of("nas_bench_201")
    relaxed = space.supernet(SHAPE, 10)
    node = relaxed.graph["stage_1_cell_1_edge_0_1"]
    path = {"cell": ((1, 3), *((),) * 5)}
    assert kept(relaxed, node, path) == [(1, node.inputs[1]), (3, node.inputs[3])]


def test_a_path_in_words_names_edges_and_operations() -> None:
    tables = {"cell": Table(("0 to 1", "1 to 2"), ("none", "skip")), "unknown": Table(("a to b",), ("x",))}
    assert named({"cell": ((1,), ()), "more": ((0,),)}, tables) == {"cell": [["0 to 1", "skip"]]}
