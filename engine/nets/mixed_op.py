"""The mixture on an edge: the weighted sum of its operations' results (Liu, Simonyan & Yang, ICLR 2019, equation 2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def mixed(results: Sequence[Tensor], weights: Sequence[Tensor | float]) -> Tensor:
    """One pass over the results for each operation, none of them copied."""
    total = results[0] * weights[0]
    for result, weight in zip(results[1:], weights[1:], strict=True):
        total = torch.addcmul(total, result, weight) if isinstance(weight, Tensor) else total.add(result, alpha=weight)
    return total
