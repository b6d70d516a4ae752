"""Identity: isomorphic graphs share an id, and nothing else does."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.architecture.canonical import canonical_form, canonical_id, simplified
from engine.architecture.graph import Graph, Node

Description = list[tuple[str, list[int]]]


@st.composite
def descriptions(draw: st.DrawFn) -> Description:
    """A random DAG: operations with one input, sums and joins with several, repeats allowed."""
    rows: Description = [("input", [])]
    for at in range(1, draw(st.integers(2, 9))):
        op = draw(st.sampled_from(["conv", "pool", "add", "concat", "none", "minus"]))
        count = 2 if op == "minus" else draw(st.integers(1, 3)) if op in ("add", "concat") else 1
        rows.append((op, draw(st.lists(st.integers(0, at - 1), min_size=count, max_size=count))))
    return rows


def built(rows: Description, names: list[str] | None = None) -> Graph:
    names = names or [f"n{i}" for i in range(len(rows))]
    nodes = (Node(names[i], op, tuple(names[j] for j in inputs)) for i, (op, inputs) in enumerate(rows))
    return Graph(tuple(nodes), names[-1])


def shuffled(graph: Graph, rng: Random) -> Graph:
    """Another topological order, other names, and merges with their operands swapped."""
    left, placed, order = list(graph), set(), []
    while left:
        node = rng.choice([n for n in left if set(n.inputs) <= placed])
        left.remove(node)
        placed.add(node.name)
        order.append(node)
    names = dict(zip([n.name for n in order], rng.sample([f"x{i}" for i in range(99)], len(order)), strict=True))
    nodes = []
    for node in order:
        inputs = [names[name] for name in node.inputs]
        if node.op in ("add", "concat"):
            rng.shuffle(inputs)
        nodes.append(Node(names[node.name], node.op, tuple(inputs), node.settings, label="other words", group="g"))
    return Graph(tuple(nodes), names[graph.output])


@given(descriptions(), st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_names_order_and_operands_of_merges_do_not_count(rows: Description, seed: int) -> None:
    graph = built(rows)
    assert canonical_id(shuffled(graph, Random(seed))) == canonical_id(graph)


@given(descriptions())
@settings(max_examples=100, deadline=None)
def test_the_form_describes_the_simplified_graph_and_is_its_own_form(rows: Description) -> None:
    graph = simplified(built(rows))
    form = canonical_form(graph)
    assert len(form) == len(graph.nodes)
    assert sum(len(inputs) for _, inputs in form) == sum(len(n.inputs) for n in graph)
    assert canonical_form(simplified(graph)) == form


@given(descriptions())
@settings(max_examples=100, deadline=None)
def test_dead_nodes_and_none_edges_do_not_count(rows: Description) -> None:
    graph = built(rows)
    dead = Node("dead", "conv", (graph.nodes[0].name,))
    silence = Node("silence", "none", (graph.nodes[0].name,))
    nodes = [n if n.op != "add" else Node(n.name, n.op, (*n.inputs, "silence")) for n in graph.nodes[1:]]
    assert canonical_id(Graph((graph.nodes[0], dead, silence, *nodes), graph.output)) == canonical_id(graph)


def test_what_only_hears_none_is_dead() -> None:
    with_dead = [("input", []), ("none", [0]), ("add", [1]), ("conv", [2]), ("pool", [0]), ("add", [3, 4])]
    assert canonical_id(built(with_dead)) == canonical_id(built([("input", []), ("pool", [0]), ("add", [1])]))


@pytest.mark.parametrize(("one", "other"), [
    ([("input", []), ("conv", [0]), ("add", [1, 1])], [("input", []), ("conv", [0]), ("conv", [0]), ("add", [1, 2])]),
    ([("input", []), ("skip", [0]), ("conv", [1])], [("input", []), ("conv", [0])]),
    ([("input", []), ("conv", [0]), ("add", [1])], [("input", []), ("conv", [0]), ("add", [1, 1])]),
    ([("input", []), ("conv", [0]), ("minus", [0, 1])], [("input", []), ("conv", [0]), ("minus", [1, 0])]),
    ([("input", []), ("conv", [0]), ("pool", [1])], [("input", []), ("pool", [0]), ("conv", [1])]),
], ids=["shared is not duplicated", "a skip stays", "once is not twice", "order counts outside merges",
        "order of a chain counts"])
def test_different_functions_keep_different_ids(one: Description, other: Description) -> None:
    assert canonical_id(built(one)) != canonical_id(built(other))


def test_settings_count() -> None:
    def conv(kernel: int) -> Graph:
        return Graph((Node("i", "input"), Node("c", "conv", ("i",), {"kernel": kernel, "channels": 8})), "c")

    assert canonical_id(conv(3)) != canonical_id(conv(5))


def ring(pairs: list[list[int]]) -> Description:
    """Sums over pairs of six equal operations: every node looks the same to its neighbours."""
    rows: Description = [("input", [])] + [("conv", [0]) for _ in range(6)] + [("add", [a + 1, b + 1]) for a, b in pairs]
    return [*rows, ("add", list(range(7, 13)))]


def test_graphs_that_colours_alone_cannot_tell_apart_are_told_apart() -> None:
    hexagon = [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 0]]
    triangles = [[0, 1], [1, 2], [2, 0], [3, 4], [4, 5], [5, 3]]
    relabelled = [[3, 5], [5, 1], [1, 0], [0, 4], [4, 2], [2, 3]]
    assert canonical_id(built(ring(hexagon))) != canonical_id(built(ring(triangles)))
    assert canonical_id(built(ring(hexagon))) == canonical_id(built(ring(relabelled)))


def test_many_equal_branches_are_quick() -> None:
    """12 equal branches have 12! orders; each is an image of the first, so none but the first is walked."""
    rows: Description = [("input", [])]
    for k in range(12):
        rows += [("conv", [0]), ("pool", [2 * k + 1])]
    graph = built([*rows, ("add", list(range(2, 25, 2)))])
    assert canonical_id(shuffled(graph, Random(1))) == canonical_id(graph)
