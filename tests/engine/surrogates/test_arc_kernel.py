"""The arc kernel: distances of the paper, positive semi-definite where the naive kernel is not, equal to gpytorch's own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from gpytorch import kernels as gpytorch_kernels

from engine.spaces.space import Parameter
from engine.surrogates.arc_kernel import ArcKernel, layout
from engine.surrogates.vectors import Vectors

SWITCH = Parameter("on", "categorical", (False, True))
MAYBE = Parameter("x", "real", low=0.0, high=1.0, when=({"name": "on", "among": (True,)},))
NAN = math.nan


def conditional(dimensions: int) -> list[Parameter]:
    return [Parameter(f"x_{k}", "real", low=0.0, high=1.0, when=MAYBE.when) for k in range(dimensions)]


def kernel_of(parameters: list[Parameter], radii: Any, angles: Any, **how: bool) -> ArcKernel:
    kernel = ArcKernel(layout(parameters, **how))
    kernel.set(radii, angles)
    return kernel


def gram(kernel: ArcKernel, rows: Any, others: Any = None) -> Any:
    first = torch.as_tensor(np.asarray(rows, dtype=np.float64))
    second = first if others is None else torch.as_tensor(np.asarray(others, dtype=np.float64))
    return kernel.forward(first, second).detach().numpy()


def rows_at_random(count: int, dimensions: int, share: float = 0.5, seed: int = 0) -> Any:
    generator = np.random.default_rng(seed)
    rows = generator.random((count, dimensions))
    rows[generator.random((count, dimensions)) > share] = NAN
    return rows


def distance(x: float, y: float, omega: float, rho: float) -> float:
    """As the paper writes it, for numbers between 0 and 1."""
    if math.isnan(x) and math.isnan(y):
        return 0.0
    if math.isnan(x) or math.isnan(y):
        return omega
    return omega * math.sqrt(2) * math.sqrt(1 - math.cos(math.pi * rho * (x - y)))


@pytest.mark.parametrize(("x", "y"), [(NAN, NAN), (NAN, 0.3), (0.8, NAN), (0.2, 0.9), (0.0, 1.0), (0.4, 0.4)])
@pytest.mark.parametrize(("omega", "rho"), [(1.0, 0.5), (2.3, 0.9), (0.4, 1 / 3)])
def test_the_distance_of_the_vectors_is_that_of_the_paper(x: float, y: float, omega: float, rho: float) -> None:
    kernel = kernel_of([MAYBE], [omega], [rho])
    placed = kernel.embedding(torch.tensor([[x], [y]], dtype=torch.float64)).detach()
    found = float((placed[0] - placed[1]).norm())
    assert found == pytest.approx(distance(x, y, omega, rho), abs=1e-12)
    if not math.isnan(x + y):
        assert found == pytest.approx(2 * omega * abs(math.sin(math.pi * rho * (x - y) / 2)), abs=1e-12)


def test_it_is_the_product_over_the_decisions() -> None:
    rows, generator = rows_at_random(30, 4), np.random.default_rng(1)
    radii, angles = generator.random(4) * 2 + 0.1, generator.random(4) * 0.8 + 0.1
    whole = gram(kernel_of(conditional(4), radii, angles), rows)
    single = [[[math.exp(-0.5 * distance(a, b, radii[k], angles[k]) ** 2) for b in rows[:, k]] for a in rows[:, k]]
              for k in range(4)]
    assert np.allclose(whole, np.prod(single, axis=0), atol=1e-12)


def naive(rows: Any, omega: float = 1.0, rho: float = 0.5) -> Any:
    """What looks as right: decisions that are missing on either side are left out."""
    difference = np.nan_to_num(rows[:, None] - rows[None])
    return np.exp(-omega**2 * (1 - np.cos(math.pi * rho * difference)).sum(-1))


@pytest.mark.parametrize("seed", range(5))
def test_it_is_positive_semi_definite_and_the_kernel_that_ignores_what_is_missing_is_not(seed: int) -> None:
    """200 rows of 10 decisions, each there in half of them."""
    rows = rows_at_random(200, 10, seed=seed)
    right = np.linalg.eigvalsh(gram(kernel_of(conditional(10), [1.0] * 10, [0.5] * 10), rows))
    assert right[0] >= -1e-8
    assert np.linalg.eigvalsh(naive(rows))[0] < -5


def test_where_everything_is_there_the_naive_kernel_is_the_same() -> None:
    rows = rows_at_random(40, 3, share=1.0)
    assert np.allclose(naive(rows), gram(kernel_of(conditional(3), [1.0] * 3, [0.5] * 3), rows), atol=1e-12)


def test_one_sided_absence_costs_the_same_whatever_the_value() -> None:
    omega = 1.7
    found = gram(kernel_of([MAYBE], [omega], [0.6]), [[0.0], [0.5], [1.0]], [[NAN]])
    assert np.allclose(found, math.exp(-omega**2 / 2), atol=1e-14)


def test_what_stands_in_another_column_does_not_matter_to_an_inactive_one() -> None:
    kernel = kernel_of(conditional(2), [1.0, 1.0], [0.5, 0.5])
    assert gram(kernel, [[NAN, 0.1]], [[NAN, 0.7]]) == pytest.approx(gram(kernel, [[0.4, 0.1]], [[0.4, 0.7]]), abs=1e-14)


def test_without_an_angle_only_activity_counts() -> None:
    found = gram(kernel_of([MAYBE], [2.0], [1e-9]), [[0.0], [1.0], [NAN]])
    assert found[0, 1] == pytest.approx(1.0, abs=1e-12) and found[0, 2] == pytest.approx(math.exp(-2.0), abs=1e-12)


def test_without_a_radius_the_decision_is_switched_off() -> None:
    assert np.allclose(gram(kernel_of([MAYBE], [1e-9], [0.9]), [[0.0], [1.0], [NAN]]), 1.0, atol=1e-12)


def test_an_angle_of_a_third_makes_the_largest_distance_of_two_values_equal_the_radius() -> None:
    found = gram(kernel_of([MAYBE], [1.3], [1 / 3]), [[0.0], [1.0], [NAN]])
    assert found[0, 1] == pytest.approx(found[0, 2], abs=1e-12)


def theirs(dimension: int, radius: float, angle: float) -> Any:
    """gpytorch's ArcKernel of one column: angles between 0.1 and 0.9; it is told what is active and scales nothing."""
    found = gpytorch_kernels.ArcKernel(gpytorch_kernels.RBFKernel(), delta_func=lambda x: (x >= 0).to(x),
                                       active_dims=(dimension,)).double()
    found.lengthscale = found.base_kernel.lengthscale = torch.tensor(1.0, dtype=torch.float64)
    found.angle, found.radius = torch.tensor(angle, dtype=torch.float64), torch.tensor(radius, dtype=torch.float64)
    return found


def test_it_equals_gpytorchs_own_product_of_arc_kernels() -> None:
    """Of single decisions, multiplied by its ProductKernel: its ProductStructureKernel is deprecated and no longer hands
    the columns of an ArcKernel out one by one."""
    rows, radii, angles = rows_at_random(60, 5), [1.6, 0.3, 2.2, 1.0, 0.7], [0.37, 0.2, 0.85, 0.5, 0.6]
    filled = torch.from_numpy(np.nan_to_num(rows, nan=-1.0))
    product = gpytorch_kernels.ProductKernel(*(theirs(k, radii[k], angles[k]) for k in range(5)))
    expected = product(filled).to_dense().detach().numpy()
    assert np.abs(gram(kernel_of(conditional(5), radii, angles), rows) - expected).max() < 1e-10


def test_it_works_as_a_kernel_of_gpytorch() -> None:
    rows = torch.from_numpy(rows_at_random(12, 3))
    kernel = kernel_of(conditional(3), [1.0, 2.0, 0.5], [0.2, 0.5, 0.8])
    scaled = gpytorch_kernels.ScaleKernel(kernel).double()
    scaled.outputscale = 2.0
    assert torch.allclose(scaled(rows).to_dense(), 2 * kernel.forward(rows, rows), atol=1e-12)
    assert torch.allclose(kernel.forward(rows, rows, diag=True), torch.ones(12, dtype=torch.float64), atol=1e-12)


def test_a_number_that_is_always_there_lies_on_a_line() -> None:
    kernel = kernel_of([Parameter("x", "real", low=0.0, high=9.0)], [1.5], [])
    assert gram(kernel, [[0.1]], [[0.7]])[0, 0] == pytest.approx(math.exp(-0.5 * (1.5 * 0.6) ** 2), abs=1e-14)


@pytest.mark.parametrize(("a", "b", "squared"), [(0, 0, 0.0), (0, 2, 2.0), (1, 2, 2.0), (0, NAN, 1.0), (NAN, NAN, 0.0)])
def test_choices_have_an_axis_each_and_none_where_inactive(a: float, b: float, squared: float) -> None:
    kernel = kernel_of([Parameter("op", "categorical", ("a", "b", "c"), when=MAYBE.when)], [1.3], [])
    assert gram(kernel, [[a]], [[b]])[0, 0] == pytest.approx(math.exp(-0.5 * 1.3**2 * squared), abs=1e-14)


def test_choices_that_are_numbers_lie_on_an_arc_too_where_that_is_asked_for() -> None:
    width = Parameter("width", "categorical", (8, 16, 64), when=MAYBE.when)
    plain, ordered = layout([width]), layout([width], ordered=True)
    assert plain.radii == ("width",) and not plain.arcs
    assert ordered.radii == ("width in order", "width") and ordered.angles == ("width in order",)
    kernel = kernel_of([width], [1.0, 1e-9], [0.5], ordered=True)
    found = gram(kernel, [[0], [1], [2]])
    assert found[0, 1] == pytest.approx(math.exp(-0.5 * distance(0.0, 0.5, 1.0, 0.5) ** 2), abs=1e-12)
    assert found[0, 1] == pytest.approx(found[1, 2]) and found[0, 2] < found[0, 1]


@pytest.mark.parametrize("values", [("a", "b", "c"), (True, False), (1, 2), (3, 1, 2), (1, "two", 3)])
def test_other_choices_are_no_line(values: tuple[Any, ...]) -> None:
    assert not layout([Parameter("p", "categorical", values)], ordered=True).lines


def test_decisions_of_the_same_part_share_where_that_is_asked_for() -> None:
    parameters = [Parameter("layers", "integer", low=1, high=3),
                  *(Parameter(f"units_{k}", "integer", low=1, high=64, when=({"name": "layers", "at_least": k},))
                    for k in (1, 2, 3))]
    assert layout(parameters).radii == ("units_1", "units_2", "units_3", "layers")
    shared = layout(parameters, share=True)
    assert shared.radii == ("units_#", "layers") and shared.angles == ("units_#",)
    each, one = kernel_of(parameters, [0.7] * 3 + [1.1], [0.4] * 3), kernel_of(parameters, [0.7, 1.1], [0.4], share=True)
    rows = Vectors(parameters).sample(np.random.default_rng(0), 50)
    assert np.allclose(gram(each, rows), gram(one, rows), atol=1e-14)


def test_a_whole_conditional_space_is_positive_semi_definite() -> None:
    parameters = [SWITCH, *conditional(3), Parameter("op", "categorical", (1, 3, 5), when=MAYBE.when)]
    kernel = ArcKernel(layout(parameters, ordered=True))
    rows = Vectors(parameters).sample(np.random.default_rng(0), 150)
    assert np.isnan(rows).any() and np.linalg.eigvalsh(gram(kernel, rows))[0] > -1e-8


def test_slopes_are_numbers_where_decisions_are_missing() -> None:
    kernel = kernel_of(conditional(3), [1.0] * 3, [0.5] * 3)
    rows = torch.from_numpy(rows_at_random(10, 3))
    kernel.forward(rows, rows).sum().backward()
    assert torch.isfinite(kernel.log_radius.grad).all() and torch.isfinite(kernel.logit_angle.grad).all()
