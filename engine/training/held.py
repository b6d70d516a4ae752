"""What a step must not move: the entries of a weight that lie outside of all slices that the step has used.

Their gradient is zero, not absent, so weight decay and momentum would move them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def holding(optimizer: torch.optim.Optimizer, parts: Mapping[nn.Parameter, Tensor]) -> Iterator[None]:
    """Inside, the optimiser may step. Afterwards the entries where a weight's mask is false, and the optimiser's memory of
    them, are what they were, bit for bit; a memory that is new begins with zero."""
    before = {weight: (weight.detach().clone(), _memory(optimizer, weight)) for weight in parts}
    yield
    with torch.no_grad():
        for weight, mask in parts.items():
            entries, memory = before[weight]
            torch.where(mask, weight, entries, out=weight.data)
            for name, value in optimizer.state[weight].items():
                if isinstance(value, Tensor) and value.shape == weight.shape:
                    torch.where(mask, value, memory[name] if name in memory else torch.zeros_like(value), out=value)


def _memory(optimizer: torch.optim.Optimizer, weight: nn.Parameter) -> dict[str, Tensor]:
    state = optimizer.state[weight] if weight in optimizer.state else {}
    return {name: value.clone() for name, value in state.items() if isinstance(value, Tensor)}
