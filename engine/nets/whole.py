"""A constant mixture: every step trains the whole supernet, and the norms of its weights say in the end what to keep."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from engine.architecture.architecture import Architecture
from engine.architecture.relaxed import Strengths
from engine.nets.ops import BandedConv
from engine.nets.sampler import Draw, Step
from engine.nets.supernet import Choice, Supernet
from engine.phases import Site

SPREAD, SHIFT = 0.01, 1e-3                      # of dense kernels and of batch norms at the start of a fabric


class Whole:
    """`derive` says which architecture norms stand for; `begin` draws the first weights anew."""

    closing = 0

    def __init__(self, site: Site, derive: Callable[[Strengths], Architecture],
                 begin: Callable[[nn.Module], None] | None = None) -> None:
        self.space, self.derive = site.space, derive
        self.supernet = Supernet(site.space.supernet(site.shape, site.classes), site.shape)
        if begin is not None:
            begin(self.supernet)

    def draw(self, step: Step) -> Sequence[Draw]:
        return [Draw(Choice(self.supernet.relaxed.everything))]

    def learn(self, step: Step) -> None:
        """Nothing is learned beside the weights."""

    def choice(self, architecture: Architecture) -> Choice:
        return Choice(self.space.path(architecture))

    def inherited(self, architecture: Architecture) -> dict[str, torch.Tensor]:
        """The layers of a network that stands alone have the names that they have here."""
        used = self.supernet.used(self.space.path(architecture))
        return {name: weight.detach() for name, weight in self.supernet.named_parameters() if name in used}

    def report(self, step: Step) -> dict[str, Any]:
        strengths = norms(self.supernet)
        return {"strengths": strengths, "derived": self.derive(strengths).document()}

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """All that is known is in the weights."""


@torch.no_grad()
def norms(net: Supernet) -> dict[str, list[list[float]]]:
    """The L1 norm of each operation's kernel, by table: edges × operations; 0 for what has no weights."""
    relaxed = net.relaxed
    found = {name: [[0.0] * len(table.ops) for _ in table.edges] for name, table in relaxed.tables.items()}
    for place, (table, row) in relaxed.places.items():
        for column, name in enumerate(relaxed.graph[place].inputs):
            total = sum(weight.double().abs().sum().item() for weight in net.get_submodule(name).parameters())
            found[table][row][column] = float(f"{found[table][row][column] + total:.9g}")
    return found


@torch.no_grad()
def fabric_start(net: nn.Module) -> None:
    """The first weights of a fabric: dense kernels normal, banded ones uniform with the variance of one over the 27 values
    that they read; batch norms shifted a little into the open half of the ReLU."""
    banded = {kernel for module in net.modules() if isinstance(module, BandedConv) for kernel in module.parameters()}
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.weight in banded:
            reach = math.sqrt(3 / (3 * module.weight[0].numel()))
            nn.init.uniform_(module.weight, -reach, reach)
        elif isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=SPREAD)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.bias, SHIFT)
