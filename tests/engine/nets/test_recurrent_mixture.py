"""Cells that hold all others: the mixture as its formula, a path as the space's own network, unused weights at rest."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.architecture.architecture import Architecture
from engine.nets.build import build
from engine.nets.recurrent_mixture import RecurrentMixture
from engine.nets.statistics import recalibrated
from engine.nets.supernet import Choice, Supernet
from engine.spec import parse_space
from engine.training.sharing import Chosen

torch.set_num_threads(1)
SHAPE, CLASSES = (5,), 7
BEND = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "identity": lambda h: h}


def space_of(form: str, **more: Any) -> Any:
    given = {"kind": "recurrent_cell", "form": form, "nodes": 3 + (form == "enas"), "embedding": 4, "hidden": 4}
    return parse_space({**given, **more})[1]


PLAIN = {"darts": space_of("darts", search_norm=False), "enas": space_of("enas", search_norm=False),
         "deep": space_of("enas", layers=2, tied=False, hidden=6, search_norm=False)}
NORMED = {**PLAIN, "normed": space_of("darts"), "normed enas": space_of("enas")}
SPACES = pytest.mark.parametrize("space", PLAIN.values(), ids=PLAIN)
EVERY = pytest.mark.parametrize("space", NORMED.values(), ids=NORMED)


def made(space: Any, seed: int = 0) -> Supernet:
    torch.manual_seed(seed)
    net = Supernet(space.supernet(SHAPE, CLASSES), SHAPE).double()
    with torch.no_grad():                               # larger weights tell activations apart
        for name, weight in net.named_parameters():
            if name.startswith("cell_"):
                weight.mul_(3)
    return net


def inputs(count: int = 6) -> Tensor:
    return torch.randint(0, CLASSES, (count, *SHAPE), generator=torch.Generator().manual_seed(1))


def chances(net: Supernet, seed: int = 2) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.softmax(torch.randn(len(t.edges), len(t.ops), generator=generator, dtype=torch.float64), 1)
            for name, t in net.relaxed.tables.items()}


def hard(net: Supernet, path: Any) -> dict[str, Tensor]:
    return {name: torch.tensor([[float(k in row) for k in range(len(t.ops))] for row in path[name]], dtype=torch.float64)
            for name, t in net.relaxed.tables.items()}


def own_name(name: str, architecture: Architecture, net: Supernet) -> str:
    """Where the supernet keeps what a network of its own calls so."""
    cell, *rest = name.split(".")
    if rest[:1] != ["weights"] or name in dict(net.named_parameters()):
        return name
    return f"{cell}.weights.{rest[1]}.{architecture.genotype['recurrent'][int(rest[1])][1]}.weight"


def alone(space: Any, architecture: Architecture, net: Supernet) -> nn.Module:
    """The space's own network, with the weights of the supernet."""
    network = build(space.network(architecture, SHAPE, CLASSES), SHAPE).double()
    known = net.state_dict()
    network.load_state_dict({name: known[own_name(name, architecture, net)] for name in network.state_dict()})
    return network


@SPACES
def test_a_path_is_the_network_of_the_space_with_the_same_weights(space: Any) -> None:
    net, x = made(space), inputs()
    for number in range(12):
        architecture = space.sample(Random(number)).architecture
        found = net(x, Choice(space.path(architecture)))
        assert torch.allclose(found, alone(space, architecture, net)(x), rtol=0, atol=1e-10)


@EVERY
def test_weights_of_one_and_zero_are_the_path(space: Any) -> None:
    """Of the form enas a node is a loose end as far as no later one takes it: of hard shares exactly where none does."""
    net, x = made(space), inputs()
    for number in range(6):
        path = space.path(space.sample(Random(number)).architecture)
        mixture = net(x, Choice(net.relaxed.everything, hard(net, path)))
        assert torch.allclose(mixture, net(x, Choice(path)), rtol=0, atol=1e-10)


def by_hand(cell: RecurrentMixture, x: Tensor, tables: dict[str, Tensor], form: str, norm: bool) -> Tensor:
    """Step after step, edge after edge, activation after activation."""
    def move(op: str, linear: Tensor, state: Tensor) -> Tensor:
        c, h = linear.split(cell.hidden, 1)
        return state + torch.sigmoid(c) * (BEND[op](h) - state)

    def normed(s: Tensor) -> Tensor:
        return (s - s.mean(0)) / (s.var(0, correction=0) + 1e-5).sqrt() if norm else s

    state, out = torch.zeros(len(x), cell.hidden, dtype=torch.float64), []
    for t in range(x.shape[1]):
        linear = x[:, t] @ cell.reads.weight.T + state @ cell.keeps.weight.T
        first = {"tanh": 1.0} if form == "darts" else dict(zip(cell.ops[1:], tables["first"][0], strict=True))
        nodes = [normed(sum(share * move(op, linear, state) for op, share in first.items()))]
        free, row = [torch.ones((), dtype=torch.float64)], 0
        for i in range(1, 4):
            total = torch.zeros_like(state)
            for j in range(i):
                weight = cell.weights[i - 1][j] if form == "enas" else cell.weights[i - 1]
                for op, share in zip(cell.ops, tables["cell"][row], strict=True):
                    if op != "none":
                        total = total + share * move(op, nodes[j] @ weight.weight.T, nodes[j])
                free[j] = free[j] * tables["cell"][row][0]
                row += 1
            nodes.append(normed(total))
            free.append(torch.ones((), dtype=torch.float64))
        if form == "darts":
            state = sum(nodes[1:]) / 3
        else:
            state = sum(f * s for f, s in zip(free, nodes, strict=True)) / sum(free)
        out.append(state)
    return torch.stack(out, 1)


@pytest.mark.parametrize(("name", "form", "norm"), [("darts", "darts", False), ("normed", "darts", True),
                                                    ("enas", "enas", False), ("normed enas", "enas", True)])
def test_the_mixture_is_its_formula(name: str, form: str, norm: bool) -> None:
    net = made(NORMED[name])
    cell, tables = net.get_submodule("cell_1"), chances(net)
    assert isinstance(cell, RecurrentMixture)
    x = torch.randn(6, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    found = cell.mixed(x, net.relaxed.everything, tables)
    assert torch.allclose(found, by_hand(cell, x, tables, form, norm), rtol=0, atol=1e-10)
    assert cell.taken == [] and cell.voices is None, "nothing of a choice is kept"


@pytest.mark.parametrize("name", ["normed", "enas"])
def test_gradients_of_the_shares_are_finite_differences(name: str) -> None:
    net, x = made(NORMED[name]), inputs()
    raw = {n: torch.randn(t.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5)).requires_grad_()
           for n, t in chances(net).items()}

    def loss() -> Tensor:
        return net(x, Choice(net.relaxed.everything, {n: torch.softmax(t, 1) for n, t in raw.items()})).square().mean()

    slopes = dict(zip(raw, torch.autograd.grad(loss(), [*raw.values()]), strict=True))
    rng = Random(0)
    for n, table in raw.items():
        for _ in range(4):
            row, column = rng.randrange(table.shape[0]), rng.randrange(table.shape[1])
            with torch.no_grad():
                table[row, column] += 1e-6
                above = loss().item()
                table[row, column] -= 2e-6
                below = loss().item()
                table[row, column] += 1e-6
            assert slopes[n][row, column].item() == pytest.approx((above - below) / 2e-6, rel=1e-4, abs=1e-8)


def test_second_derivatives_go_through_the_cell() -> None:
    """The curvature of an early stop needs them."""
    net, x = made(NORMED["normed"]), inputs()
    table = chances(net)["cell"].requires_grad_()
    [slope] = torch.autograd.grad(net(x, Choice(net.relaxed.everything, {"cell": table})).square().mean(), table,
                                  create_graph=True)
    [curve] = torch.autograd.grad(slope[1, 1], table)
    assert curve.isfinite().all() and curve[1, 1] != 0


@SPACES
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_what_takes_no_part_in_a_step_stays_bit_for_bit(space: Any, momentum: float) -> None:
    net, x = made(space), inputs()
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum, weight_decay=0.1)
    architectures = [space.sample(Random(number)).architecture for number in (0, 1)]
    for step in range(3):
        path = space.path(architectures[step > 0])
        optimizer.zero_grad(set_to_none=True)
        before = {name: value.clone() for name, value in net.named_parameters()}
        net(x, Choice(path)).square().mean().backward()
        optimizer.step()
        moved = {name for name, value in net.named_parameters() if not torch.equal(before[name], value)}
        assert moved == net.used(path)
    apart = space.form == "enas"
    assert bool(set(before) - moved) == apart, "the form darts has one matrix a node, which every cell uses"


def test_weights_of_the_form_darts_are_shared_over_predecessors_and_of_enas_are_not() -> None:
    cells = {name: made(space).get_submodule("cell_1") for name, space in PLAIN.items()}
    counts = {name: sum(p.numel() for p in cell.parameters()) for name, cell in cells.items()}
    matrix = 2 * 4 * 4
    assert counts["darts"] == matrix * (2 + 3) and counts["enas"] == matrix * (2 + 6)


@EVERY
def test_formula_and_module_have_the_same_parameters(space: Any) -> None:
    from engine.architecture.cost import measure

    net = made(space)
    assert measure(space.supernet(SHAPE, CLASSES).graph, SHAPE).parameters == sum(p.numel() for p in net.parameters())
    assert not list(net.buffers()), "it always normalises by its batch"


def test_the_decoder_shares_the_storage_of_the_embedding() -> None:
    net = made(PLAIN["enas"])
    assert net.get_parameter("decoder.weight") is net.get_parameter("embedding.weight")
    other = made(PLAIN["enas"], seed=1)
    other.load_state_dict(net.state_dict())
    assert other.get_parameter("decoder.weight") is other.get_parameter("embedding.weight")


@EVERY
def test_a_mask_may_leave_anything(space: Any) -> None:
    """Ragged rows, a node without inputs, nothing at all."""
    net, x = made(space), inputs()
    full = net.relaxed.everything
    ragged = {**full, "cell": tuple(((1, 2), (), (3,), (0,), (0, 4), ())[k] for k in range(6))}
    nothing = {name: ((),) * len(rows) for name, rows in full.items()}
    outputs = [net(x, Choice(path)) for path in (full, ragged, nothing)]
    assert all(output.shape == (6, 5, CLASSES) and output.isfinite().all() for output in outputs)
    assert not torch.equal(outputs[0], outputs[1])
    ones = {n: torch.ones(len(t.edges), len(t.ops), dtype=torch.float64) for n, t in net.relaxed.tables.items()}
    if space.form == "darts":
        assert torch.allclose(outputs[1], net(x, Choice(ragged, ones)), rtol=0, atol=1e-10)


def test_dropout_is_the_same_at_every_step_and_for_every_node() -> None:
    space = space_of("darts", dropout_hidden=0.5, search_norm=False)
    cell = made(space).get_submodule("cell_1")
    seen = []
    step = cell.step
    cell.step = lambda read, state, kept: (seen.append(kept), step(read, state, kept))[1]      # type: ignore[assignment]
    path = space.path(space.sample(Random(0)).architecture)
    cell.mixed(torch.randn(3, 5, 4, dtype=torch.float64), path, None)
    assert len(seen) == 5 and all(mask is seen[0] for mask in seen) and set(seen[0].unique().tolist()) == {0.0, 2.0}


def test_statistics_can_be_measured_anew_for_a_candidate() -> None:
    space = NORMED["normed"]
    net = made(space)
    choice = Choice(space.path(space.sample(Random(0)).architecture))
    batch = inputs()
    plain = net(batch, choice)
    with recalibrated(Chosen(net, choice), [inputs()]):
        net.eval()
        one = net(batch[:1], choice)
        assert torch.allclose(one, net(batch, choice)[:1], rtol=0, atol=1e-12), "no batch is needed"
    assert torch.equal(net(batch, choice), plain)
