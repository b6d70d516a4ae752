"""A Gaussian process over conditional rows: hyperparameters by marginal likelihood, predictions, expected improvement
(Swersky et al., arXiv:1409.4011; weak priors on hyperparameters as Hvarfner et al., ICML 2024, arXiv:2402.02229)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import erfcx, ndtr
from torch import Tensor

from engine.spaces.space import Parameter
from engine.surrogates.arc_kernel import ArcKernel, gaussian, layout

Floats = NDArray[np.float64]
JITTER = 1e-8
NOISE = (-4.0, 1.0)                             # prior of the logarithm of the noise's variance, of scores with variance 1
WIDTH = math.sqrt(3.0)                          # deviation of the prior of the logarithm of a radius
TURN = 1.5                                      # of the logit of an angle
BOUND = 7.0                                     # of every hyperparameter in its form without bounds, on either side
STARTS = (0.0, 2.0)                             # a fit begins here, from the middle of the prior of the radii's logarithms
BLOCK = 2048                                    # rows that are predicted at once


class Belief(NamedTuple):
    """What is expected of some rows, without the noise of training."""

    means: Floats
    deviations: Floats


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums in one order, whatever machine this is; the process has its threads back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class ArcProcess(torch.nn.Module):
    """A constant mean, a scaled arc kernel and noise; fitted to scores of mean 0 and variance 1."""

    def __init__(self, parameters: Sequence[Parameter], *, share: bool = False, ordered: bool = False) -> None:
        super().__init__()
        self.kernel = ArcKernel(layout(parameters, share=share, ordered=ordered))
        self.mean = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.log_scale = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.log_noise = torch.nn.Parameter(torch.tensor(NOISE[0], dtype=torch.float64))
        kernel = self.kernel.layout
        self.expected = -math.sqrt(2) - 0.5 * math.log(max(1, len(kernel.arcs) + len(kernel.lines) + len(kernel.choices)))
        self.reset()

    def reset(self) -> None:
        """To where every fit begins: the middle of the priors."""
        with torch.no_grad():
            self.kernel.log_radius.fill_(self.expected)
            self.kernel.logit_angle.zero_()
            self.mean.zero_()
            self.log_scale.zero_()
            self.log_noise.fill_(NOISE[0])

    def log_likelihood(self, rows: Tensor, values: Tensor) -> Tensor:
        """The logarithm of the marginal likelihood."""
        return self._likelihood(self.kernel.prepared(rows), values)

    def _likelihood(self, prepared: tuple[Tensor, Tensor, Tensor, Tensor], values: Tensor) -> Tensor:
        placed = self.kernel.placed(prepared)
        factor = torch.linalg.cholesky(self._covariance(gaussian(placed, placed)))
        left = torch.linalg.solve_triangular(factor, (values - self.mean)[:, None], upper=False)
        constant = 0.5 * len(values) * math.log(2 * math.pi)
        found: Tensor = -0.5 * left.square().sum() - factor.diagonal().log().sum() - constant
        return found

    def _covariance(self, gram: Tensor) -> Tensor:
        scale = self.log_scale.exp()
        found: Tensor = scale * gram + (self.log_noise.exp() + JITTER * scale) * torch.eye(len(gram), dtype=torch.float64)
        return found

    def log_prior(self) -> Tensor:
        """Up to a constant: it is what keeps a fit to a handful of outcomes from inventing certainties."""
        radii, angles = (self.kernel.log_radius - self.expected) / WIDTH, self.kernel.logit_angle / TURN
        noise = (self.log_noise - NOISE[0]) / NOISE[1]
        rest = noise.square() + self.log_scale.square() + self.mean.square()
        found: Tensor = -0.5 * (radii.square().sum() + angles.square().sum() + rest)
        return found

    def fit(self, rows: Floats, values: Floats, steps: int) -> None:
        """From the same beginnings every time, so that a fit depends on nothing but what it is fitted to. From short radii
        alone everything may look like noise: a decision that matters a lot is then never found. The likelier end counts."""
        hyper, given = list(self.parameters()), torch.from_numpy(values)
        prepared = self.kernel.prepared(torch.from_numpy(rows))

        def loss(at: Floats) -> tuple[float, Floats]:
            with torch.no_grad():
                torch.nn.utils.vector_to_parameters(torch.from_numpy(at.copy()), hyper)
            found = -(self._likelihood(prepared, given) + self.log_prior())
            slopes = torch.autograd.grad(found, hyper)
            return float(found.detach()), torch.nn.utils.parameters_to_vector(slopes).numpy()

        ends = [self._descend(loss, start, steps) for start in STARTS]
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(torch.from_numpy(min(ends, key=itemgetter(0))[1]), hyper)

    def _descend(self, loss: Callable[[Floats], tuple[float, Floats]], start: float, steps: int) -> tuple[float, Floats]:
        """The lowest loss that was reached from a beginning, and where."""
        self.reset()
        with torch.no_grad():
            self.kernel.log_radius.add_(start)
        begin = torch.nn.utils.parameters_to_vector(self.parameters()).detach().numpy()
        best = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=[(-BOUND, BOUND)] * len(begin),
                        options={"maxiter": steps, "maxfun": 2 * steps})
        return float(best.fun), best.x.copy()

    def radii(self) -> dict[str, float]:
        """How much each group of decisions matters."""
        return dict(zip(self.kernel.layout.radii, self.kernel.log_radius.detach().exp().tolist(), strict=True))


class Posterior:
    """What the process believes once it saw these rows."""

    def __init__(self, process: ArcProcess, rows: Floats, values: Floats) -> None:
        with torch.no_grad():
            self.process = process
            self.placed = process.kernel.embedding(torch.from_numpy(rows))
            self.gram = gaussian(self.placed, self.placed)
            self.scale, self.mean = float(process.log_scale.exp()), float(process.mean)
            self.factor = torch.linalg.cholesky(process._covariance(self.gram))
            self.weights = torch.cholesky_solve(torch.from_numpy(values - self.mean)[:, None], self.factor)

    def predict(self, rows: Floats) -> Belief:
        found = [self._predict(rows[at: at + BLOCK]) for at in range(0, len(rows), BLOCK)]
        return Belief(*(np.concatenate(parts) for parts in zip(*found, strict=True))) if found else Belief(
            np.zeros(0), np.zeros(0))

    def _predict(self, rows: Floats) -> Belief:
        with torch.no_grad():
            cross = self.scale * gaussian(self.placed, self.process.kernel.embedding(torch.from_numpy(rows)))
            means = self.mean + (cross.T @ self.weights)[:, 0]
            reduced = torch.linalg.solve_triangular(self.factor, cross, upper=False)
            variances = (self.scale - reduced.square().sum(0)).clamp_min(1e-12 * self.scale)
            return Belief(means.numpy(), variances.sqrt().numpy())


def log_expected_improvement(belief: Belief, best: float) -> Floats:
    """The logarithm of the expected rise above `best`, exact where the rise itself is too small for a number
    (Ament et al., NeurIPS 2023, arXiv:2310.20708)."""
    z = (belief.means - best) / belief.deviations
    near = np.maximum(z, -1.0)
    direct = np.log(np.exp(-0.5 * near * near) / math.sqrt(2 * math.pi) + near * ndtr(near))
    far = np.minimum(z, -1.0)
    with np.errstate(divide="ignore"):
        rest = np.log1p(math.sqrt(math.pi / 2) * far * erfcx(-far / math.sqrt(2)))
    beyond = np.where(far < -1e4, -2 * np.log(-far), rest)
    tail = -0.5 * far * far - 0.5 * math.log(2 * math.pi) + beyond
    found: Floats = np.log(belief.deviations) + np.where(z > -1.0, direct, tail)
    return found
