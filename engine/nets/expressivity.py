"""Proxies from how differently an untrained network sees the examples of a batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from engine.errors import Unscored
from engine.nets.ops import SplitReLU
from engine.nets.saliency import Batch, Loss

BENDS = (nn.ReLU, nn.LeakyReLU, SplitReLU)      # on or off; other activations have no such code
FLOOR = 1e-5                                    # added to eigenvalues


def naswot(model: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """log |det K|: K counts the units that are on for both or off for both of two examples (Mellor et al., ICML 2021,
    arXiv:2006.04647). Minus infinity where two examples look the same. Raises Unscored for a network without ReLU."""
    inputs = batches[0][0]
    alike = torch.zeros(len(inputs), len(inputs), dtype=torch.float64, device=inputs.device)

    def count(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        on = (output > 0).flatten(1).float()
        alike.add_((on @ on.T + (1 - on) @ (1 - on).T).double())

    bends = [module for module in model.modules() if isinstance(module, BENDS)]
    if not bends:
        raise Unscored("the network has no ReLU: naswot reads which of them are on, and nothing else")
    for module in bends:
        module.register_forward_hook(count)
    with torch.no_grad():
        model(inputs)
    return float(torch.linalg.slogdet(alike).logabsdet)


def jacob_cov(model: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """-(sum of log(v + k) + 1 / (v + k)) over the eigenvalues v of the correlations between the examples' gradients of
    the summed outputs; k is tiny (Mellor et al. 2020, first version of arXiv:2006.04647)."""
    inputs = batches[0][0].detach().clone().requires_grad_()
    (pulls,) = torch.autograd.grad(model(inputs).sum(), inputs)
    correlation = torch.corrcoef(pulls.flatten(1).double())
    if not bool(correlation.isfinite().all()):
        return float("nan")                     # an example without influence has no correlation
    values = torch.linalg.eigvalsh(correlation) + FLOOR
    return -float((values.log() + 1 / values).sum())
