"""The training of a supernet: one step at a time, every step a function of the seed, its number and the state before it.

Each step asks the sampler to learn (alphas, on examples of their own), then draws what of the supernet takes part and
moves its weights. All that a method does differently is in its sampler; see `engine.nets.sampler`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.errors import NonFinite
from engine.nets.sampler import Draw, Sampler
from engine.rng import stream, stream_seed
from engine.streams import portions
from engine.training.data import Split, Splits
from engine.training.held import holding
from engine.training.task import MEASURES, Task, task_of
from engine.training.trainer import seed_torch

PROBES = 8                                      # batches on which the supernet is measured after an epoch


@dataclass(frozen=True)
class SharingPlan:
    """How the shared weights learn: SGD with half a cosine from `lr` to `last_lr`, a step of it an epoch; with a `cycle` of
    so many epochs it starts anew after them, each time `growth` times as long. `adam`: its two betas and epsilon, if it
    takes the place of SGD; `smooth`: the cosine moves in every step. The cosine starts with the epoch `begun` and is
    `length` epochs long, if that is not all of them."""

    epochs: int
    batch_size: int
    lr: float
    last_lr: float
    momentum: float
    weight_decay: float
    clip: float | None
    seed: int
    nesterov: bool = False
    cycle: int | None = None
    growth: int = 2
    adam: tuple[float, float, float] | None = None
    smooth: bool = False
    begun: int = 0
    length: int | None = None

    def rate(self, epoch: float) -> float:
        """Epochs beyond the planned ones go on with the last one."""
        length, begun = self.cycle or self.length or self.epochs, self.begun
        while self.cycle and epoch >= begun + length:
            begun, length = begun + length, length * self.growth
        part = min(1.0, max(0.0, epoch - begun) / length)
        return self.last_lr + (self.lr - self.last_lr) * (1 + math.cos(math.pi * part)) / 2


def parted(splits: Splits, share: float, seed: int) -> tuple[Splits, Splits]:
    """The training examples in two: w-train, from which the shared weights learn, and arch-val, by which architectures
    are chosen. The seed draws them; a text is cut. Validation and test examples are in neither."""
    count, text = len(splits.train), splits.kind == "text"
    learning, _ = portions(count, share)
    generator = torch.Generator().manual_seed(stream_seed(seed, "arch-val"))
    order = torch.arange(count) if text else torch.randperm(count, generator=generator)

    def part(chosen: Tensor) -> Splits:
        places = chosen.to(splits.train.labels.device)
        train = splits.train
        return replace(splits, train=Split(train.inputs[places], train.labels[places], train.indices[chosen]))

    return part(order[:learning]), part(order[learning:])


def optimizer_of(plan: SharingPlan, weights: Sequence[nn.Parameter],
                 undecayed: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """Weights that a supernet names `undecayed` are a group of their own, without decay."""
    free = {id(weight) for weight in undecayed}
    groups: list[dict[str, Any]] = [{"params": [weight for weight in weights if id(weight) not in free]}]
    if free:
        groups.append({"params": [weight for weight in weights if id(weight) in free], "weight_decay": 0.0})
    if plan.adam is not None:
        return torch.optim.Adam(groups, plan.lr, plan.adam[:2], plan.adam[2], weight_decay=plan.weight_decay)
    return torch.optim.SGD(groups, plan.lr, plan.momentum, weight_decay=plan.weight_decay,
                           nesterov=plan.nesterov and plan.momentum > 0)


class Moment:
    """One step (`engine.nets.sampler.Step`)."""

    def __init__(self, sharing: Sharing, number: int, epoch: int, position: int) -> None:
        plan = sharing.plan
        self.sharing, self.number, self.epoch, self.position = sharing, number, epoch, position
        self.closing = False
        self.progress = min(1.0, (epoch + position / sharing.steps_per_epoch) / plan.epochs)
        self.rng: Random = stream(plan.seed, "sampler", number)
        part = min(1.0, position / sharing.weight_steps) if plan.smooth else 0.0
        self.rate, self.momentum, self.decay = plan.rate(epoch + part), plan.momentum, plan.weight_decay
        self._batches: dict[str, tuple[Tensor, Tensor]] = {}

    @property
    def examples(self) -> int:
        return len(self.train_batch()[1])

    def train_loss(self, choice: Any) -> Tensor:
        return self.sharing.loss(self.sharing.learning, choice, *self.train_batch())

    def validation_loss(self, choice: Any) -> Tensor:
        return self.sharing.loss(self.sharing.choosing, choice, *self.validation_batch())

    @torch.no_grad()
    def validation_score(self, choice: Any) -> float:
        return self.sharing.measured(self.sharing.choosing, choice, *self.validation_batch())[1]

    def score(self, choice: Any) -> float:
        return self.sharing.score(choice)

    def velocities(self) -> list[Tensor | None]:
        state = self.sharing.optimizer.state
        return [state[weight].get("momentum_buffer") if weight in state else None for weight in self.sharing.weights]

    def train_batch(self) -> tuple[Tensor, Tensor]:
        """The weight steps of an epoch see all of w-train once."""
        task = self.sharing.learning
        return self._batch("train", task, self.epoch, self.position % task.steps_per_epoch)

    def validation_batch(self) -> tuple[Tensor, Tensor]:
        task = self.sharing.choosing
        return self._batch("validation", task, *divmod(self.number, task.steps_per_epoch))

    def _batch(self, name: str, task: Task, epoch: int, position: int) -> tuple[Tensor, Tensor]:
        if name not in self._batches:
            self._batches[name] = task.batch(epoch, position)
        return self._batches[name]


class Sharing:
    """The training of a supernet in progress; `state_dict` holds all that is not a function of the plan."""

    def __init__(self, sampler: Sampler, splits: Splits, share: float, plan: SharingPlan, device: str = "cpu") -> None:
        self.sampler, self.plan, self.device = sampler, plan, device
        self.supernet: nn.Module = sampler.supernet.to(device).to(memory_format=torch.channels_last)
        self.supernet.train()
        self.weights = list(self.supernet.parameters())
        self.optimizer = optimizer_of(plan, self.weights, getattr(self.supernet, "undecayed", ()))
        self.w_train, self.arch_val = parted(splits, share, plan.seed)
        self.learning = task_of(self.w_train, plan.batch_size, plan.seed, device)
        self.choosing = task_of(self.arch_val, plan.batch_size, stream_seed(plan.seed, "choosing"), device)
        self.measure = MEASURES[splits.kind]
        self.weight_steps = self.learning.steps_per_epoch
        self.opening: int = getattr(sampler, "opening", 0)
        self.steps_per_epoch = self.opening + self.weight_steps + sampler.closing
        self.step = self.epoch = self.position = 0                  # steps and epochs that are done, steps of this epoch
        self.sums = {"loss": 0.0, "score": 0.0, "seen": 0.0}        # of this epoch's weight steps

    def advance(self) -> bool:
        """One step; True if it ended an epoch. Raises NonFinite at a loss that is none."""
        if self.position == 0:
            self.sums = dict.fromkeys(self.sums, 0.0)
        seed_torch(stream_seed(self.plan.seed, "supernet step", self.step), self.device.startswith("cuda"))
        begun = self.position - self.opening
        closing = begun - self.weight_steps
        moment = Moment(self, self.step, self.epoch, self.position if begun < 0 else begun if closing < 0 else closing)
        moment.closing = begun < 0 or closing >= 0
        self.sampler.learn(moment)
        if not moment.closing:
            self._learn(moment)
        self.step, self.position = self.step + 1, self.position + 1
        if self.position < self.steps_per_epoch:
            return False
        self.epoch, self.position = self.epoch + 1, 0
        return True

    def loss(self, task: Task, choice: Any, inputs: Tensor, labels: Tensor) -> Tensor:
        return task.loss(Chosen(self.supernet, choice), inputs, labels)

    @torch.no_grad()
    def measured(self, task: Task, choice: Any, inputs: Tensor, labels: Tensor) -> tuple[float, float]:
        """Loss and score on a batch, without dropout."""
        self.supernet.eval()
        watch = Watched(self.supernet, choice)
        loss = task.loss(watch, inputs, labels).item()
        self.supernet.train()
        return loss, self.measure.glance(watch.last, labels)

    def report(self) -> dict[str, Any]:
        """Of the epoch that has just ended: losses and scores on both parts, and what the sampler tells. Its losses are
        finite, or it raises NonFinite. The next step is not disturbed."""
        held = [task.state_dict() for task in (self.learning, self.choosing)]
        try:
            return self._report()
        finally:
            for task, state in zip((self.learning, self.choosing), held, strict=True):
                task.load_state_dict(state)

    def _report(self) -> dict[str, Any]:
        seed_torch(stream_seed(self.plan.seed, "supernet report", self.step), self.device.startswith("cuda"))
        steps, probes = self.weight_steps, self._probes()
        found = {"train_loss": self.sums["loss"] / steps, "train_score": self.sums["score"] / max(1.0, self.sums["seen"]),
                 "valid_loss": sum(loss for loss, _ in probes) / len(probes),
                 "valid_score": sum(score for _, score in probes) / len(probes)}
        if not math.isfinite(found["valid_loss"]):
            raise NonFinite(f"the loss on arch-val became {found['valid_loss']} after epoch {self.epoch}")
        moment = Moment(self, self.step, self.epoch - 1, 0)
        moment.rng = stream(self.plan.seed, "report", self.step)
        return {**found, **self.sampler.report(moment)}

    def score(self, choice: Any) -> float:
        """Of a choice on all of arch-val, normalised by the statistics of its batches."""
        part = self.arch_val.train
        if self.arch_val.kind != "text" and len(part) % 2:          # no batch of one example, which has no statistics
            part = Split(part.inputs[:-1], part.labels[:-1], part.indices[:-1])
        found = self.measure.score(Chosen(self.supernet, choice), self.arch_val, part)
        self.supernet.train()
        return found

    def batches(self, count: int) -> list[Tensor]:
        """The inputs of the first batches of w-train, for statistics."""
        size = self.learning.steps_per_epoch
        return [self.learning.batch(*divmod(number, size))[0] for number in range(count)]

    def _learn(self, moment: Moment) -> None:
        rate = moment.rate
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)                   # what takes no part keeps None, and does not move
        draws = self.sampler.draw(moment)
        taught = self._lessons(draws, moment.train_batch()[0])
        total = sum(self._descend(draw, *moment.train_batch(), taught.get(id(draw.teacher))) for draw in draws)
        self.sums["loss"] += total / sum(draw.weight for draw in draws)
        if self.plan.clip is not None:
            nn.utils.clip_grad_norm_([w for w in self.weights if w.grad is not None], self.plan.clip)
        with holding(self.optimizer, self.parts(draws)):
            self.optimizer.step()

    def parts(self, draws: Sequence[Draw]) -> Mapping[nn.Parameter, Tensor]:
        """Of the weights that draws use in part: which entries. Supernets whose choices are slices know (`parts`)."""
        used = getattr(self.supernet, "parts", None)
        found: Mapping[nn.Parameter, Tensor] = used([draw.choice for draw in draws]) if used else {}
        return found

    @torch.no_grad()
    def _lessons(self, draws: Sequence[Draw], inputs: Tensor) -> dict[int, Tensor]:
        """The probabilities that each teacher gives the batch."""
        teachers = {id(draw.teacher): draw.teacher for draw in draws if draw.teacher is not None}
        return {key: self.supernet(inputs, teacher).softmax(-1) for key, teacher in teachers.items()}

    def _descend(self, draw: Draw, inputs: Tensor, labels: Tensor, taught: Tensor | None = None) -> float:
        """Add a draw's gradients; its weighted loss on the labels."""
        number, parts = draw.part
        inputs, labels = inputs.tensor_split(parts)[number], labels.tensor_split(parts)[number]
        watch = Watched(self.supernet, draw.choice)
        loss = draw.weight * self.learning.loss(watch, inputs, labels, draw.part)
        value = loss.item()
        if not math.isfinite(value):
            raise NonFinite(f"the loss of the supernet became {value} at step {self.step} (epoch {self.epoch + 1})")
        if taught is not None:
            loss = loss + draw.weight * draw.lesson * cross_entropy(watch.last, taught.tensor_split(parts)[number])
        loss.backward()                                              # type: ignore[no-untyped-call]
        self.sums["score"] += self.measure.glance(watch.last.detach(), labels) * len(labels)
        self.sums["seen"] += len(labels)
        return value

    def _probes(self) -> list[tuple[float, float]]:
        """Loss and score of fresh draws on batches of arch-val, which the epoch's steps are not disturbed by."""
        found = []
        for number in range(min(PROBES, self.choosing.steps_per_epoch)):
            moment = Moment(self, self.step, self.epoch - 1, number)
            moment.rng = stream(self.plan.seed, "probe", self.step, number)
            draw = self.sampler.draw(moment)[0]
            found.append(self.measured(self.choosing, draw.choice, *self.choosing.batch(self.epoch - 1, number)))
        return found

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "epoch": self.epoch, "position": self.position, "sums": dict(self.sums),
                "supernet": self.supernet.state_dict(), "optimizer": self.optimizer.state_dict(),
                "sampler": self.sampler.state_dict(), "tasks": [self.learning.state_dict(), self.choosing.state_dict()]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.supernet.load_state_dict(state["supernet"])
        decays = [group["weight_decay"] for group in self.optimizer.param_groups]       # the plan's, not what was saved
        self.optimizer.load_state_dict(state["optimizer"])
        for group, decay in zip(self.optimizer.param_groups, decays, strict=True):
            group["weight_decay"] = decay
        self.sampler.load_state_dict(state["sampler"])
        for task, held in zip((self.learning, self.choosing), state["tasks"], strict=True):
            task.load_state_dict(held)
        self.step, self.epoch, self.position = state["step"], state["epoch"], state["position"]
        self.sums = dict(state["sums"])


class Chosen(nn.Module):
    """A supernet on one choice, as a network."""

    def __init__(self, supernet: nn.Module, choice: Any) -> None:
        super().__init__()
        self.supernet, self.selected = supernet, choice

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.supernet(x, self.selected)
        return found


class Watched(Chosen):
    """The same; it remembers what it gave last."""

    last: Tensor

    def forward(self, x: Tensor) -> Tensor:
        self.last = super().forward(x)
        return self.last
