"""How steps follow from gradients: torch's optimizers, and SMORM3S (Funk 2015), which torch does not have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:                               # the trainer makes plans and imports this module
    from engine.training.trainer import Plan

TINY = 1e-16                                    # keeps the quotients of SMORM3S from dividing by zero


class Smorm3s(torch.optim.Optimizer):
    """Squared mean over root mean squared cubed: each weight keeps the mean of its gradients and of their squares over a
    memory that grows while they agree and is forgotten when they do not. The learning rate is an upper bound."""

    def __init__(self, parameters: Iterable[Tensor], lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:      # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad.add(weight, alpha=group["weight_decay"]), group["lr"])
        return loss

    def _move(self, weight: Tensor, gradient: Tensor, lr: float) -> None:
        state = self.state[weight]
        if not state:
            state |= {"memory": torch.ones_like(weight)} | {name: torch.zeros_like(weight) for name in ("mean", "square")}
        memory, mean, square = state["memory"], state["mean"], state["square"]
        share = 1 / (memory + 1)
        mean.lerp_(gradient, share)
        square.lerp_(gradient * gradient, share)
        agreement = mean * mean / (square + TINY)             # 1: all gradients equal; near 0: noise
        weight.sub_(gradient * agreement.clamp(max=lr) / (square.sqrt() + TINY))
        memory.mul_(1 - agreement).add_(1)


def optimizer_of(model: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    """Weight decay is decoupled from the gradient in adamw, and part of it in all others."""
    weights, lr, decay, betas = model.parameters(), plan.lr, plan.weight_decay, (plan.beta1, plan.beta2)
    if plan.optimizer == "sgd":
        return torch.optim.SGD(weights, lr, plan.momentum, weight_decay=decay, nesterov=plan.nesterov and plan.momentum > 0,
                               fused=True)
    if plan.optimizer in ("adam", "adamw"):
        kind = torch.optim.Adam if plan.optimizer == "adam" else torch.optim.AdamW
        return kind(weights, lr, betas, weight_decay=decay, fused=True)
    if plan.optimizer == "adadelta":
        return torch.optim.Adadelta(weights, lr, plan.rho, weight_decay=decay)
    if plan.optimizer == "adagrad":
        return torch.optim.Adagrad(weights, lr, weight_decay=decay)
    return Smorm3s(weights, lr, decay)
