"""The NAS-Bench-201 space: all 15,625 strings, their classes, and the network."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.architecture.architecture import Architecture
from engine.architecture.cost import measure
from engine.errors import Invalid
from engine.spaces.nas_bench_201 import EDGES, OPS, NasBench201, operations
from engine.spec import parse_space

SPACE = NasBench201()
SMALL = NasBench201(channels=8, layers=1)
ops = st.lists(st.sampled_from(OPS), min_size=6, max_size=6)


def written(ops: list[str]) -> Architecture:
    """The architecture with these operations on its edges."""
    return SMALL.architecture({f"edge_{i}_{j}": op for (i, j), op in zip(EDGES, ops, strict=True)})


def every() -> list[Architecture]:
    return [written(list(chosen)) for chosen in product(OPS, repeat=len(EDGES))]


def published(architecture: Architecture) -> str:
    """The rule of the literature: strings with skips written through and zeros marked, sums sorted."""
    carried = dict(zip(EDGES, operations(architecture), strict=True))
    nodes = ["0"]
    for j in range(1, 4):
        nodes.append("+".join(sorted(_published_edge(carried[i, j], nodes[i]) for i in range(j))))
    return nodes[3]


def _published_edge(op: str, source: str) -> str:
    if op == "none" or source == "#":
        return "#"
    return source if op == "skip_connect" else f"({source})@{op}"


def test_all_strings_parse_and_print_and_count() -> None:
    found = every()
    assert len({a.genotype["arch"] for a in found}) == len(found) == SPACE.size() == 15_625
    assert all(SPACE.parse({"arch": a.genotype["arch"]}) == a for a in found)
    assert all(written(list(operations(a))) == a for a in found)


def test_classes_by_our_rule_and_by_the_published_one() -> None:
    found = every()
    assert len({SPACE.canonical(a) for a in found}) == 8_765
    assert len({published(a) for a in found}) == 6_466


@given(ops)
def test_equal_canonical_ids_cost_the_same(chosen: list[str]) -> None:
    """Swapping nodes 1 and 2 of a cell without an edge between them changes nothing."""
    a, b, _, d, e, f = chosen
    one, other = written([a, b, "none", d, e, f]), written([b, a, "none", d, f, e])
    assert SMALL.canonical(one) == SMALL.canonical(other)
    assert _cost(one) == _cost(other)


def _cost(architecture: Architecture) -> tuple[int, int]:
    cost = measure(SMALL.network(architecture, (1, 8, 8), 10), (1, 8, 8))
    return cost.parameters, cost.macs


def test_one_class_is_one_cost() -> None:
    """What is dead is not built: cells of one class have the same parameters and multiply-adds."""
    seen: dict[str, tuple[int, int]] = {}
    for architecture in Random(0).sample(every(), 1500):
        assert seen.setdefault(SMALL.canonical(architecture), _cost(architecture)) == _cost(architecture)
    assert len(seen) < 1500


def test_a_disconnected_cell_is_built_as_zeros() -> None:
    none = written(["none"] * 6)
    deaf = written(["none", "none", "nor_conv_3x3", "none", "nor_conv_3x3", "skip_connect"])
    for architecture in (none, deaf):
        network = SMALL.network(architecture, (1, 8, 8), 10)
        assert [n.op for n in network if n.group.startswith("stage")] == ["zero"] * 3
    assert SMALL.canonical(none) == SMALL.canonical(deaf)


def test_a_disconnected_cell_scores_every_image_alike() -> None:
    torch = pytest.importorskip("torch")
    from engine.nets.build import build

    torch.set_num_threads(1)
    model = build(SMALL.network(written(["none"] * 6), (1, 8, 8), 10), (1, 8, 8)).eval()
    scores = model(torch.randn(4, 1, 8, 8))
    assert scores.shape == (4, 10) and torch.equal(scores, scores[:1].expand(4, 10)) and torch.isfinite(scores).all()


@given(ops, st.integers(0, 10**6))
def test_a_mutation_changes_one_edge(chosen: list[str], seed: int) -> None:
    parent = written(chosen)
    child = SPACE.mutate(parent, Random(seed))
    assert sum(x != y for x, y in zip(operations(parent), operations(child), strict=True)) == 1
    assert child in list(SPACE.neighbours(parent))


def test_neighbours_are_the_24_cells_one_edge_away() -> None:
    assert len({a.encoding_id for a in SPACE.neighbours(written(["none"] * 6))}) == 24


def test_fewer_operations_make_a_smaller_space() -> None:
    _, space = parse_space({"kind": "nas_bench_201", "ops": ["skip_connect", "nor_conv_3x3"]})
    found = {space.sample(Random(seed)).architecture.encoding_id for seed in range(2000)}
    assert space.size() == 64 == len(found)
    assert not space.contains(written(["none"] * 6)) and space.contains(written(["skip_connect"] * 6))


@pytest.mark.parametrize("given_", [
    None, 5, [], "x", {}, {"arch": None}, {"arch": 5}, {"arch": ""}, {"arch": "|none~0|"},
    {"arch": "|none~0|+|none~0|none~0|+|none~0|none~1|none~2|"},
    {"arch": "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|\n"},
    {"arch": "|sep~0|+|none~0|none~1|+|none~0|none~1|none~2|"}, {"arch": "|" + "a" * 10**6}, {"arch": "|none~0|", "more": 1},
], ids=lambda g: str(g)[:40])
def test_what_is_no_cell_is_refused(given_: Any) -> None:
    with pytest.raises(Invalid) as caught:
        SPACE.parse(given_, "/at")
    assert caught.value.problems[0].path in ("/at", "/at/arch")
    assert not SPACE.contains(Architecture("nas_bench_201", given_ if isinstance(given_, dict) else {}))


@pytest.mark.parametrize(("option", "value"), [
    ("channels", 0), ("channels", 257), ("layers", 0), ("layers", 2.5), ("ops", []), ("ops", ["none", "none"]),
    ("ops", ["sep_conv"])], ids=str)
def test_bad_options_are_pointed_at(option: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse_space({"kind": "nas_bench_201", option: value})
    assert caught.value.problems[0].path == f"/{option}"


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 28, 28), (3, 7, 10), (1, 1, 1)], ids=str)
def test_every_image_size_fits(shape: tuple[int, ...]) -> None:
    for seed in range(20):
        cost = measure(SMALL.network(SMALL.sample(Random(seed)).architecture, shape, 3), shape)
        assert cost.rows[-1].shape == (3,)
