"""The training loop: one step at a time, every step a function of the seed and its number."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.errors import NonFinite
from engine.rng import stream_seed
from engine.training.data import Split, Splits, epoch_order
from engine.training.schedule import learning_rate

EVALUATION_BATCH = {"cpu": 64, "cuda": 1024}    # on CPUs what stays near the caches is three times quicker
Augment = Callable[[Tensor, Tensor, int], Tensor]          # stored images, their places in the training set, the epoch


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
        # a last batch of one image is left out: batch norm cannot learn from it
        full, rest = divmod(len(splits.train), plan.batch_size)
        self.steps_per_epoch = max(1, full + (rest > 1))
        self.steps = plan.epochs * self.steps_per_epoch
        self.step = 0
        self.loss_sum = 0.0
        self.train_curve: list[float] = []                  # mean training loss of each finished epoch
        self.curve: list[float] = []                        # validation accuracy after each
        self._order: tuple[int, Tensor] | None = None

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
        loss = self._learn(*self._batch(epoch, position))
        self.step += 1
        self.loss_sum += loss
        if position + 1 < self.steps_per_epoch:
            return False
        self.train_curve.append(self.loss_sum / self.steps_per_epoch)
        self.curve.append(accuracy(self.model, self.splits, self.splits.validation))
        self.loss_sum = 0.0
        return True

    def _batch(self, epoch: int, position: int) -> tuple[Tensor, Tensor]:
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, epoch_order(len(self.splits.train), self.plan.seed, epoch, self.device)
        size = self.plan.batch_size
        chosen = self._order[1][position * size: (position + 1) * size]
        images = self.splits.train.images[chosen]
        if self.plan.augment:
            images = self.plan.augment(images, chosen, epoch)
        return self.splits.normalise(images).contiguous(memory_format=torch.channels_last), self.splits.train.labels[chosen]

    def _learn(self, images: Tensor, labels: Tensor) -> float:
        rate = learning_rate(self.step, self.steps, round(self.plan.warmup * self.steps_per_epoch), self.plan.lr)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cuda", self.half, enabled=self.cuda):
            loss = cross_entropy(self.model(images), labels, label_smoothing=self.plan.label_smoothing)
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
                "scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.step, self.loss_sum = state["step"], state["loss_sum"]
        self.train_curve, self.curve = list(state["train_curve"]), list(state["curve"])


def optimizer_of(model: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    if plan.optimizer == "adamw":
        return torch.optim.AdamW(model.parameters(), lr=plan.lr, weight_decay=plan.weight_decay, fused=True)
    return torch.optim.SGD(model.parameters(), lr=plan.lr, momentum=plan.momentum, weight_decay=plan.weight_decay,
                           nesterov=plan.nesterov and plan.momentum > 0, fused=True)


@torch.inference_mode()
def accuracy(model: nn.Module, splits: Splits, part: Split) -> float:
    """The share of images whose class the network names, computed in full precision."""
    model.eval()
    right = 0
    size = EVALUATION_BATCH[part.images.device.type]
    batches = torch.split(part.images, size), torch.split(part.labels, size)
    for images, labels in zip(*batches, strict=True):
        right += int((model(splits.normalise(images)).argmax(1) == labels).sum())
    return right / len(part)


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
