"""Partial channels: shapes stay, what goes by arrives unchanged up to the shuffle, shares of edges add up to one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from engine.architecture.cost import measure
from engine.errors import Invalid
from engine.nets.mixture import Learning
from engine.nets.partial import Partial, partial
from engine.nets.supernet import Choice, Supernet
from engine.phases import Site
from engine.spec import parse_space

torch.set_num_threads(1)
SPACES: dict[str, dict[str, Any]] = {
    "darts_cell": {"kind": "darts_cell", "preset": "cpu", "nodes": 2, "layers": 3, "channels": 4},
    "nas_bench_201": {"kind": "nas_bench_201", "preset": "table"}}
EACH = pytest.mark.parametrize("kind", list(SPACES))
SHAPE = (1, 8, 8)


def made(kind: str, parts: int = 2) -> Partial:
    torch.manual_seed(0)
    return Partial(Site(parse_space(SPACES[kind])[1], None, SHAPE, 10, 0), Learning(0.1, (0.5, 0.999), 0.0), parts)


@EACH
def test_edges_keep_their_shapes_and_operations_have_a_part_of_the_channels(kind: str) -> None:
    plain = parse_space(SPACES[kind])[1].supernet(SHAPE, 10)
    narrow, _ = partial(plain, SHAPE, 2)
    before, after = ({row.name: row.shape for row in measure(each.graph, SHAPE).rows} for each in (plain, narrow))
    for edge in plain.places:
        assert after[f"{edge}_mixed"] == before[edge]
        assert after[edge] == (before[edge][0] // 2, *before[edge][1:])
    assert measure(narrow.graph, SHAPE).parameters < measure(plain.graph, SHAPE).parameters


@EACH
def test_what_goes_by_is_unchanged_up_to_the_shuffle_and_pooled_at_stride_two(kind: str) -> None:
    mixture = made(kind)
    net, values = mixture.supernet, {}
    for name, module in net.named_children():
        module.register_forward_hook(lambda module, given, result, name=name: values.__setitem__(name, (given, result)))
    net(torch.randn(3, *SHAPE), Choice(net.relaxed.everything))
    pooled = 0
    for node in net.relaxed.graph:
        if node.op != "shuffle":
            continue
        edge = node.name.removesuffix("_mixed")
        [whole], result = values[f"{edge}_join"][0][:1], values[node.name][1]
        rest = values[f"{edge}_rest"][0][0]
        half = rest.shape[1] // 2
        expected = rest[:, half:]
        if expected.shape[2:] != result.shape[2:]:
            expected, pooled = torch.nn.functional.max_pool2d(expected, 2), pooled + 1
        assert torch.equal(result[:, 1::2], expected)           # of two groups in turn: the second one
        assert torch.equal(result[:, 0::2], whole)
    assert (pooled > 0) == (kind == "darts_cell")


@EACH
def test_shares_add_up_to_one_at_every_node_and_strengths_are_products(kind: str) -> None:
    mixture = made(kind)
    with torch.no_grad():
        for table in mixture.alphas.tables.values():
            table.normal_()
    found, combined = mixture.alphas.strengths(), mixture.combined(mixture.alphas)
    covered: dict[str, list[int]] = {}
    for name, (owner, rows) in mixture.joins.items():
        [shares] = found[name]
        assert sum(shares) == pytest.approx(1.0) and len(shares) == len(rows)
        covered.setdefault(owner, []).extend(rows)
        for share, row in zip(shares, rows, strict=True):
            assert combined[owner][row] == pytest.approx([share * chance for chance in found[owner][row]])
    assert set(combined) == set(covered)
    assert all(sorted(rows) == list(range(len(combined[owner]))) for owner, rows in covered.items())


def test_an_edge_with_a_small_share_loses_its_place() -> None:
    mixture = made("darts_cell")
    with torch.no_grad():
        for name, table in mixture.alphas.tables.items():
            table.zero_()
            if name in ("normal", "reduce"):
                table[2, 3] = 5.0                               # from 0 to the second node: surest of its operation
            elif name.endswith("3"):
                table[0, 0] = -9.0                              # but its edge counts for nothing
    step: Any = None
    genotype = mixture.report(step)["derived"]["genotype"]
    assert [source for _, source in genotype["normal"][2:]] == [1, 2]


@EACH
def test_a_derived_architecture_takes_only_its_edges(kind: str) -> None:
    mixture = made(kind)
    architecture = mixture.space.derived(mixture.combined(mixture.alphas))
    choice = mixture.choice(architecture)
    for name, (owner, rows) in mixture.joins.items():
        assert [rows[k] for k in choice.path[name][0]] == [row for row in rows if choice.path[owner][row]]
    assert mixture.supernet(torch.randn(2, *SHAPE), choice).shape == (2, 10)


def test_one_part_is_everything_and_channels_that_do_not_divide_are_refused() -> None:
    relaxed = made("darts_cell", 1).supernet.relaxed
    assert not [node for node in relaxed.graph if node.name.endswith("_rest")] and isinstance(made("darts_cell", 1), Partial)
    with pytest.raises(Invalid, match="does not divide"):
        made("darts_cell", 3)
    assert isinstance(made("nas_bench_201", 4).supernet, Supernet)
