"""The auxiliary skip: outside the softmax, of the edge's own source, gone without a trace at weight zero."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from engine.architecture.cost import measure
from engine.nets.auxiliary import lightened, source_of, with_skips
from engine.nets.supernet import Choice, Supernet
from engine.spec import parse_space

torch.set_num_threads(1)
SPACES = {"darts_cell": {"kind": "darts_cell", "preset": "cpu", "nodes": 2, "layers": 2, "channels": 2},
          "nas_bench_201": {"kind": "nas_bench_201", "preset": "table"}}
EACH = pytest.mark.parametrize("kind", list(SPACES))
SHAPE = (1, 8, 8)


def relaxed_of(kind: str) -> Any:
    return parse_space(SPACES[kind])[1].supernet(SHAPE, 10)


@EACH
def test_every_mixture_hears_one_more_value_and_no_table_grows(kind: str) -> None:
    plain = relaxed_of(kind)
    wider = with_skips(plain, SHAPE)
    assert wider.tables == plain.tables and wider.places == plain.places
    old, new = ({node.name: node for node in each.graph} for each in (plain, wider))
    sizes = {row.name: row.shape for row in measure(wider.graph, SHAPE).rows}
    for name in plain.places:
        assert new[name].inputs[:-1] == old[name].inputs and sizes[new[name].inputs[-1]] == sizes[name]


def test_stride_two_has_a_factorised_reduction_and_stride_one_the_value_itself() -> None:
    wider = with_skips(relaxed_of("darts_cell"), SHAPE)
    nodes = {node.name: node for node in wider.graph}
    kinds = {"identity": 0, "batch_norm": 0}
    for name, (table, _) in wider.places.items():
        last = nodes[nodes[name].inputs[-1]]
        kinds[last.op] += 1
        smaller = table == "reduce" and source_of(nodes[name], nodes).endswith(("input_0", "input_1"))
        assert (last.op == "batch_norm") == smaller
        if smaller:
            assert not last.settings["affine"] and nodes[last.inputs[0]].op == "concat"
    assert all(kinds.values())


@EACH
def test_the_skip_is_added_to_the_mixture_outside_its_weights(kind: str) -> None:
    """On an edge of stride one: what the network computes is that of a skip operation whose weight grew by beta."""
    torch.manual_seed(0)
    space = parse_space({**SPACES[kind], **({"layers": 1} if kind == "darts_cell" else {})})[1]
    relaxed = space.supernet(SHAPE, 10)
    net = Supernet(with_skips(relaxed, SHAPE), SHAPE).double()
    width = {name: len(table.ops) for name, table in relaxed.tables.items()}
    weights = {name: torch.softmax(torch.randn(len(t.edges), len(t.ops)), -1).double() for name, t in relaxed.tables.items()}
    x = torch.randn(3, *SHAPE).double()
    choice = Choice(relaxed.everything, weights)
    if kind == "nas_bench_201":
        more = {name: table.clone() for name, table in weights.items()}
        more["cell"][:, space.ops.index("skip_connect")] += 0.7
        assert torch.allclose(net(x, lightened(choice, 0.7, width)), net(x, Choice(relaxed.everything, more)), atol=1e-12)
    assert not torch.allclose(net(x, lightened(choice, 0.7, width)), net(x, choice), atol=1e-6)


@EACH
def test_at_zero_it_is_the_supernet_without_skips(kind: str) -> None:
    relaxed = relaxed_of(kind)
    torch.manual_seed(0)
    plain, wider = Supernet(relaxed, SHAPE), Supernet(with_skips(relaxed, SHAPE), SHAPE)
    wider.load_state_dict(plain.state_dict(), strict=False)
    weights = {name: torch.full((len(t.edges), len(t.ops)), 0.2) for name, t in relaxed.tables.items()}
    choice = Choice(relaxed.everything, weights)
    same = lightened(choice, 0.0, {name: len(t.ops) for name, t in relaxed.tables.items()})
    assert same is choice
    x = torch.randn(3, *SHAPE)
    assert torch.equal(plain(x, choice), wider(x, same))
    assert wider.used(same.path) == {name for name, _ in plain.named_parameters()} & wider.used(same.path)


def test_an_edge_with_two_sources_is_refused() -> None:
    nodes = {node.name: node for node in relaxed_of("nas_bench_201").graph}
    edge = nodes["stage_1_cell_1_edge_0_1"]
    with pytest.raises(ValueError, match="no single source"):
        source_of(edge._replace(inputs=(*edge.inputs, "stem_conv")), nodes)
