"""The training loop: one step at a time, every step a function of the seed and its number."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import NonFinite
from engine.rng import stream_seed
from engine.training.data import Splits
from engine.training.optimizers import optimizer_of
from engine.training.schedule import Schedule, learning_rate
from engine.training.task import Augment, score, task_of


@dataclass(frozen=True)
class Plan:
    """How to train. `warmup` counts epochs; `clip` is the largest gradient norm (None: any)."""

    epochs: int
    batch_size: int
    lr: float
    optimizer: str = "sgd"
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    warmup: float = 0.0
    label_smoothing: float = 0.0
    clip: float | None = None
    seed: int = 0
    augment: Augment | None = None
    beta1: float = 0.9
    beta2: float = 0.999
    rho: float = 0.9
    schedule: Schedule = Schedule()


class Training:
    """A training in progress. The caller's loop around `advance` is the place for what is done at each step.

    `state_dict` holds all that is not a function of the plan, so that going on from it at any step gives the same bits as
    never having stopped.
    """

    def __init__(self, model: nn.Module, splits: Splits, plan: Plan, device: str = "cpu") -> None:
        self.cuda = device.startswith("cuda")
        self.model = model.to(device).to(memory_format=torch.channels_last)     # a tenth quicker on CPUs too
        self.splits, self.plan, self.device = splits, plan, device
        self.optimizer = optimizer_of(self.model, plan)
        # bfloat16 needs no loss scaling; older GPUs take float16, which does
        self.half = torch.float16 if self.cuda and not torch.cuda.is_bf16_supported(False) else torch.bfloat16
        self.scaler = torch.amp.GradScaler(enabled=self.cuda and self.half == torch.float16)
        self.task = task_of(splits, plan.batch_size, plan.seed, device, plan.label_smoothing, plan.augment)
        self.steps_per_epoch = self.task.steps_per_epoch
        self.steps = plan.epochs * self.steps_per_epoch
        self.step = 0
        self.loss_sum = 0.0
        self.train_curve: list[float] = []                  # mean training loss of each finished epoch
        self.curve: list[float] = []                        # validation score after each

    @property
    def epoch(self) -> int:
        """Finished epochs."""
        return self.step // self.steps_per_epoch

    @property
    def finished(self) -> bool:
        return self.step == self.steps

    def advance(self) -> bool:
        """One step, and the validation if it ended an epoch: then True. Raises NonFinite at a loss that is none."""
        epoch, position = divmod(self.step, self.steps_per_epoch)
        self.model.train()
        seed_torch(stream_seed(self.plan.seed, "step", self.step), self.cuda)       # dropout
        loss = self._learn(*self.task.batch(epoch, position))
        self.step += 1
        self.loss_sum += loss
        if position + 1 < self.steps_per_epoch:
            return False
        self.train_curve.append(self.loss_sum / self.steps_per_epoch)
        self.curve.append(score(self.model, self.splits, self.splits.validation))
        self.loss_sum = 0.0
        return True

    def _learn(self, inputs: Tensor, labels: Tensor) -> float:
        rate = learning_rate(self.step, self.steps, round(self.plan.warmup * self.steps_per_epoch), self.plan.lr,
                             self.plan.schedule, self.steps_per_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cuda", self.half, enabled=self.cuda):
            loss = self.task.loss(self.model, inputs, labels)
        value = loss.item()
        if not math.isfinite(value):
            raise NonFinite(f"the loss became {value} at step {self.step} (epoch {self.epoch + 1})")
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()                  # type: ignore[no-untyped-call]
        if self.plan.clip is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.plan.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return value

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "loss_sum": self.loss_sum, "train_curve": list(self.train_curve),
                "curve": list(self.curve), "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
                "scaler": self.scaler.state_dict(), "task": self.task.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.task.load_state_dict(state.get("task", {}))
        self.step, self.loss_sum = state["step"], state["loss_sum"]
        self.train_curve, self.curve = list(state["train_curve"]), list(state["curve"])


def seed_torch(seed: int, cuda: bool) -> None:
    """As `torch.manual_seed`, which on machines without a GPU keeps a stack trace for each call, for good."""
    torch.default_generator.manual_seed(seed)
    if cuda:
        torch.cuda.manual_seed_all(seed)


def make_deterministic() -> None:
    """Ask torch for the same bits every time; what it cannot promise it warns of."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
