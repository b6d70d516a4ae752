"""The largest eigenvalue of a loss's Hessian (Zela et al., ICLR 2020): how sharp the place is where alphas are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]


def largest_eigenvalue(loss: Tensor, parameters: Sequence[Tensor], *, rounds: int = 200, close: float = 1e-5) -> float:
    """Largest with its sign, not by size, by power iteration on products of the Hessian with a vector. Where the largest
    by size is negative, or none stands out, a second iteration is about the Hessian moved up by that size."""
    slopes = torch.autograd.grad(loss, list(parameters), create_graph=True, allow_unused=True)
    live = [(slope, parameter) for slope, parameter in zip(slopes, parameters, strict=True)
            if slope is not None and slope.requires_grad]
    if not live:
        return 0.0
    slope = torch.cat([each.flatten() for each, _ in live])
    inputs = [parameter for _, parameter in live]

    def product(vector: Tensor) -> Tensor:
        found = torch.autograd.grad(slope @ vector, inputs, retain_graph=True, allow_unused=True)
        return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in zip(found, inputs, strict=True)])

    start = torch.cos(torch.arange(1, len(slope) + 1, dtype=slope.dtype, device=slope.device) ** 2)
    value, size, settled = _iterated(product, start, 0.0, rounds, close)
    if settled and value >= 0:
        return value
    return _iterated(product, start, size, rounds, close)[0]


def _iterated(product: Product, vector: Tensor, up: float, rounds: int, close: float) -> tuple[float, float, bool]:
    """Eigenvalue, the longest product met, and whether the vector came to rest."""
    value, longest = 0.0, 0.0
    for _ in range(rounds):
        vector = vector / vector.norm()
        image = product(vector)
        value, longest = float(vector @ image), max(longest, float(image.norm()))
        if float((image - value * vector).norm()) <= close * longest:
            return value, longest, True
        vector = image + up * vector
        if not float(vector.norm()) > 0:
            return value, longest, True
    return value, longest, False
