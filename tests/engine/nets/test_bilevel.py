"""First and second order: fixed points that are known, exact differentiation where it is exact, nothing left behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from engine.nets.bilevel import first_order, second_order


def settled(rate: float, steps: int = 400) -> tuple[float, float]:
    """The bilevel toy of the paper, both moved by plain gradient descent with a rate of 0.1."""
    alpha = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    w = torch.tensor(-2.0, dtype=torch.float64, requires_grad=True)

    def train() -> Tensor:
        return w * w - 2 * alpha * w + alpha * alpha

    def validation() -> Tensor:
        return alpha * w - 2 * alpha + 1

    for _ in range(steps):
        [slope] = second_order([w], [alpha], train, validation, rate=rate)
        with torch.no_grad():
            alpha -= 0.1 * slope
        [slope] = torch.autograd.grad(train(), [w])
        with torch.no_grad():
            w -= 0.1 * slope
    return float(alpha.detach()), float(w.detach())


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.3, 0.5, 0.7])
def test_the_toy_settles_where_the_formula_says(rate: float) -> None:
    """A wrong sign, a dropped implicit term or a wrong factor all miss these values."""
    alpha, w = settled(rate)
    assert alpha == pytest.approx(2 / (1 + 2 * rate), abs=1e-6) and w == pytest.approx(alpha, abs=1e-6)


class Smooth:
    """A small network without kinks, its alphas, and two batches; in double precision."""

    def __init__(self) -> None:
        torch.manual_seed(3)
        self.ops = [nn.Sequential(nn.Conv2d(2, 4, k, padding=k // 2), nn.Softplus()) for k in (1, 3, 5)]
        self.head = nn.Linear(4, 3)
        for module in (*self.ops, self.head):
            module.double()
        self.alpha = (0.1 * torch.randn(3, dtype=torch.float64)).requires_grad_()
        self.batches = [(torch.randn(8, 2, 6, 6, dtype=torch.float64), torch.randint(3, (8,))) for _ in range(2)]
        self.weights = [p for module in (*self.ops, self.head) for p in module.parameters()]

    def loss(self, number: int, weights: list[Tensor] | None = None) -> Tensor:
        inputs, labels = self.batches[number]
        given = iter(weights or self.weights)
        mixture = torch.zeros(())
        for share, op, padding in zip(torch.softmax(self.alpha, 0), self.ops, (0, 1, 2), strict=True):
            kernel, bias = next(given), next(given)
            mixture = mixture + share * nn.functional.softplus(nn.functional.conv2d(inputs, kernel, bias, padding=padding))
            assert len(op) == 2
        scores = nn.functional.linear(mixture.tanh().mean((2, 3)), next(given), next(given))
        return nn.functional.cross_entropy(scores, labels)

    def exact(self, rate: float, step: Callable[[Tensor, Tensor, int], Tensor]) -> Tensor:
        """By differentiating through the step of the weights."""
        slopes = torch.autograd.grad(self.loss(0), self.weights, create_graph=True)
        moved = [w - rate * step(w, g, k) for k, (w, g) in enumerate(zip(self.weights, slopes, strict=True))]
        [found] = torch.autograd.grad(self.loss(1, moved), [self.alpha])
        return found


def test_on_a_smooth_network_it_is_the_unrolled_gradient_and_converges_quadratically() -> None:
    net, rate = Smooth(), 0.1
    velocities = [torch.randn_like(w) for w in net.weights]
    exact = net.exact(rate, lambda w, g, k: g + 0.9 * velocities[k] + 3e-4 * w.detach())
    direct, errors = first_direct(net, rate, velocities), []
    for reach in (1e-1, 1e-2, 1e-3):
        [found] = second_order(net.weights, [net.alpha], lambda: net.loss(0), lambda: net.loss(1), rate=rate, momentum=0.9,
                               velocities=velocities, decay=3e-4, reach=reach)
        errors.append(float((found - exact).norm() / (exact - direct).norm()))
    assert errors[1] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.1) and errors[1] / errors[2] == pytest.approx(100, rel=0.3)


def first_direct(net: Smooth, rate: float, velocities: list[Tensor]) -> Tensor:
    """The explicit part alone: the alphas' gradient at the moved weights."""
    slopes = torch.autograd.grad(net.loss(0), net.weights)
    moved = [(w - rate * (g + 0.9 * v + 3e-4 * w)).detach()
             for w, g, v in zip(net.weights, slopes, velocities, strict=True)]
    [found] = torch.autograd.grad(net.loss(1, moved), [net.alpha])
    return found


def test_a_rate_of_zero_is_the_first_order_exactly() -> None:
    net = Smooth()
    [first] = first_order([net.alpha], lambda: net.loss(1))
    [second] = second_order(net.weights, [net.alpha], lambda: net.loss(0), lambda: net.loss(1), rate=0.0, momentum=0.9)
    assert torch.equal(first, second)
    assert all(w.grad is None for w in net.weights) and net.alpha.grad is None


def test_the_weights_come_back_bit_for_bit_whatever_happens() -> None:
    net = Smooth()
    before = [w.detach().clone() for w in net.weights]
    second_order(net.weights, [net.alpha], lambda: net.loss(0), lambda: net.loss(1), rate=0.3)
    assert all(torch.equal(a, b) for a, b in zip(before, net.weights, strict=True))

    def broken() -> Tensor:
        raise RuntimeError("made up")

    with pytest.raises(RuntimeError, match="made up"):
        second_order(net.weights, [net.alpha], lambda: net.loss(0), broken, rate=0.3)
    assert all(torch.equal(a, b) for a, b in zip(before, net.weights, strict=True))


def test_weights_that_take_no_part_do_not_matter() -> None:
    net = Smooth()
    idle = torch.ones(3, dtype=torch.float64, requires_grad=True)
    [with_idle] = second_order([*net.weights, idle], [net.alpha], lambda: net.loss(0), lambda: net.loss(1), rate=0.2)
    [without] = second_order(net.weights, [net.alpha], lambda: net.loss(0), lambda: net.loss(1), rate=0.2)
    assert torch.equal(with_idle, without) and torch.equal(idle.detach(), torch.ones(3, dtype=torch.float64))


def test_clipping_shortens_the_inner_step_the_validation_gradient_and_the_implicit_term() -> None:
    """L_train = (w - alpha)^2 / 2 in two dimensions, L_val = w · (3, 4): everything is known by hand."""
    alpha = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    w = torch.tensor([6.0, 8.0], dtype=torch.float64, requires_grad=True)
    along = torch.tensor([3.0, 4.0], dtype=torch.float64)
    seen = []

    def validation() -> Tensor:
        seen.append(w.detach().clone())
        return (w * along).sum()

    [found] = second_order([w], [alpha], lambda: ((w - alpha) ** 2).sum() / 2, validation, rate=0.5, clip=2.0)
    inner, outer = 2 / 10, 2 / 5                        # by which the two gradients are too long
    assert torch.allclose(seen[0], torch.tensor([6.0, 8.0], dtype=torch.float64) * (1 - 0.5 * inner), rtol=1e-6)
    assert torch.allclose(found, 0.5 * inner * outer * along, rtol=1e-5), "minus rate · s · d²L/dalpha dw · v, which is -v"
    [free] = second_order([w], [alpha], lambda: ((w - alpha) ** 2).sum() / 2, validation, rate=0.5, clip=100.0)
    assert torch.allclose(free, 0.5 * along, rtol=1e-6)
    assert w.tolist() == [6.0, 8.0]
