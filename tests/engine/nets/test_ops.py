"""Layers for sequences: the cell against its formula, a state that carries over, dropout that is constant over time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from engine.nets.ops import Embedding, LockedDropout, Recurrent, TiedDecoder

torch.set_num_threads(1)
NODES = [("sigmoid", 0), ("relu", 1), ("identity", 1), ("tanh", 0)]


def cell(dropout: float = 0.0, first: str = "tanh", heard: tuple[int, ...] = (1, 2, 3, 4)) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(3, 5, first, NODES, list(heard), dropout).double()


def read(length: int = 7, count: int = 2) -> Tensor:
    return torch.randn(count, length, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_hand(layer: Recurrent, x: Tensor, state: Tensor) -> Tensor:
    """One step as the papers write it: highway nodes c f(h) + (1 - c) s, with [x, s] through one matrix."""
    bend = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "identity": lambda h: h}
    joined = torch.cat([layer.reads.weight, layer.keeps.weight], dim=1)
    c, h = (torch.cat([x, state], dim=1) @ joined.T).split(5, dim=1)
    c = 1 / (1 + torch.exp(-c))
    nodes = [c * bend[layer.first](h) + (1 - c) * state]
    for (activation, source), weight in zip(NODES, layer.weights, strict=True):
        c, h = (nodes[source] @ weight.weight.T).split(5, dim=1)
        c = 1 / (1 + torch.exp(-c))
        nodes.append(c * bend[activation](h) + (1 - c) * nodes[source])
    return sum(nodes[i] for i in layer.heard) / len(layer.heard)


@pytest.mark.parametrize(("first", "heard"), [("tanh", (1, 2, 3, 4)), ("relu", (2, 3, 4)), ("identity", (4,))])
def test_the_cell_is_its_formula(first: str, heard: tuple[int, ...]) -> None:
    layer, x = cell(first=first, heard=heard), read()
    state, expected = torch.zeros(2, 5, dtype=torch.float64), []
    for step in range(7):
        state = by_hand(layer, x[:, step], state)
        expected.append(state)
    assert torch.allclose(layer(x), torch.stack(expected, 1), rtol=0, atol=1e-10)


def test_reading_on_from_where_it_ended_is_reading_at_once() -> None:
    layer, x = cell(), read()
    whole = layer(x)
    parts = []
    for part in x.split(3, 1):
        parts.append(layer(part))
        layer.start = layer.end
    assert torch.equal(torch.cat(parts, 1), whole)


def test_without_a_start_it_forgets() -> None:
    layer, x = cell(), read()
    assert torch.equal(layer(x), layer(x))
    layer.start = layer.end
    assert not torch.equal(layer(x), cell()(x))


def test_no_gradient_leaves_a_window() -> None:
    layer, x = cell(), read().requires_grad_()
    layer(x)
    assert layer.end is not None and not layer.end.requires_grad
    layer.start = layer.end
    later = read(2).requires_grad_()
    layer(later).sum().backward()
    assert x.grad is None and later.grad is not None


def test_the_state_is_no_part_of_the_weights() -> None:
    layer = cell()
    layer(read())
    assert {name.split(".")[0] for name in layer.state_dict()} == {"reads", "keeps", "weights"}


def test_dropout_of_the_state_is_the_same_at_all_steps() -> None:
    """Dropped units are read from nowhere: what their columns hold does not matter, at any step."""
    layer, x = cell(dropout=0.5).train(), read(count=1)
    torch.manual_seed(3)
    kept = nn.functional.dropout(torch.ones(1, 5, dtype=torch.float64), 0.5)[0]
    assert 0 < int((kept == 0).sum()) < 5
    torch.manual_seed(3)
    before = layer(x)
    for weight in (layer.keeps.weight, *(each.weight for each in layer.weights)):
        weight.data[:, kept == 0] = 100.0
    torch.manual_seed(3)
    assert torch.equal(layer(x), before)
    torch.manual_seed(4)
    assert not torch.equal(layer(x), before), "another step draws another mask"


def test_dropout_rests_when_it_does_not_learn() -> None:
    one, other = cell(dropout=0.5).eval(), cell().eval()
    assert torch.equal(one(read()), other(read()))


def test_locked_dropout_drops_the_same_features_at_every_place() -> None:
    layer, x = LockedDropout(0.5), torch.ones(4, 6, 8)
    torch.manual_seed(0)
    out = layer(x)
    assert bool((out == out[:, :1]).all()) and set(out.unique().tolist()) == {0.0, 2.0}
    assert not torch.equal(out[0], out[1]), "each text has a mask of its own"
    assert layer.eval()(x) is x and LockedDropout(0.0)(x) is x


def test_an_embedding_drops_whole_characters() -> None:
    layer = Embedding(20, 4, 0.5)
    codes = torch.arange(20).repeat(3, 1)
    torch.manual_seed(0)
    out = layer(codes)
    dropped = (out == 0).all(2)
    assert bool((dropped == dropped[:1]).all()) and 0 < int(dropped[0].sum()) < 20
    assert torch.allclose(out[0][~dropped[0]], 2 * layer.weight[~dropped[0]])
    assert torch.equal(layer.eval()(codes)[1], layer.weight)


def test_a_tied_decoder_shares_its_storage_and_its_gradient() -> None:
    embedding, decoder = Embedding(6, 3), TiedDecoder(6)
    decoder.weight = embedding.weight
    model = nn.ModuleList([embedding, decoder])
    assert sum(p.numel() for p in model.parameters()) == 6 * 3 + 6
    embedded = embedding(torch.tensor([[1, 2]]))
    assert torch.allclose(decoder(embedded, embedded), embedded @ embedding.weight.T)
    model.load_state_dict({name: tensor.clone() + 1 for name, tensor in model.state_dict().items()})
    model.to(torch.float64)
    assert decoder.weight is embedding.weight and decoder.weight.data_ptr() == embedding.weight.data_ptr()
