"""One operation of each edge by Gumbel noise, with a way back to all alphas (Dong & Yang, CVPR 2019, equation 6)."""

from __future__ import annotations

from random import Random

import torch
from torch import Tensor

from engine.architecture.relaxed import Path
from engine.nets.alphas import Alphas
from engine.nets.supernet import Choice


def drawn(alphas: Alphas, rng: Random, tau: float) -> Choice:
    """Only the drawn operations take part. Forward their weights are exactly one, backward those of a softmax."""
    path: Path = {}
    weights = {}
    for name, table in alphas.tables.items():
        soft = relaxed(table, torch.Generator().manual_seed(rng.getrandbits(63)), tau)
        best = soft.argmax(dim=-1)
        hard = torch.nn.functional.one_hot(best, table.shape[1]).to(soft.dtype)
        weights[name] = hard + (soft - soft.detach())
        path[name] = tuple((int(column),) for column in best.tolist())
    return Choice(path, weights)


def relaxed(table: Tensor, generator: torch.Generator, tau: float) -> Tensor:
    """Softmax of log-probabilities and noise over tau; drawn again while anything is not finite."""
    chances = torch.log_softmax(table, dim=-1)
    if not torch.isfinite(chances).all():
        raise FloatingPointError("alphas are no longer finite")
    while True:
        noise = torch.empty(table.shape).exponential_(generator=generator).log().neg().to(table)
        soft = torch.softmax((chances + noise) / tau, dim=-1)
        if torch.isfinite(noise).all() and torch.isfinite(soft).all():
            return soft
