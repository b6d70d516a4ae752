"""How weights begin: the spread that each way promises, and that a network follows its settings."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from engine.architecture.graph import Graph, Node
from engine.nets.build import build
from engine.nets.initial import initialise
from engine.spaces.mlp import INITS

IN, OUT = 400, 300
SPREAD = {"constant": 0.0, "uniform": 0.01 / math.sqrt(3), "normal": 0.02, "he_normal": math.sqrt(2 / IN),
          "he_uniform": math.sqrt(2 / IN), "glorot_normal": math.sqrt(2 / (IN + OUT)),
          "glorot_uniform": math.sqrt(2 / (IN + OUT)), "orthogonal": math.sqrt(1 / IN), "sparse": 0.01 * math.sqrt(0.1)}


def drawn(way: str) -> nn.Linear:
    torch.manual_seed(3)
    layer = nn.Linear(IN, OUT)
    initialise(layer, way, 0.02)
    return layer


@pytest.mark.parametrize("way", INITS)
def test_the_spread_is_the_one_that_the_name_promises(way: str) -> None:
    layer = drawn(way)
    assert layer.weight.std().item() == pytest.approx(SPREAD[way], rel=0.03, abs=1e-12)
    assert layer.weight.mean().abs().item() < 0.001
    assert not layer.bias.any()


def test_uniform_ways_have_an_edge_orthogonal_rows_are_one_and_sparse_ones_are_mostly_zero() -> None:
    assert drawn("uniform").weight.abs().max().item() <= 0.01
    assert drawn("he_uniform").weight.abs().max().item() <= math.sqrt(6 / IN)
    rows = drawn("orthogonal").weight
    assert torch.allclose(rows @ rows.T, torch.eye(OUT), atol=1e-4)
    assert (drawn("sparse").weight == 0).float().mean().item() == pytest.approx(0.9, abs=0.01)


def test_a_network_draws_as_its_settings_say_and_the_seed_decides() -> None:
    graph = Graph((Node("input", "input"), Node("one", "linear", ("input",), {"units": 50, "init": "normal", "std": 0.001}),
                   Node("two", "linear", ("one",), {"units": 3, "bias": False, "init": "constant"})), "two")
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(build(graph, (40,)).state_dict())
    assert found[0]["one.weight"].std().item() == pytest.approx(0.001, rel=0.1)
    assert not found[0]["two.weight"].any() and "two.bias" not in found[0]
    assert torch.equal(found[0]["one.weight"], found[1]["one.weight"])
    assert not torch.equal(found[0]["one.weight"], found[2]["one.weight"])
