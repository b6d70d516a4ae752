"""Architecture weights: a table of alphas for each type of cell, and the optimiser that moves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from engine.architecture.relaxed import Path, Table
from engine.rng import stream_seed


class Alphas:
    """Drawn as `spread` times a normal number, moved by Adam. Probabilities are a softmax over an edge's operations: over
    those `left`, if not all are; the others have none."""

    def __init__(self, tables: Mapping[str, Table], seed: int, device: str, *, lr: float, betas: tuple[float, float],
                 weight_decay: float, spread: float = 1e-3, left: Path | None = None) -> None:
        generator = torch.Generator().manual_seed(stream_seed(seed, "alphas"))
        self.tables = {name: (spread * torch.randn(len(table.edges), len(table.ops), generator=generator)).to(device)
                       .requires_grad_() for name, table in tables.items()}
        self.gone = {name: torch.tensor([[k not in row for k in range(len(tables[name].ops))] for row in rows]).to(device)
                     for name, rows in (left or {}).items()}
        self.optimizer = torch.optim.Adam(self.parameters, lr=lr, betas=betas, weight_decay=weight_decay)

    @property
    def parameters(self) -> list[Tensor]:
        return list(self.tables.values())

    def probabilities(self) -> dict[str, Tensor]:
        return {name: torch.softmax(table.masked_fill(self.gone[name], -torch.inf) if name in self.gone else table, dim=-1)
                for name, table in self.tables.items()}

    def fixed(self) -> dict[str, Tensor]:
        """The same without a way back to the alphas."""
        return {name: table.detach() for name, table in self.probabilities().items()}

    def move(self, gradients: Sequence[Tensor]) -> None:
        """One step of the optimiser along these gradients."""
        for table, gradient in zip(self.parameters, gradients, strict=True):
            table.grad = gradient
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def strengths(self) -> dict[str, list[list[float]]]:
        return {name: table.double().tolist() for name, table in self.fixed().items()}

    def document(self) -> dict[str, Any]:
        """For the payload of an epoch: by table softmax and raw alphas, and each edge's entropy in nats."""
        chances = self.fixed()
        entropies = {name: torch.special.entr(table).sum(-1) for name, table in chances.items()}
        return {"alphas": {name: {"softmax": _rounded(chances[name]), "raw": _rounded(table.detach())}
                           for name, table in self.tables.items()},
                "entropy": {name: _rounded(entropy) for name, entropy in entropies.items()}}

    def state_dict(self) -> dict[str, Any]:
        return {"tables": {name: table.detach() for name, table in self.tables.items()},
                "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        with torch.no_grad():
            for name, table in self.tables.items():
                table.copy_(state["tables"][name])
        self.optimizer.load_state_dict(state["optimizer"])


def _rounded(table: Tensor) -> Any:
    return torch.round(table.double(), decimals=6).tolist()
