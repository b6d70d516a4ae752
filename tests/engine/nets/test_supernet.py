"""The supernet: every choice is what it says it is, and what takes no part does not move."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.architecture.architecture import Architecture
from engine.architecture.relaxed import extracted
from engine.nets.build import build
from engine.nets.supernet import Choice, Supernet
from engine.spaces import enas_macro, enas_micro
from engine.spec import parse_space

DARTS = parse_space({"kind": "darts_cell", "preset": "cpu"})[1]
CELL_201 = parse_space({"kind": "nas_bench_201", "preset": "table"})[1]
MACRO = parse_space({"kind": "enas_macro", "layers": 3, "channels": 4})[1]
JOINED = parse_space({"kind": "enas_macro", "layers": 3, "channels": 4, "merge": "concat", "widen": True})[1]
MICRO = parse_space({"kind": "enas_micro", "preset": "cpu", "channels": 4, "nodes": 2})[1]
KINDS = {"darts_cell": DARTS, "nas_bench_201": CELL_201, "enas_macro": MACRO, "enas_macro joined": JOINED,
         "enas_micro": MICRO}
SPACES = pytest.mark.parametrize("space", KINDS.values(), ids=KINDS)
SHAPE = (1, 8, 8)


def made(space: Any, seed: int = 0) -> Supernet:
    torch.manual_seed(seed)
    return Supernet(space.supernet(SHAPE, 10), SHAPE).double()


def inputs(count: int = 6) -> Tensor:
    return torch.randn(count, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def chances(net: Supernet, seed: int = 2) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.softmax(torch.randn(len(t.edges), len(t.ops), generator=generator, dtype=torch.float64), 1)
            for name, t in net.relaxed.tables.items()}


def test_the_search_network_of_the_paper_has_its_parameters() -> None:
    space = parse_space({"kind": "darts_cell", "preset": "search"})[1]
    net = Supernet(space.supernet((3, 32, 32), 10), (3, 32, 32))
    assert sum(p.numel() for p in net.parameters()) == 1_930_618
    assert [(name, len(t.edges), len(t.ops)) for name, t in net.relaxed.tables.items()] == [
        ("normal", 14, 8), ("reduce", 14, 8)]
    assert not list(net.buffers())


@SPACES
def test_one_architecture_is_the_extracted_network_with_the_same_weights(space: Any) -> None:
    net, x = made(space), inputs()
    for number in range(6):
        path = space.path(space.sample(Random(number)).architecture)
        alone = build(extracted(space.supernet(SHAPE, 10), path), SHAPE).double()
        known = net.state_dict()
        alone.load_state_dict({name: known.get(name, value) for name, value in alone.state_dict().items()})
        assert set(dict(alone.named_parameters())) <= set(known)
        assert torch.allclose(net(x, Choice(path)), alone.train()(x), rtol=0, atol=1e-10)


@SPACES
def test_weights_of_one_and_zero_are_the_path(space: Any) -> None:
    net, x = made(space), inputs()
    path = space.path(space.sample(Random(4)).architecture)
    hard = {name: torch.tensor([[float(k in row) for k in range(len(table.ops))] for row in path[name]], dtype=torch.float64)
            for name, table in net.relaxed.tables.items()}
    mixture = net(x, Choice(net.relaxed.everything, hard))
    assert torch.allclose(mixture, net(x, Choice(path)), rtol=0, atol=1e-10)


@SPACES
def test_numbers_and_tensors_weigh_alike(space: Any) -> None:
    net, x = made(space), inputs()
    tables = chances(net)
    plain = net(x, Choice(net.relaxed.everything, tables))
    loose = net(x, Choice(net.relaxed.everything, {name: t.clone().requires_grad_() for name, t in tables.items()}))
    assert torch.allclose(plain, loose, rtol=0, atol=1e-12)


def plainly(net: Supernet, x: Tensor, tables: dict[str, Tensor]) -> Tensor:
    """The mixture as the formula has it: every node of the unmerged graph, each operation for itself."""
    values: dict[str, Tensor] = {}
    relaxed = DARTS.supernet(SHAPE, 10)
    weights = net.state_dict()
    for node in relaxed.graph:
        given = [values[name] for name in node.inputs]
        if node.name in relaxed.places:
            table, row = relaxed.places[node.name]
            values[node.name] = sum((w * v for w, v in zip(tables[table][row], given, strict=True)), torch.zeros(()))
        elif node.op == "batch_norm":
            scale, shift = weights.get(f"{node.name}.weight"), weights.get(f"{node.name}.bias")
            values[node.name] = nn.functional.batch_norm(given[0], None, None, scale, shift, training=True)
        elif node.op == "input":
            values[node.name] = x
        elif f"{node.name}.weight" in weights:
            values[node.name] = net.get_submodule(node.name)(*given)
        else:
            values[node.name] = build_one(node.op, node.settings)(*given)
    return values[relaxed.graph.output]


def build_one(op: str, s: Any) -> Any:
    return {"relu": torch.relu, "add": lambda *given: sum(given), "concat": lambda *given: torch.cat(given, 1),
            "zero": lambda v: torch.zeros_like(v[:, :, ::s.get("stride", 1), ::s.get("stride", 1)]),
            "identity": lambda v: v, "global_avg_pool": lambda v: v.mean((2, 3)),
            "shift": lambda v: nn.functional.pad(v, (-1, 1, -1, 1)),
            "max_pool": lambda v: nn.functional.max_pool2d(v, s["kernel"], s["stride"], 1)}[op]


def test_merging_work_changes_neither_the_output_nor_the_gradients_of_alphas() -> None:
    net, x = made(DARTS), inputs()
    tables = {name: t.requires_grad_() for name, t in chances(net).items()}
    fast, slow = net(x, Choice(net.relaxed.everything, tables)), plainly(net, x, tables)
    assert torch.allclose(fast, slow, rtol=0, atol=1e-12)
    ours, theirs = (torch.autograd.grad(y.square().sum(), [*tables.values()], allow_unused=True) for y in (fast, slow))
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


def test_work_that_needs_no_weights_is_done_once_for_each_source() -> None:
    space = parse_space({"kind": "darts_cell", "preset": "search", "layers": 3})[1]
    loose, net = space.supernet((3, 8, 8), 10).graph, Supernet(space.supernet((3, 8, 8), 10), (3, 8, 8)).relaxed.graph
    heard = [node for node in net if node.op == "max_pool" and node.name.startswith("cell_1_")]
    assert len([n for n in loose if n.op == "max_pool" and n.name.startswith("cell_1_")]) == 14
    assert len(heard) == 5 and len({node.inputs for node in heard}) == 5


@SPACES
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_what_takes_no_part_in_a_step_stays_bit_for_bit(space: Any, momentum: float) -> None:
    net, x = made(space), inputs()
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum, weight_decay=0.1)
    paths = [space.path(space.sample(Random(number)).architecture) for number in (0, 1)]
    for step in range(3):                               # momentum is there for all that the first path uses
        optimizer.zero_grad(set_to_none=True)
        before = {name: value.clone() for name, value in net.state_dict().items()}
        net(x, Choice(paths[step > 0])).square().mean().backward()
        optimizer.step()
        moved = {name for name, value in net.state_dict().items() if not torch.equal(before[name], value)}
        used = net.used(paths[step > 0])
        assert moved <= used and set(dict(net.named_parameters())) - used
    assert moved


@SPACES
def test_two_architectures_share_what_stands_at_the_same_place(space: Any) -> None:
    net = made(space)
    first, second = (net.used(space.path(space.sample(Random(number)).architecture)) for number in (0, 1))
    assert first & second and first ^ second


def test_alphas_of_one_type_of_cell_change_all_its_cells_and_no_other() -> None:
    net, x = made(DARTS), inputs()
    seen: dict[str, Tensor] = {}
    for name, module in net.named_modules():
        if name.endswith("_node_2"):
            module.register_forward_hook(lambda module, given, found, name=name: seen.__setitem__(name, found.detach()))
    tables = chances(net)
    net(x, Choice(net.relaxed.everything, tables))
    before, seen = dict(seen), {}
    tables["reduce"][0] = tables["reduce"][0].flip(0)
    net(x, Choice(net.relaxed.everything, tables))
    kinds = {name: net.relaxed.places[name.replace("node", "edge_0")][0] for name in before}
    first = min(k for k, name in enumerate(before) if kinds[name] == "reduce")
    changed = [not torch.equal(before[name], seen[name]) for name in before]
    assert set(kinds.values()) >= {"reduce"} and changed == [k >= first for k in range(len(before))]


def test_a_cell_of_nothing_gives_the_same_scores_for_every_input() -> None:
    net = made(CELL_201)
    nothing = CELL_201.parse({"arch": "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"})
    scores = net(inputs(), Choice(CELL_201.path(nothing)))
    assert torch.equal(scores, scores[:1].expand_as(scores))


def test_a_mask_adds_up_what_is_left_and_may_leave_nothing() -> None:
    net, x = made(DARTS), inputs()
    one = {name: ((2,), *((),) * (len(t.edges) - 1)) for name, t in net.relaxed.tables.items()}
    several = {name: ((1, 2), *((),) * (len(t.edges) - 1)) for name, t in net.relaxed.tables.items()}
    none = {name: ((),) * len(t.edges) for name, t in net.relaxed.tables.items()}
    outputs = [net(x, Choice(path)) for path in (one, several, none)]
    assert all(output.shape == (6, 10) and output.isfinite().all() for output in outputs)
    assert not torch.equal(outputs[0], outputs[1]) and torch.equal(outputs[2], outputs[2][:1].expand_as(outputs[2]))


def test_gradients_reach_only_what_is_asked() -> None:
    net, x = made(DARTS), inputs()
    tables = {name: t.requires_grad_() for name, t in chances(net).items()}
    torch.autograd.grad(net(x, Choice(net.relaxed.everything, tables)).sum(), [*tables.values()])
    assert all(p.grad is None for p in net.parameters())


def micro_name(name: str, architecture: Architecture) -> str:
    """Where the supernet of ENAS cells keeps what the space's own network calls so."""
    match = re.fullmatch(r"((reduction|stack)\w*?)_block_(\d+)_op_(\d)(.*)", name)
    if not match:
        return name
    node, at = int(match[3]), 4 * int(match[3]) + 2 * int(match[4]) - 6
    source, op = architecture.genotype["reduction" if match[2] == "reduction" else "normal"][at:at + 2]
    return f"{match[1]}_edge_{source}_{node + 1}_{tuple(enas_micro.OPS)[op]}{match[5]}"


def macro_name(name: str, architecture: Architecture) -> str:
    match = re.fullmatch(r"layer_(\d+)((_entry|_conv|_depthwise|_pointwise|_entry_conv)?\..*)", name)
    if not match:
        return name
    op = architecture.genotype["layers"][int(match[1]) - 1][0]
    return f"layer_{match[1]}_{enas_macro.OPS[op]}{match[2]}"


def test_a_path_of_enas_cells_is_the_network_of_the_space_with_slices_as_its_projection() -> None:
    net, x = made(MICRO), inputs()
    known = net.state_dict()
    for number in range(8):
        architecture = MICRO.sample(Random(number)).architecture
        alone = build(MICRO.network(architecture, SHAPE, 10), SHAPE).double()
        state = {name: known.get(micro_name(name, architecture), value) for name, value in alone.state_dict().items()}
        path = MICRO.path(architecture)
        for name in state:
            if name.endswith("_projection_conv.weight"):
                kind = "reduction_ends" if name.startswith("reduction") else "normal_ends"
                cell = name.removesuffix("_projection_conv.weight")
                ends = [end for end, row in enumerate(path[kind]) if row == (1,)]
                state[name] = torch.cat([known[f"{cell}_slice_{end}_conv.weight"] for end in ends], 1)
        alone.load_state_dict(state)
        assert torch.allclose(net(x, Choice(path)), alone.train()(x), rtol=0, atol=1e-10)


def test_a_path_of_enas_layers_with_skips_is_the_network_of_the_space() -> None:
    net, x = made(MACRO), inputs()
    known = net.state_dict()
    for rows in ([[0], [1, 1], [5, 0, 1]], [[4], [2, 1], [3, 1, 1]]):
        architecture = MACRO.parse({"layers": rows})
        alone = build(MACRO.network(architecture, SHAPE, 10), SHAPE).double()
        assert {macro_name(name, architecture) for name, _ in alone.named_parameters()} <= set(known)
        alone.load_state_dict({name: known.get(macro_name(name, architecture), value)
                               for name, value in alone.state_dict().items()})
        assert torch.allclose(net(x, Choice(MACRO.path(architecture))), alone.train()(x), rtol=0, atol=1e-10)
