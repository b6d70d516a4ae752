"""OTMANN: golden distances of the reference, laws of a pseudo-metric, and the whole transport as the oracle of its parts."""

from __future__ import annotations

from itertools import combinations, permutations
from random import Random

import numpy as np
import pytest
from scipy.optimize import linprog

from engine.architecture.graph import Graph
from engine.surrogates.network_layers import Layered, layered, mismatch
from engine.surrogates.otmann import STRUCTURE, Crowd, Otmann, Solver
from tests.engine.surrogates.networks import blocked, chain, conv, scrambled, vgg

FIXED = {"vgg 1": vgg(1), "vgg 2": vgg(2), "blocked 1": blocked(3, 1), "blocked 2": blocked(3, 2),
         "residual": blocked(3, 2, "residual_conv")}
VIEWS = {name: layered(graph) for name, graph in FIXED.items()}
RANDOM = [layered(scrambled(seed)) for seed in range(8)]


def distance(one: Layered, other: Layered, structure: tuple[float, ...] = (0.1,)) -> np.ndarray:
    return Otmann(structure).distances(one, Crowd([other]))[:, 0]


def whole(one: Layered, other: Layered, nu: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The one large problem as the paper states it: supplies, demands and prices, the unassigned last."""
    mine, theirs = ([(label, mass, path) for labels, masses, paths in view.families.values()
                     for label, mass, path in zip(labels, masses, paths, strict=True)] for view in (one, other))
    prices = np.ones((len(mine) + 1, len(theirs) + 1))
    for i, (label, _, path) in enumerate(mine):
        for j, (their, _, way) in enumerate(theirs):
            prices[i, j] = min(7.65432e5, mismatch(label, their)) + nu * np.abs(path - way).mean()
    prices[-1, -1] = 0.0
    return (np.array([mass for _, mass, _ in mine] + [other.total]), np.array([mass for _, mass, _ in theirs] + [one.total]),
            prices)


@pytest.mark.parametrize(("one", "other", "plain", "bar"), [
    ("vgg 1", "vgg 2", 469_999.296, 0.4463), ("vgg 1", "blocked 2", 138_690.742, 0.2826),
    ("blocked 1", "blocked 2", 117_529.152, 0.4451), ("blocked 2", "residual", 13_107.2, 0.0349)])
def test_distances_of_the_reference(one: str, other: str, plain: float, bar: float) -> None:
    otmann, crowd = Otmann((0.1,)), Crowd([VIEWS[other]])
    found = otmann.distances(VIEWS[one], crowd)
    assert found[0, 0] == pytest.approx(plain, rel=1e-8)
    assert otmann.normalised(VIEWS[one], crowd, found)[0, 0] == pytest.approx(bar, abs=5e-5)


def test_residual_layers_for_plain_ones_cost_a_tenth_of_their_mass() -> None:
    """Six layers of 64, 64, 128, 128, 256 and 256 channels; the first reads 64."""
    changed = 64 * 64 * 2 + 64 * 128 + 128 * 128 + 128 * 256 + 256 * 256
    assert changed == 131_072
    assert distance(VIEWS["blocked 2"], VIEWS["residual"], STRUCTURE) == pytest.approx([0.1 * changed] * 4, rel=1e-9)


@pytest.mark.parametrize("view", [*VIEWS.values(), *RANDOM])
def test_a_network_has_no_distance_from_itself(view: Layered) -> None:
    assert distance(view, view, STRUCTURE) == pytest.approx([0.0] * 4, abs=1e-9 * view.total)


@pytest.mark.parametrize(("one", "other"), list(combinations(range(8), 2)))
def test_the_parts_have_the_price_of_the_whole(one: int, other: int) -> None:
    """For every nu, also those between the first and the last, which are often not solved at all."""
    for nu, found in zip(STRUCTURE, distance(RANDOM[one], RANDOM[other], STRUCTURE), strict=True):
        assert found == pytest.approx(Solver().solve(*whole(RANDOM[one], RANDOM[other], nu)).price, rel=1e-9)


def test_linear_programming_agrees_and_the_dual_is_feasible() -> None:
    supplies, demands, prices = whole(RANDOM[0], RANDOM[1], 0.25)
    rows, columns = prices.shape
    sums = np.vstack([np.kron(np.eye(rows), np.ones(columns)), np.kron(np.ones(rows), np.eye(columns))])
    program = linprog(prices.ravel(), A_eq=sums, b_eq=np.append(supplies, demands), method="highs")
    found = Solver().solve(supplies, demands, prices)
    assert found.price == pytest.approx(program.fun, rel=1e-6)
    assert found.plan.sum(axis=1) == pytest.approx(supplies) and found.plan.sum(axis=0) == pytest.approx(demands)
    assert np.all(found.supplies[:, None] + found.demands <= prices + 1e-7)
    assert found.supplies @ supplies + found.demands @ demands == pytest.approx(found.price)
    assert distance(RANDOM[0], RANDOM[1], (0.25,))[0] == pytest.approx(program.fun, rel=1e-6)


def test_it_is_symmetric_and_keeps_the_triangle_inequality() -> None:
    views = [*VIEWS.values(), *RANDOM]
    crowd, otmann = Crowd(views), Otmann()
    table = np.stack([otmann.distances(view, crowd) for view in views], axis=1)
    assert np.allclose(table, table.transpose(0, 2, 1), rtol=1e-9)
    for a, b, c in permutations(range(len(views)), 3):
        assert np.all(table[:, a, c] <= table[:, a, b] + table[:, b, c] + 1e-6)


def test_one_at_a_time_is_as_all_at_once() -> None:
    crowd = Otmann().distances(RANDOM[0], Crowd(RANDOM))
    assert crowd.T.tolist() == [distance(RANDOM[0], other, STRUCTURE).tolist() for other in RANDOM]


def test_a_concave_line_over_nu_lies_above_its_chord() -> None:
    """What makes two transports stand for four."""
    nus = tuple(np.linspace(0.1, 3.0, 9))
    for one, other in combinations(range(4), 2):
        found = np.array([distance(RANDOM[one], RANDOM[other], (nu,))[0] for nu in nus])
        assert np.all(found[1:-1] >= (found[:-2] + found[2:]) / 2 - 1e-6)


def test_the_order_and_the_names_of_layers_mean_nothing() -> None:
    graph = scrambled(3)
    again = {node.name: f"x{at}" for at, node in enumerate(reversed(graph.nodes))}
    renamed = [node._replace(name=again[node.name], inputs=tuple(again[name] for name in node.inputs)) for node in graph]
    rng, placed = Random(1), []
    while renamed:                              # another topological order
        ready = [node for node in renamed if all(any(name == p.name for p in placed) for name in node.inputs)]
        placed.append(rng.choice(ready))
        renamed.remove(placed[-1])
    other = layered(Graph(tuple(placed), again[graph.output]))
    assert distance(layered(graph), other, STRUCTURE) == pytest.approx([0.0] * 4, abs=1e-6)
    assert distance(RANDOM[0], other, STRUCTURE) == pytest.approx(distance(RANDOM[0], RANDOM[3], STRUCTURE), rel=1e-9)


def test_networks_of_nothing_in_common_match_in_input_output_and_decision_only() -> None:
    """Both weigh 100 in each of the three: everything else stays alone on both sides."""
    one, other = layered(chain([conv(4), conv(4)])), layered(chain([("max_pool", 0, 0)]))
    assert distance(one, other, (0.0,))[0] == pytest.approx(one.total + other.total - 600)


def test_the_distance_is_never_more_than_both_masses() -> None:
    for one, other in combinations([*VIEWS.values(), *RANDOM], 2):
        assert np.all(distance(one, other, STRUCTURE) <= one.total + other.total + 1e-6)
