"""Zero-cost proxies: what an untrained network tells at a glance (Abdelfattah et al., ICLR 2021, arXiv:2101.08134).

Each score takes a network, batches of inputs and labels, and what is minimised on them; higher is better. None of them
touches the network it is given: they look at a copy, whose batch norms use the batch's statistics and which drops nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import nn

from engine.nets import expressivity, saliency
from engine.nets.saliency import Batch, Loss

Score = Callable[[nn.Module, Sequence[Batch], Loss], float]
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def score(name: str, model: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """One proxy of a network. Not a number or infinite where it has none; raises Unscored where it cannot mean anything."""
    return SCORES[name](twin(model), batches, loss)


def synflow(model: nn.Module, batches: Sequence[Batch], loss: Loss) -> float:
    """The logarithm of the flow through all weights (Tanaka et al., NeurIPS 2020): the inputs do not matter but for their
    shape. Without batch norms, in double precision: products over many layers overflow otherwise."""
    bare = without_norms(model).double()
    ones = torch.ones_like(batches[0][0][:1], dtype=torch.float64)
    return float(torch.stack(list(saliency.flows(bare, ones))).sum().log())


def twin(model: nn.Module) -> nn.Module:
    """A copy as it is looked at."""
    copied = copy.deepcopy(model).eval()
    for module in copied.modules():
        if isinstance(module, NORMS):
            module.train()
    return copied


def without_norms(model: nn.Module) -> nn.Module:
    for name in list(_norms(model)):
        model.set_submodule(name, nn.Identity())
    return model


def _norms(model: nn.Module) -> Iterator[str]:
    return (name for name, module in model.named_modules() if isinstance(module, NORMS))


SCORES: Mapping[str, Score] = {
    "synflow": synflow, "snip": saliency.snip, "grasp": saliency.grasp, "plain": saliency.plain,
    "grad_norm": saliency.grad_norm, "fisher": saliency.fisher, "zico": saliency.zico,
    "naswot": expressivity.naswot, "jacob_cov": expressivity.jacob_cov}
