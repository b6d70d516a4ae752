"""The Gaussian process over conditional rows: gpytorch and botorch are the oracles."""

from __future__ import annotations

import math
from typing import Any

import gpytorch
import numpy as np
import pytest
import torch

from engine.spaces.space import Parameter
from engine.surrogates.arc_process import ArcProcess, Belief, Posterior, log_expected_improvement, one_thread
from engine.surrogates.vectors import Vectors

PARAMETERS = [Parameter("layers", "integer", low=1, high=3), Parameter("rate", "real", low=0.1, high=9.0, prior="log"),
              *(Parameter(f"units_{k}", "integer", low=1, high=64, when=({"name": "layers", "at_least": k},))
                for k in (1, 2, 3)),
              *(Parameter(f"op_{k}", "categorical", ("a", "b", "c"), when=({"name": "layers", "at_least": k},))
                for k in (1, 2, 3))]


def data(count: int, seed: int = 0, noise: float = 0.0) -> tuple[Any, Any]:
    """Scores that hang on one number, on one op, and on how many layers there are."""
    generator = np.random.default_rng(seed)
    rows = Vectors(PARAMETERS).sample(generator, count)
    values = np.sin(3 * rows[:, 1]) + (rows[:, 5] == 1) + 0.5 * np.isnan(rows[:, 4])
    values += noise * generator.standard_normal(count)
    return rows, (values - values.mean()) / values.std()


def process(share: bool = False) -> ArcProcess:
    return ArcProcess(PARAMETERS, share=share)


class Exact(gpytorch.models.ExactGP):
    """gpytorch's own process, with our kernel and hyperparameters."""

    def __init__(self, rows: Any, values: Any, ours: ArcProcess) -> None:
        positive = gpytorch.constraints.GreaterThan(1e-12)
        likelihood = gpytorch.likelihoods.GaussianLikelihood(noise_constraint=positive).double()
        super().__init__(torch.from_numpy(rows), torch.from_numpy(values), likelihood)
        scale = float(ours.log_scale.detach().exp())
        self.constant = gpytorch.means.ConstantMean().double()
        self.constant.constant.data.fill_(float(ours.mean.detach()))
        self.covariance = gpytorch.kernels.ScaleKernel(ours.kernel).double()
        self.covariance.outputscale = scale
        likelihood.noise = float(ours.log_noise.detach().exp()) + 1e-8 * scale

    def forward(self, x: Any) -> Any:
        return gpytorch.distributions.MultivariateNormal(self.constant(x), self.covariance(x))


def test_the_likelihood_is_gpytorchs() -> None:
    rows, values = data(30, noise=0.1)
    ours = process()
    ours.fit(rows, values, 10)
    model = Exact(rows, values, ours)
    model.train()
    mll = gpytorch.mlls.ExactMarginalLogLikelihood(model.likelihood, model)
    with gpytorch.settings.debug(False), torch.no_grad():         # NaN is not equal to itself, which it would complain about
        expected = float(mll(model(*model.train_inputs), model.train_targets)) * len(values)
    assert float(ours.log_likelihood(torch.from_numpy(rows), torch.from_numpy(values))) == pytest.approx(expected, rel=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_predictions_are_gpytorchs() -> None:
    rows, values = data(40, noise=0.1)
    ours = process()
    ours.fit(rows, values, 20)
    fresh = Vectors(PARAMETERS).sample(np.random.default_rng(9), 25)
    model = Exact(rows, values, ours)
    model.eval()
    model.train_inputs = (torch.from_numpy(rows),)
    with torch.no_grad(), gpytorch.settings.fast_computations(False, False, False):
        expected = model(torch.from_numpy(fresh))
    found = Posterior(ours, rows, values).predict(fresh)
    assert np.allclose(found.means, expected.mean.numpy(), atol=1e-6)
    assert np.allclose(found.deviations, expected.variance.sqrt().numpy(), atol=1e-5)


def test_slopes_of_the_likelihood_are_those_of_finite_differences() -> None:
    rows, values = map(torch.from_numpy, data(25, noise=0.1))
    ours = process()
    hyper = list(ours.parameters())
    torch.manual_seed(0)
    begin = torch.nn.utils.parameters_to_vector(hyper).detach() + 0.3 * torch.randn(sum(p.numel() for p in hyper)).double()
    torch.nn.utils.vector_to_parameters(begin, hyper)
    slopes = torch.nn.utils.parameters_to_vector(torch.autograd.grad(ours.log_likelihood(rows, values), hyper))
    for at in range(len(begin)):
        ends = []
        for step in (1e-5, -1e-5):
            moved = begin.clone()
            moved[at] += step
            torch.nn.utils.vector_to_parameters(moved, hyper)
            ends.append(float(ours.log_likelihood(rows, values).detach()))
        assert float(slopes[at]) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-5)


def test_without_noise_it_passes_through_what_it_saw() -> None:
    rows, values = data(25)
    ours = process()
    ours.fit(rows, values, 20)
    with torch.no_grad():
        ours.log_noise.fill_(-30.0)
    found = Posterior(ours, rows, values).predict(rows)
    unique = {row.tobytes() for row in rows}
    assert len(unique) == len(rows)
    assert np.allclose(found.means, values, atol=1e-3) and found.deviations.max() < 1e-2


def test_far_from_everything_it_knows_no_more_than_before() -> None:
    rows, values = data(10)
    ours = process()
    with torch.no_grad():
        ours.kernel.log_radius.fill_(4.0)
        ours.mean.fill_(0.25)
    fresh = Vectors(PARAMETERS).sample(np.random.default_rng(5), 50)
    found = Posterior(ours, rows, values).predict(fresh)
    assert np.median(found.means) == pytest.approx(0.25, abs=1e-6) and np.median(found.deviations) == pytest.approx(1.0)


def test_a_fit_raises_the_likelihood_and_forgets_the_one_before() -> None:
    rows, values = data(40, noise=0.1)
    first, again = process(), process()
    before = float(first.log_likelihood(torch.from_numpy(rows), torch.from_numpy(values)))
    first.fit(rows, values, 30)
    again.fit(*data(20, seed=3), 30)
    again.fit(rows, values, 30)
    after = float(first.log_likelihood(torch.from_numpy(rows), torch.from_numpy(values)))
    assert after > before + 5
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_it_finds_out_which_decisions_matter(seed: int) -> None:
    rows, values = data(120, seed, noise=0.05)
    ours = process()
    ours.fit(rows, values, 60)
    radii = ours.radii()
    assert min(radii["rate"], radii["op_1"]) > 3 * max(radii["op_2"], radii["op_3"])


def test_it_predicts_better_than_a_constant() -> None:
    rows, values = data(160, noise=0.05)
    ours = process(share=True)
    ours.fit(rows[:80], values[:80], 40)
    found = Posterior(ours, rows[:80], values[:80]).predict(rows[80:])
    assert np.mean((found.means - values[80:]) ** 2) < 0.2 * values[80:].var()
    inside = np.abs(found.means - values[80:]) < 2 * np.sqrt(found.deviations**2 + float(ours.log_noise.exp()))
    assert inside.mean() > 0.85


def test_many_rows_are_predicted_as_one_by_one() -> None:
    rows, values = data(20)
    posterior = Posterior(process(), rows, values)
    fresh = Vectors(PARAMETERS).sample(np.random.default_rng(1), 4100)
    together = posterior.predict(fresh)
    for at in (0, 2047, 2048, 4099):
        alone = posterior.predict(fresh[at: at + 1])
        assert alone.means[0] == pytest.approx(together.means[at], abs=1e-12)
    assert posterior.predict(fresh[:0]).means.shape == (0,)


def test_equal_scores_and_equal_rows_are_no_trouble() -> None:
    rows, _ = data(5)
    ours = process()
    ours.fit(np.repeat(rows, 4, axis=0), np.zeros(20), 20)
    assert np.isfinite(Posterior(ours, np.repeat(rows, 4, axis=0), np.zeros(20)).predict(rows).means).all()


@pytest.mark.filterwarnings("ignore")
def test_the_logarithm_of_the_improvement_is_botorchs_even_where_the_improvement_is_no_number() -> None:
    from botorch.acquisition.analytic import _log_ei_helper

    z = np.concatenate([np.linspace(-40, 8, 400), [-1e3, -1e5, -1.0, np.nextafter(-1.0, -2)]])
    deviations = np.full(len(z), 0.5)
    found = log_expected_improvement(Belief(2.0 + z * deviations, deviations), 2.0)
    expected = _log_ei_helper(torch.from_numpy(z)).numpy() + math.log(0.5)
    assert np.isfinite(found).all() and np.allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_the_improvement_is_what_draws_say() -> None:
    generator = np.random.default_rng(0)
    for mean, deviation, best in ((0.3, 0.2, 0.4), (1.0, 0.5, 0.2), (0.0, 1.0, 1.0)):
        drawn = np.maximum(mean + deviation * generator.standard_normal(1_000_000) - best, 0.0).mean()
        (found,) = log_expected_improvement(Belief(np.array([mean]), np.array([deviation])), best)
        assert math.exp(found) == pytest.approx(drawn, rel=0.01)


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
