"""A stage of P-DARTS: what is left of an edge, dropout on skips, the cap on skips, plain DARTS without any of it."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from engine.architecture.relaxed import Table
from engine.nets.mixture import Learning, Mixture
from engine.nets.progressive import Progressive, Stage, capped, dropped, fewer, path_of, with_dropout
from engine.nets.supernet import Choice
from engine.phases import Site
from engine.spec import parse_space

torch.set_num_threads(1)
SPACES: dict[str, dict[str, Any]] = {
    "darts_cell": {"kind": "darts_cell", "preset": "cpu", "nodes": 2, "layers": 3, "channels": 4},
    "nas_bench_201": {"kind": "nas_bench_201", "preset": "table", "layers": 1}}
EACH = pytest.mark.parametrize("kind", list(SPACES))
SHAPE = (1, 8, 8)
STAGE = Stage(3, None, 3, 0.0, 0.2, 25, 2)
LEARNING = Learning(0.1, (0.5, 0.999), 0.0, after=10)
STEP: Any = SimpleNamespace(epoch=10, progress=0.0, closing=False)


def space_of(kind: str) -> Any:
    return parse_space(SPACES[kind])[1]


def made(kind: str, stage: Stage = STAGE) -> Progressive:
    torch.manual_seed(0)
    return Progressive(Site(space_of(kind), None, SHAPE, 10, 0), LEARNING, stage)


def some(kind: str) -> dict[str, tuple[tuple[int, ...], ...]]:
    """Three columns of each row, not the same."""
    tables = space_of(kind).supernet(SHAPE, 10).tables
    return {name: tuple(tuple(sorted({row % 5, (row + 1) % 5, (row + 3) % 5})) for row in range(len(table.edges)))
            for name, table in tables.items()}


@EACH
def test_a_stage_of_all_operations_without_dropout_is_darts_of_that_depth(kind: str) -> None:
    mixture = made(kind, STAGE._replace(layers=4))
    torch.manual_seed(0)
    plain = Mixture(Site(replace(space_of(kind), layers=4), None, SHAPE, 10, 0), LEARNING)
    inputs = torch.randn(4, *SHAPE)
    [draw], [same] = mixture.draw(STEP), plain.draw(STEP)
    assert torch.equal(mixture.supernet(inputs, draw.choice), plain.supernet(inputs, same.choice))
    shallow = made(kind)
    assert sum(w.numel() for w in shallow.supernet.parameters()) < sum(w.numel() for w in mixture.supernet.parameters())


@EACH
def test_operations_that_are_gone_have_no_share_no_gradient_and_no_weights(kind: str) -> None:
    left = some(kind)
    mixture = made(kind, STAGE._replace(left=left))
    chances = mixture.alphas.fixed()
    for name, rows in left.items():
        for row, columns in enumerate(rows):
            assert float(chances[name][row].sum()) == pytest.approx(1.0)
            assert [k for k, chance in enumerate(chances[name][row].tolist()) if chance] == list(columns)
    [draw] = mixture.draw(STEP)
    assert draw.choice.path == left
    used = mixture.supernet.used(left)
    assert used == {name for name, _ in mixture.supernet.named_parameters()}
    assert len(used) < len(list(made(kind).supernet.parameters()))
    before = {name: table.detach().clone() for name, table in mixture.alphas.tables.items()}
    step: Any = SimpleNamespace(epoch=10, progress=0.0, closing=False)
    torch.manual_seed(1)
    inputs = torch.randn(4, *SHAPE)
    step.validation_loss = lambda choice: mixture.supernet(inputs, choice).square().mean()
    mixture.learn(step)
    for name, rows in left.items():
        moved = (mixture.alphas.tables[name].detach() != before[name]).tolist()
        assert not any(moved[row][k] for row, columns in enumerate(rows) for k in range(5) if k not in columns)
        assert any(any(line) for line in moved)


@EACH
def test_what_is_derived_is_among_what_is_left(kind: str) -> None:
    left = some(kind)
    mixture = made(kind, STAGE._replace(left=left))
    found = mixture.report(STEP)
    architecture = mixture.space.parse(found["derived"]["genotype"])
    for name, rows in mixture.space.path(architecture).items():
        assert all(set(row) <= set(columns) for row, columns in zip(rows, left[name], strict=True))
    assert mixture.supernet(torch.randn(2, *SHAPE), mixture.choice(architecture)).shape == (2, 10)


@EACH
def test_the_next_stage_has_the_strongest_and_an_alternative_to_none_and_skip(kind: str) -> None:
    mixture = made(kind, STAGE._replace(keep=2))
    with torch.no_grad():
        for table in mixture.alphas.tables.values():
            table.copy_(torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0]).expand_as(table))
    ops = space_of(kind).ops
    report = mixture.report(STEP)
    alternative = next(k for k, op in enumerate(ops) if op not in ("none", "skip_connect"))
    wanted = sorted({0, 1} if ops[1] not in ("none", "skip_connect") else {0, alternative})
    assert all(row == wanted for rows in report["left"].values() for row in rows)
    again = path_of(report["left"])
    assert again is not None and made(kind, STAGE._replace(left=again)).left == again and path_of(None) is None


def test_only_what_was_left_can_be_kept() -> None:
    tables = {"cell": Table(("0 to 1",), ("none", "skip_connect", "a", "b"))}
    strengths = {"cell": [[0.1, 0.2, 0.9, 0.3]]}
    assert fewer(strengths, {"cell": ((0, 1, 3),)}, tables, 2) == {"cell": [[1, 3]]}
    assert fewer(strengths, {"cell": ((0, 1),)}, tables, 1) == {"cell": [[1]]}
    assert fewer({"cell": [[0.9, 0.8, 0.1, 0.2]]}, {"cell": ((0, 1, 2, 3),)}, tables, 2) == {"cell": [[0, 3]]}


@EACH
@pytest.mark.parametrize("most", [0, 1, 2])
def test_the_cap_holds_and_the_weakest_skips_give_way(kind: str, most: int) -> None:
    space = space_of(kind)
    tables, skip = space.supernet(SHAPE, 10).tables, space.ops.index("skip_connect")
    given = {name: [[0.1] * 5 for _ in table.edges] for name, table in tables.items()}
    for rows in given.values():
        for row, line in enumerate(rows):
            line[skip] = 0.5 + 0.01 * row
    assert space.skips(space.derived(given)) > 2
    derived = space.derived(capped(space, given, tables, most))
    assert space.skips(derived) == most
    first = next(iter(tables))
    kept = [row for row, columns in enumerate(space.path(derived)[first]) if skip in columns]
    if kind == "nas_bench_201":
        assert kept == [*range(6)][6 - most:]
    assert capped(space, given, tables, 99) == given


def test_dropout_falls_on_a_line_while_weights_learn_and_then_exponentially() -> None:
    stage = STAGE._replace(dropout=0.4)
    assert [dropped(stage, epoch, 10) for epoch in (0, 9)] == pytest.approx([0.4 * 24 / 25, 0.4 * 15 / 25])
    assert [dropped(stage, 10 + t, 10) for t in (0, 1, 5)] == pytest.approx([0.4 * math.exp(-0.2 * t) for t in (0, 1, 5)])


@EACH
def test_every_identity_skip_has_its_own_dropout_at_the_rate_of_the_epoch(kind: str) -> None:
    relaxed = space_of(kind).supernet(SHAPE, 10)
    skip, nodes = space_of(kind).ops.index("skip_connect"), {node.name: node for node in relaxed.graph}
    wanted = sum(nodes[nodes[place].inputs[skip]].op == "identity" for place in relaxed.places)
    changed = with_dropout(relaxed)
    assert sum(node.op == "dropout" for node in changed.graph) == wanted > 0 and changed.places == relaxed.places
    mixture = made(kind, STAGE._replace(dropout=0.4))
    assert sum(isinstance(module, nn.Dropout) for module in mixture.supernet.modules()) == len(mixture.drops) > 0
    step: Any = SimpleNamespace(epoch=12, progress=0.0)
    [draw] = mixture.draw(step)
    assert {module.p for module in mixture.drops} == {0.4 * math.exp(-0.4)}
    inputs = torch.randn(4, *SHAPE)
    first, second = (mixture.supernet(inputs, draw.choice) for _ in range(2))
    assert not torch.equal(first, second)
    mixture.supernet.eval()
    first, second = (mixture.supernet(inputs, Choice(draw.choice.path)) for _ in range(2))
    assert torch.equal(first, second)                           # scores are without it
