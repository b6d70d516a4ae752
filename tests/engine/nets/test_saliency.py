"""Proxies from gradients, against what can be computed by hand on tiny networks in double precision."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from engine.nets.ops import Embedding, TiedDecoder
from engine.nets.saliency import fisher, flows, grad_norm, grasp, plain, snip, weights, zico

DOUBLE = torch.float64


def chain(*sizes: int, bias: bool = False, between: type[nn.Module] = nn.Identity) -> nn.Sequential:
    torch.manual_seed(1)
    layers: list[nn.Module] = []
    for arriving, leaving in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(arriving, leaving, bias=bias), between()]
    return nn.Sequential(*layers[:-1]).to(DOUBLE)


def half_square(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    """Its gradient by the outputs is simply what they are off by."""
    return (model(inputs) - labels).square().sum() / 2


def batch(seed: int, count: int = 5, arriving: int = 4, leaving: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(count, arriving, generator=generator, dtype=DOUBLE),
            torch.randn(count, leaving, generator=generator, dtype=DOUBLE))


def by_hand(model: nn.Sequential, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights of two linear layers and the gradients of the half square."""
    first, second = weights(model)
    hidden = inputs @ first.T
    off = hidden @ second.T - labels
    return first, second, (off @ second).T @ inputs, off.T @ hidden


def test_norm_and_products_are_those_computed_by_hand() -> None:
    model, given = chain(4, 3, 2), batch(0)
    first, second, down, up = by_hand(model, *given)
    assert grad_norm(model, [given], half_square) == pytest.approx((down.norm() + up.norm()).item(), rel=1e-12)
    expected = ((first * down).abs().sum() + (second * up).abs().sum()).item()
    assert snip(model, [given], half_square) == pytest.approx(expected, rel=1e-12)
    expected = ((first * down).sum() + (second * up).sum()).item()
    assert plain(model, [given], half_square) == pytest.approx(expected, rel=1e-12)


def test_plain_is_the_same_in_every_layer_of_a_homogeneous_chain() -> None:
    """Euler's theorem: each layer's share is the product of outputs and their gradient."""
    model, (inputs, labels) = chain(4, 6, 5, 2, between=nn.ReLU), batch(1)
    outputs = model(inputs)
    share = float(((outputs - labels) * outputs).sum())
    assert plain(model, [(inputs, labels)], half_square) == pytest.approx(3 * share, rel=1e-10)


def test_biases_and_the_factors_of_norms_are_not_counted() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)).to(DOUBLE)
    assert [tuple(weight.shape) for weight in weights(model)] == [(3, 4), (2, 3)]


def test_a_shared_matrix_is_counted_once() -> None:
    embedding, decoder = Embedding(5, 3), TiedDecoder(5)
    decoder.weight = embedding.weight
    assert len(weights(nn.ModuleList([embedding, decoder]))) == 1


def test_grasp_of_a_linear_layer_by_hand() -> None:
    """The Hessian of the half square applied to g is g X'X."""
    model, (inputs, labels) = chain(4, 2), batch(2)
    (weight,) = weights(model)
    gradient = (inputs @ weight.T - labels).T @ inputs
    expected = float(-(weight * (gradient @ inputs.T @ inputs)).sum())
    assert grasp(model, [(inputs, labels)], half_square) == pytest.approx(expected, rel=1e-12)


def test_grasp_agrees_with_differences_of_gradients_on_a_smooth_network() -> None:
    model, given, step = chain(4, 5, 2, between=nn.Tanh), batch(3), 1e-5
    own = [weight.detach().clone() for weight in weights(model)]

    def gradient() -> list[Tensor]:
        return list(torch.autograd.grad(half_square(model, *given), weights(model)))

    direction, sides = gradient(), []
    for sign in (1, -1):
        with torch.no_grad():
            for weight, start, along in zip(weights(model), own, direction, strict=True):
                weight.copy_(start + sign * step * along)
        sides.append(gradient())
    with torch.no_grad():
        for weight, start in zip(weights(model), own, strict=True):
            weight.copy_(start)
    expected = sum(float(-(start * (up - down) / (2 * step)).sum()) for start, up, down in zip(own, *sides, strict=True))
    assert grasp(model, [given], half_square) == pytest.approx(expected, rel=1e-6)


def test_grasp_is_nothing_without_curvature() -> None:
    assert grasp(chain(4, 2), [batch(4)], lambda model, inputs, labels: model(inputs).sum()) == 0.0


def test_fisher_of_a_linear_layer_by_hand() -> None:
    model, (inputs, labels) = chain(4, 2), batch(5)
    outputs = model(inputs)
    expected = float(((outputs * (outputs - labels)).square().mean(0) / 2).sum())
    assert fisher(model, [(inputs, labels)], half_square) == pytest.approx(expected, rel=1e-12)


def test_fisher_adds_up_the_places_of_an_image_before_the_square() -> None:
    torch.manual_seed(2)
    model = nn.Conv2d(2, 3, 3, bias=False).to(DOUBLE)
    inputs, labels = torch.randn(4, 2, 5, 5, dtype=DOUBLE), torch.randn(4, 3, 3, 3, dtype=DOUBLE)
    outputs = model(inputs)
    channels = (outputs * (outputs - labels)).sum((2, 3))
    expected = float((channels.square().mean(0) / 2).sum())
    assert fisher(model, [(inputs, labels)], half_square) == pytest.approx(expected, rel=1e-12)


def test_fisher_takes_a_layer_that_is_used_twice_as_one() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4, bias=False).to(DOUBLE)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x) + self.layer(2 * x)

    model, (inputs, labels) = Twice(), batch(6, leaving=4)
    once = model.layer(inputs)
    off = 3 * once - labels
    expected = float((((once + 2 * once) * off).square().mean(0) / 2).sum())
    assert fisher(model, [(inputs, labels)], half_square) == pytest.approx(expected, rel=1e-12)


def test_zico_of_two_batches_by_hand() -> None:
    """Of two numbers the mean of the sizes over the deviation is (|a| + |b|) / |a - b|."""
    model, given = chain(4, 3, 2), [batch(7), batch(8)]
    first, second = ([tensor.detach() for tensor in by_hand(model, *each)[2:]] for each in given)
    expected = sum(math.log(float(((a.abs() + b.abs()) / (a - b).abs()).sum())) for a, b in zip(first, second, strict=True))
    assert zico(model, given, half_square) == pytest.approx(expected, rel=1e-10)


def test_zico_leaves_out_what_does_not_vary_and_has_no_score_if_nothing_does() -> None:
    model, given = chain(4, 3, 2), batch(9)
    assert math.isnan(zico(model, [given, given], half_square))
    dead = (given[0] * torch.tensor([1.0, 1.0, 1.0, 0.0]), given[1])
    assert math.isfinite(zico(model, [dead, (2 * dead[0], dead[1])], half_square))


def test_the_flow_through_every_layer_of_a_chain_is_the_same() -> None:
    """Conservation: without biases what flows into a layer flows out of it; it is the product of all absolute matrices."""
    model = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.ReLU(), nn.Conv2d(3, 4, 3, stride=2, bias=False),
                          nn.ReLU(), nn.Flatten(), nn.Linear(16, 5, bias=False), nn.ReLU(),
                          nn.Linear(5, 3, bias=False)).to(DOUBLE)
    shares = [float(share) for share in flows(model, torch.ones(1, 2, 5, 5, dtype=DOUBLE))]
    assert len(shares) == 4 and shares == pytest.approx([shares[0]] * 4, rel=1e-12)
    linear = chain(4, 3, 2)
    first, second = (weight.detach().abs() for weight in weights(linear))
    expected = float((second @ first @ torch.ones(4, dtype=DOUBLE)).sum())
    assert [float(share) for share in flows(linear, torch.ones(1, 4, dtype=DOUBLE))] == pytest.approx([expected] * 2)
