"""How a controller learns: the gradient of the expected reward (Williams, 1992), or its proximal form (Schulman, 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.nets.controller import Controller

HEAVIEST = 5.0                                  # weight of a late sequence, at most: a few must not rule an update


class PolicyGradient:
    """Adam on a controller. `clip` None: one plain step a batch; else `passes` clipped ones (PPO). `skips`: a rate of skips
    and how strongly it is kept (Pham et al., ICML 2018)."""

    def __init__(self, controller: Controller, lr: float, entropy: float = 0.0, clip: float | None = None,
                 passes: int = 1, *, skips: tuple[float, float] | None = None, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8) -> None:
        self.controller, self.entropy, self.clip = controller, entropy, clip
        self.passes = passes if clip is not None else 1
        self.rate = skips[0] if skips else None
        self.pull = skips[1] if skips else 0.0
        self.weights = list(controller.parameters())
        self.adam = torch.optim.Adam(self.weights, lr=lr, betas=betas, eps=eps, foreach=False)
        for w in self.weights:                  # there from the start, so that they can be kept and filled at any time
            self.adam.state[w] = {"step": torch.zeros(()), "exp_avg": torch.zeros_like(w),
                                  "exp_avg_sq": torch.zeros_like(w)}

    def learn(self, picks: Tensor, advantages: Sequence[float], then: Sequence[float | None]) -> float:
        """One batch. `then` holds the log-probability with which a sequence was drawn, None where the controller has not
        changed since. Gives the mean entropy before the first step."""
        gains = torch.tensor(advantages, dtype=self.weights[0].dtype)
        drawn: Tensor | None = None
        before = 0.0
        for _ in range(self.passes):
            logs, entropy, apart = self.controller.judged(picks, self.rate)
            if drawn is None:
                known = torch.tensor([0.0 if log is None else log for log in then], dtype=gains.dtype)
                drawn = torch.where(torch.tensor([log is None for log in then]), logs.detach(), known)
                before = float(entropy.detach().mean())
            loss = -(self._objective(logs, drawn, gains) + self.entropy * entropy - self.pull * apart).mean()
            for w, slope in zip(self.weights, torch.autograd.grad(loss, self.weights, allow_unused=True,
                                                                  materialize_grads=True), strict=True):
                w.grad = slope
            self.adam.step()
        return before

    def _objective(self, logs: Tensor, drawn: Tensor, gains: Tensor) -> Tensor:
        """A sequence drawn from an older controller counts by how much likelier it has become: its gradient is right."""
        ratio = (logs - drawn).exp()
        if self.clip is None:
            return ratio.detach().clamp(max=HEAVIEST) * gains * logs
        return torch.minimum(ratio * gains, ratio.clamp(1 - self.clip, 1 + self.clip) * gains)

    def arrays(self) -> list[NDArray[np.float32]]:
        """All that was learned, Adam's averages among it: writing into these arrays restores it."""
        kept = [tensor for w in self.weights for tensor in (w.detach(), *self.adam.state[w].values())]
        return [tensor.numpy() for tensor in kept]
