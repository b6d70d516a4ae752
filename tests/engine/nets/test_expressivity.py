"""Proxies from how differently examples are seen: codes that can be written down, correlations with known eigenvalues."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from engine.errors import Unscored
from engine.nets.expressivity import FLOOR, jacob_cov, naswot
from engine.nets.ops import SplitReLU
from engine.nets.saliency import Batch

DOUBLE = torch.float64


def nothing(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    raise AssertionError("these proxies do not look at labels")


def batch(inputs: Tensor) -> list[Batch]:
    return [(inputs, torch.zeros(len(inputs)))]


def network(bend: nn.Module | None = None) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 20, bias=False), bend or nn.ReLU(), nn.Linear(20, 12, bias=False),
                         bend or nn.ReLU()).to(DOUBLE)


def examples(count: int = 5) -> Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)


@pytest.mark.parametrize(("inputs", "agreeing"), [
    ([[1.0, 1.0, -1.0], [1.0, -1.0, -1.0]], 2), ([[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]], 0),
    ([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]], 1)])
def test_the_determinant_of_two_codes_by_hand(inputs: list[list[float]], agreeing: int) -> None:
    """Three units: K has 3 on its diagonal and the number of agreeing units beside it. Zero is off."""
    found = naswot(nn.Sequential(nn.ReLU()), batch(torch.tensor(inputs)), nothing)
    assert found == pytest.approx(math.log(9 - agreeing**2), rel=1e-12)


def test_layers_are_added_up() -> None:
    inputs = torch.tensor([[1.0, 1.0, -1.0], [1.0, -1.0, -1.0]])
    found = naswot(nn.Sequential(nn.ReLU(), nn.Identity(), nn.ReLU()), batch(inputs), nothing)
    assert found == pytest.approx(math.log(6**2 - 4**2), rel=1e-12)


def test_positive_rescaling_of_weights_changes_nothing() -> None:
    model, inputs = network(), batch(examples())
    before = naswot(model, inputs, nothing)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(7.5)
    assert naswot(model, inputs, nothing) == before == naswot(model, inputs, nothing)


def test_two_examples_that_look_the_same_have_no_volume() -> None:
    twice = examples()[[0, 1, 1, 2]]
    assert naswot(network(), batch(twice), nothing) == -math.inf


def test_a_leaky_relu_has_the_same_code_and_a_split_one_both_signs() -> None:
    assert naswot(network(nn.LeakyReLU(0.1)), batch(examples()), nothing) != 0
    inputs = batch(examples())
    assert naswot(nn.Sequential(nn.LeakyReLU(0.2)), inputs, nothing) == naswot(nn.Sequential(nn.ReLU()), inputs, nothing)
    single = naswot(nn.Sequential(nn.ReLU()), inputs, nothing)
    assert naswot(nn.Sequential(SplitReLU(0.0)), inputs, nothing) == pytest.approx(single + 5 * math.log(2))


def test_without_relu_there_is_a_reason_and_no_number() -> None:
    with pytest.raises(Unscored, match="no ReLU"):
        naswot(network(nn.Tanh()), batch(examples()), nothing)


def test_examples_of_a_linear_network_are_perfectly_correlated() -> None:
    """All gradients are equal: one eigenvalue n, the others zero."""
    count, small = 4, 1e-5
    expected = -(math.log(count + small) + 1 / (count + small) + (count - 1) * (math.log(small) + 1 / small))
    found = jacob_cov(nn.Linear(6, 3).to(DOUBLE), batch(examples(count)), nothing)
    assert found == pytest.approx(expected, rel=1e-4) and small == FLOOR


def test_uncorrelated_gradients_give_the_most() -> None:
    """Units that read one input each, and one of which an example switches on: gradients are unit vectors."""
    class Square(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.square() / 2

    inputs = torch.tensor([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]], dtype=DOUBLE)      # its own gradient
    value = 1 + FLOOR
    assert jacob_cov(Square(), batch(inputs), nothing) == pytest.approx(-2 * (math.log(value) + 1 / value), rel=1e-12)


def test_the_order_of_the_examples_does_not_matter() -> None:
    inputs = examples()
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(2))
    found = jacob_cov(network(), batch(inputs), nothing)
    assert jacob_cov(network(), batch(inputs[order]), nothing) == pytest.approx(found, rel=1e-9)
    assert naswot(network(), batch(inputs[order]), nothing) == pytest.approx(naswot(network(), batch(inputs), nothing))


def test_an_example_without_influence_leaves_no_score() -> None:
    dead = nn.Sequential(nn.Linear(6, 3), nn.ReLU()).to(DOUBLE)
    with torch.no_grad():
        dead[0].bias.fill_(-1e6)
    assert math.isnan(jacob_cov(dead, batch(examples()), nothing))
