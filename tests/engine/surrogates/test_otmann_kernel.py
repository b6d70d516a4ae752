"""The kernel: one where nothing differs, repaired where it is none, and parameters by likelihood."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from engine.surrogates.gaussian_process import best_scale, repaired
from engine.surrogates.network_layers import layered
from engine.surrogates.otmann import STRUCTURE, Crowd, Otmann
from engine.surrogates.otmann_kernel import (
    BETAS,
    BETAS_BAR,
    NOISES,
    SCALES,
    TRAINING,
    USUAL,
    Distances,
    Kernel,
    drawn,
    fitted,
    training_distances,
)
from tests.engine.surrogates.networks import blocked, scrambled, vgg

VIEWS = [layered(graph) for graph in (vgg(1), vgg(2), vgg(3), blocked(3, 1), blocked(3, 2), blocked(3, 2, "residual_conv"),
                                      *map(scrambled, range(10)))]


def distances(structure: tuple[float, ...] = STRUCTURE) -> Distances:
    otmann, crowd = Otmann(structure), Crowd(VIEWS)
    plain = np.stack([otmann.distances(view, crowd) for view in VIEWS], axis=1)
    return Distances(plain, plain / (crowd.totals[:, None] + crowd.totals))


def test_it_is_one_where_nothing_differs_and_falls_with_the_distance() -> None:
    known = distances()
    found = Kernel(0.5, (1e-5,) * 4, (1.0,) * 4).correlation(known)
    assert np.diag(found) == pytest.approx(np.ones(len(VIEWS)), abs=1e-6)
    assert np.all((found > 0) & (found <= 1 + 1e-12)) and np.allclose(found, found.T)
    assert found[4, 5] > found[4, 3] > found[4, 1]


def test_it_is_the_sum_of_the_paper() -> None:
    known, kernel = distances(), Kernel(0.3, (1e-6, 2e-6, 3e-6, 4e-6), (1.0, 2.0, 3.0, 4.0))
    plain = sum(beta * known.plain[at, 0, 1] for at, beta in enumerate(kernel.betas))
    bar = sum(beta * known.bar[at, 0, 1] ** 2 for at, beta in enumerate(kernel.betas_bar))
    assert kernel.correlation(known)[0, 1] == pytest.approx(0.3 * np.exp(-plain) + 0.7 * np.exp(-bar))


def test_the_square_of_the_normalised_distance_gives_no_kernel_until_it_is_repaired() -> None:
    known = distances((0.1,))
    broken = Kernel(0.0, (0.0,), (1.0,)).correlation(known)
    assert np.linalg.eigvalsh(broken)[0] < -1e-6
    assert np.linalg.eigvalsh(repaired(broken))[0] >= -1e-10


@pytest.mark.parametrize("seed", range(5))
def test_a_process_can_be_fitted_to_any_parameters_of_the_ranges(seed: int) -> None:
    kernel = drawn(Random(seed), 4, USUAL)._replace(noise=0.005)
    values = np.random.default_rng(seed).normal(size=len(VIEWS))
    process = kernel.process(distances(), values)
    cross = kernel.correlation(distances())
    belief = process.predict(cross, np.ones(len(VIEWS)))
    assert np.all(np.isfinite(belief.means)) and np.all(belief.deviations >= 0)


def test_parameters_come_from_the_ranges_of_the_reference() -> None:
    for seed in range(50):
        kernel = drawn(Random(seed), 4, USUAL)
        assert all(BETAS[0] <= beta <= BETAS[1] for beta in kernel.betas) and 0 <= kernel.share <= 1
        assert all(BETAS_BAR[0] <= beta <= BETAS_BAR[1] for beta in kernel.betas_bar)
        assert TRAINING[0] <= kernel.gamma <= TRAINING[1]


def test_small_networks_are_as_far_apart_as_large_ones() -> None:
    small, large = drawn(Random(0), 2, 1_000.0), drawn(Random(0), 2, USUAL)
    assert [beta * 1_000.0 for beta in small.betas] == pytest.approx([beta * USUAL for beta in large.betas])


def test_a_fit_takes_the_likeliest_of_its_draws() -> None:
    known = distances()
    values = known.bar[0][0] / known.bar[0][0].std()
    values = values - values.mean()
    kernel, likelihood = fitted(known, values, USUAL, Random(3), 30)
    rng = Random(3)
    tries = [best_scale(drawn(rng, 4, USUAL).correlation(known), values, SCALES, NOISES).likelihood for _ in range(30)]
    assert likelihood == pytest.approx(max(tries))
    assert best_scale(kernel.correlation(known), values, SCALES, NOISES)[1:] == (kernel.scale, kernel.noise)
    assert NOISES[0] <= kernel.noise <= NOISES[1] * (1 + 1e-9)


def test_training_decisions_count_when_both_make_them_and_when_one_does() -> None:
    rows = np.array([[0.2, 1.0, np.nan], [0.7, 2.0, np.nan], [0.2, 1.0, 0.5]])
    found = training_distances(rows, rows, [False, True, False])
    assert found == pytest.approx(np.array([[0, 1.5, 1], [1.5, 0, 2.5], [1, 2.5, 0]]) / 3)


def test_training_decisions_give_a_kernel() -> None:
    generator = np.random.default_rng(0)
    rows = generator.random((60, 4))
    rows[:, 3] = generator.integers(0, 3, 60)
    rows[generator.random((60, 4)) < 0.4] = np.nan
    known = training_distances(rows, rows, [False, False, False, True])
    for gamma in (0.1, 1.0, 10.0):
        assert np.linalg.eigvalsh(np.exp(-gamma * known))[0] > -1e-10


def test_the_kernel_falls_with_training_decisions_that_differ() -> None:
    known = distances()
    apart = Distances(known.plain, known.bar, np.ones(known.plain.shape[1:]))
    kernel = Kernel(0.5, (1e-6,) * 4, (1.0,) * 4, gamma=2.0)
    assert kernel.correlation(apart) == pytest.approx(np.exp(-2.0) * kernel.correlation(known))
