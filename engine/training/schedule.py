"""The learning rate of a step: a linear warm-up, then half a cosine down to zero, or what a policy makes of each epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """After t epochs `inv` gives (1 + gamma t)^-power, `exp` gamma^t, `step` gamma^floor(t / epochs) of the peak."""

    policy: str = "cosine"
    gamma: float = 0.01
    power: float = 0.5
    epochs: int = 5


def learning_rate(step: int, steps: int, warmup: int, peak: float, schedule: Schedule = Schedule(),
                  steps_per_epoch: int = 1) -> float:
    """A function of the step alone, so nothing of it needs to be kept in a checkpoint."""
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    if schedule.policy == "cosine":
        return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
    return peak * _decay(schedule, step // steps_per_epoch)


def _decay(schedule: Schedule, epoch: int) -> float:
    if schedule.policy == "inv":
        return float((1 + schedule.gamma * epoch) ** -schedule.power)
    if schedule.policy == "exp":
        return float(schedule.gamma ** epoch)
    return float(schedule.gamma ** (epoch // schedule.epochs)) if schedule.policy == "step" else 1.0
