"""How alphas move a validation loss (Liu, Simonyan & Yang, ICLR 2019, section 2.3): at the weights as they are, or after
the step that the weights would take.

The mixed second derivative is a central difference. It equals exact differentiation through the step only where the
network is smooth: ReLU and max pool have kinks whose curvature automatic differentiation does not see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Loss = Callable[[], Tensor]


def first_order(alphas: Sequence[Tensor], validation: Loss) -> list[Tensor]:
    """Only what leads to the alphas is differentiated; the weights get no gradients."""
    return _given(alphas, torch.autograd.grad(validation(), list(alphas), allow_unused=True))


def second_order(weights: Sequence[Tensor], alphas: Sequence[Tensor], train: Loss, validation: Loss, *, rate: float,
                 momentum: float = 0.0, velocities: Sequence[Tensor | None] = (), decay: float = 0.0,
                 reach: float = 0.01, clip: float | None = None) -> list[Tensor]:
    """The gradient at w' = w - rate (momentum velocity + s dL_train/dw + decay w), through w' to the alphas as well. With
    `clip`, the largest norm of a gradient, s shortens dL_train/dw to it, and the one on validation is shortened as well.

    `reach` is the length of the central difference's half step. The weights are put back bit for bit.
    """
    if not rate:
        return first_order(alphas, validation)
    moved = list(velocities) or [None] * len(weights)
    saved = [weight.detach().clone() for weight in weights]
    try:
        slopes: Sequence[Tensor | None] = torch.autograd.grad(train(), list(weights), allow_unused=True)
        short = _shortening(slopes, clip)
        with torch.no_grad():
            for weight, slope, velocity in zip(weights, slopes, moved, strict=True):
                if slope is not None:
                    weight.sub_(rate * _step(weight, short * slope, velocity, momentum, decay))
        found = torch.autograd.grad(validation(), [*alphas, *weights], allow_unused=True)
        direct, along = found[:len(alphas)], found[len(alphas):]
        explicit = _given(alphas, direct)
        length = _length(along)
        if not length > 0:
            return explicit
        rate = rate * short * _shortening(along, clip)
        half = reach / length
        ahead, behind = (_shifted(weights, saved, along, sign * half, alphas, train) for sign in (1, -1))
        return [slope - rate * (plus - minus) / (2 * half)
                for slope, plus, minus in zip(explicit, ahead, behind, strict=True)]
    finally:
        with torch.no_grad():
            for weight, before in zip(weights, saved, strict=True):
                weight.copy_(before)


def _length(slopes: Sequence[Tensor | None]) -> Tensor:
    found: Tensor = torch.linalg.vector_norm(torch.stack([v.norm() for v in slopes if v is not None]))
    return found


def _shortening(slopes: Sequence[Tensor | None], clip: float | None) -> float:
    """The factor that brings a gradient to a norm of at most `clip`, as clipping the weights' gradients does."""
    return 1.0 if clip is None else min(1.0, clip / (float(_length(slopes)) + 1e-6))


def _step(weight: Tensor, slope: Tensor, velocity: Tensor | None, momentum: float, decay: float) -> Tensor:
    step = slope + decay * weight
    return step if velocity is None else step + momentum * velocity


def _shifted(weights: Sequence[Tensor], saved: Sequence[Tensor], along: Sequence[Tensor | None], far: Tensor,
             alphas: Sequence[Tensor], train: Loss) -> list[Tensor]:
    """The alphas' gradient of the training loss at the weights moved so far along a direction."""
    with torch.no_grad():
        for weight, before, direction in zip(weights, saved, along, strict=True):
            weight.copy_(before if direction is None else before + far * direction)
    return _given(alphas, torch.autograd.grad(train(), list(alphas), allow_unused=True))


def _given(alphas: Sequence[Tensor], slopes: Sequence[Tensor | None]) -> list[Tensor]:
    """Zeros for alphas that the loss does not depend on."""
    return [torch.zeros_like(alpha) if slope is None else slope for alpha, slope in zip(alphas, slopes, strict=True)]
