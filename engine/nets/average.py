"""Several networks as one: the average of what they predict. Downloads hold this class as it stands here."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Average(nn.Module):
    """Gives the logarithms of the mean class probabilities, each network counted as often as it was picked."""

    def __init__(self, networks: list[nn.Module], counts: list[int]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.counts = counts

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.float64, device=x.device)
        for network, count in zip(self.networks, self.counts, strict=True):
            total = total + count * network(x).softmax(1).double()
        return (total / sum(self.counts)).clamp(min=1e-30).log().float()
