"""Joint densities: products of kernels that add up to 1, groups of decisions that are made together."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad

from engine.spaces.space import Parameter
from engine.surrogates.product_kernel import Mixture, ProductKernel, grouped
from engine.surrogates.split import Observations
from engine.surrogates.tree_parzen import Decisions

FLAT = tuple(Parameter(f"x{k}", "categorical", tuple(range(k + 2))) for k in range(3))
MIXED = (Parameter("op", "categorical", ("a", "b")), Parameter("rate", "real", low=0.0, high=1.0),
         Parameter("depth", "integer", low=1, high=3))
LAYERS = (Parameter("layers", "integer", low=1, high=3),
          *(Parameter(f"{name}_{k}", "categorical", (0, 1, 2), when=({"name": "layers", "at_least": k},))
            for k in (1, 2, 3) for name in ("op", "width")), Parameter("other", "categorical", (0, 1)))


def told(parameters: tuple[Parameter, ...], rows: list[list[float]], losses: list[float | None]) -> Observations:
    found = Observations(len(parameters))
    for row, loss in zip(rows, losses, strict=True):
        found.add(row, loss)
    return found


def fitted(parameters: tuple[Parameter, ...], rows: list[list[float]], wanted: int, losses: list[float | None] | None = None,
           pending: list[list[float]] | None = None) -> ProductKernel:
    model = ProductKernel(Decisions(parameters), 1.0, 25)
    model.fit(told(parameters, rows, losses or [k / 100 for k in range(len(rows))]), wanted, pending or [])
    return model


def flat_rows(count: int, seed: int = 0) -> list[list[float]]:
    generator = np.random.default_rng(seed)
    return [[float(generator.integers(k + 2)) for k in range(3)] for _ in range(count)]


def masses(mixture: Mixture) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    points = np.array(list(product(range(2), range(3), range(4)))).T
    return np.exp(mixture.logs(points.astype(mixture.codes.dtype), []))


@pytest.mark.parametrize("count", [0, 1, 12, 60])
def test_the_choices_of_a_group_add_up_to_one(count: int) -> None:
    model = fitted(FLAT, flat_rows(count), 3)
    for mixture in model.mixtures(model.groups[0]):
        assert masses(mixture).sum() == pytest.approx(1.0, abs=1e-9) and masses(mixture).min() > 0


def test_without_observations_a_group_is_uniform() -> None:
    model = fitted(FLAT, [], 0)
    assert masses(model.mixtures(model.groups[0])[0]) == pytest.approx([1 / 24] * 24)


def test_a_kernel_is_one_where_it_was_and_a_share_of_the_prior_elsewhere() -> None:
    model = fitted(FLAT[:1], [[1.0]], 1)
    below, _ = model.mixtures(model.groups[0])
    kernel = (1 + 1 / 2) / (1 + 2 / 2)                          # two kernels, so half of the prior's weight on each choice
    found = np.exp(below.logs(np.array([[0, 1]], dtype=np.uint8), []))
    assert found == pytest.approx([(1 - kernel) / 2 + 0.25, kernel / 2 + 0.25])


def test_choices_and_numbers_together_integrate_to_one() -> None:
    generator = np.random.default_rng(3)
    rows = [[float(generator.integers(2)), generator.random(), generator.integers(3) / 2] for _ in range(9)]
    model = fitted(MIXED, rows, 4)
    for mixture in model.mixtures(model.groups[0]):
        def height(x: float, code: int, depth: int, mixture: Mixture = mixture) -> float:
            return math.exp(mixture.logs(np.array([[code]], dtype=np.uint8), [[x], [depth]])[0])

        total = sum(quad(height, 0, 1, (code, depth), limit=200)[0] for code in range(2) for depth in (1, 2, 3))
        assert total == pytest.approx(1.0, abs=1e-6)


def test_what_goes_together_is_modelled_together() -> None:
    """Each choice by itself is as common among the best as the other; the pairs are not."""
    rows = [[float(k % 2), float((k + apart) % 2), 0.0] for apart in (0, 1) for k in range(20)]
    model = fitted(FLAT, rows, 20)
    generator = np.random.default_rng(0)
    drawn = [model.draw(generator, 24).vector for _ in range(50)]
    assert all(vector[0] == vector[1] for vector in drawn if vector[1] < 2) and len({vector[0] for vector in drawn}) == 2


def test_draws_of_one_follow_the_density_of_the_best() -> None:
    model = fitted(FLAT, flat_rows(30), 10)
    below, _ = model.mixtures(model.groups[0])
    codes, _ = below.draw(np.random.default_rng(7), 20_000)
    found = np.bincount(np.ravel_multi_index(tuple(codes.astype(int)), (2, 3, 4)), minlength=24)
    expected = masses(below) * 20_000
    assert ((found - expected) ** 2 / expected).sum() < 58.6                # chi², 23 df, p = 6e-5


def test_groups_are_what_stands_under_the_same_conditions() -> None:
    names = [[LAYERS[at].name for at in group.members] for group in grouped(Decisions(LAYERS))]
    assert names == [["layers", "other"], ["op_1", "width_1"], ["op_2", "width_2"], ["op_3", "width_3"]]


def test_draws_walk_the_groups_down_the_tree() -> None:
    rows = [[k / 2, *([1.0, 2.0] * (k + 1)), *([math.nan] * 2 * (2 - k)), 1.0] for k in (0, 1, 2)] * 5
    model, generator = fitted(LAYERS, rows, 4), np.random.default_rng(0)
    depths = set()
    for _ in range(60):
        vector, gains = model.draw(generator, 2)
        depth = round(vector[0] * 2) + 1
        depths.add(depth)
        assert [not math.isnan(at) for at in vector[1:7:2]] == [k <= depth for k in (1, 2, 3)]
        assert len(gains) == 1 + depth
    assert depths == {1, 2, 3}


def test_pending_trials_are_bad_ones_until_the_next_fit() -> None:
    rows, losses = flat_rows(20), [k / 100 for k in range(20)]
    pending = [[1.0, 2.0, 3.0]] * 4
    with_them, without = fitted(FLAT, rows, 3, pending=pending), fitted(FLAT, rows, 3)
    group = without.groups[0]
    assert masses(with_them.mixtures(group)[1])[-1] > masses(without.mixtures(group)[1])[-1]
    table = told(FLAT, rows, list(losses))
    table.add([0.0, 0.0, 0.0], 0.9)
    with_them.fit(table, 3)
    fresh = ProductKernel(Decisions(FLAT), 1.0, 25)
    fresh.fit(table, 3)
    for ours, theirs in zip(with_them.mixtures(group), fresh.mixtures(group), strict=True):
        assert masses(ours).tolist() == masses(theirs).tolist()
