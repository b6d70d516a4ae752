"""Batch statistics measured anew for one choice of a supernet (Guo et al., ECCV 2020, section 3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from engine.nets.supernet import forget_statistics


def calibrate(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """A network of its own takes the mean statistics of these batches; what it learns later moves on from there."""
    norms = [(each, each.momentum) for each in network.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]
    for norm, _ in norms:
        norm.reset_running_stats()
        norm.momentum = None                                                # the mean of all that is seen
    network.train()
    with torch.no_grad():
        for batch in batches:
            network(batch)
    for norm, momentum in norms:
        norm.momentum = momentum


@contextmanager
def recalibrated(network: nn.Module, batches: Iterable[Tensor]) -> Iterator[None]:
    """Inside, the network in evaluation normalises by the mean statistics of these batches; afterwards it keeps none."""
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)
             and not module.track_running_stats]
    weights = next(network.parameters())
    try:
        for norm in norms:
            norm.track_running_stats, norm.momentum = True, None            # None: the mean of all that is seen
            norm.running_mean = torch.zeros(norm.num_features, device=weights.device, dtype=weights.dtype)
            norm.running_var = torch.ones(norm.num_features, device=weights.device, dtype=weights.dtype)
            norm.num_batches_tracked = torch.tensor(0, device=weights.device)
        network.train()
        with torch.no_grad():
            for batch in batches:
                network(batch)
        yield
    finally:
        for norm in norms:
            forget_statistics(norm)
            norm.momentum = 0.1
        network.train()
