"""Training from scratch: build the network, train it, score it on the validation split after the last epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, ClassVar

from engine.architecture.architecture import digest
from engine.architecture.cost import Cost, measure
from engine.errors import Invalid, NonFinite, Problem, Unscored
from engine.estimation.context import Context, Interrupted
from engine.events import Event
from engine.options import choice, document, flag, integer, rate, real
from engine.registry import estimation
from engine.work import Candidate, Outcome

if TYPE_CHECKING:                               # reached in `perform`: declaring must not import torch
    from engine.checkpoint import Checkpoints
    from engine.training.trainer import Training

SHORTEST, LONGEST = 2, 80                       # epochs that a number of updates may mean
OPTIMIZERS = ("sgd", "adamw", "adam", "adadelta", "adagrad", "smorm3s")
POLICIES = ("cosine", "fixed", "inv", "exp", "step")
COMPARED = 5                                    # curves that median stopping needs before it stops anything


@dataclass(frozen=True)
class Options:
    epochs: int = integer(5, low=1, high=10_000, paper=200, help="Times that a candidate sees the training data.")
    updates: int | None = integer(None, low=1, high=1_000_000, optional=True,
                                  help="Steps to train for instead, as whole epochs from 2 to 80; empty: `epochs` counts.")
    batch_size: int = integer(64, low=2, high=8192, paper=256,
                              help="Examples in one step; of a text: streams read side by side.")
    optimizer: str = choice("sgd", choices=OPTIMIZERS, paper="sgd", help="How steps follow from gradients.")
    lr: float = real(0.1, low=1e-6, high=10.0, paper=0.1, log=True, help="Learning rate at its peak.")
    schedule: str = choice("cosine", choices=POLICIES, paper="cosine",
                           help="What becomes of it: half a cosine to zero, or after t epochs (1 + gamma t)^-power for inv, "
                                "gamma^t for exp, gamma^(t / epoch_step, rounded down) for step.")
    gamma: float = real(0.1, low=1e-6, high=1.0, log=True, help="Of the schedules inv, exp and step.")
    power: float = real(0.5, low=0.0, high=10.0, help="Of the schedule inv.")
    epoch_step: int = integer(30, low=1, high=10_000, help="Of the schedule step: epochs between two steps.")
    momentum: float = real(0.9, low=0.0, high=0.999, paper=0.9, help="Momentum of sgd.")
    nesterov: bool = flag(True, paper=True, help="Nesterov's form of momentum.")
    beta1: float = real(0.9, low=0.0, high=0.9999, help="Memory of gradients, for adam and adamw.")
    beta2: float = real(0.999, low=0.0, high=0.99999, help="Memory of their squares, for adam and adamw.")
    rho: float = real(0.9, low=0.0, high=0.9999, help="Memory of squares, for adadelta.")
    weight_decay: float = real(5e-4, low=0.0, high=1.0, paper=5e-4, help="How strongly weights are pulled to zero.")
    warmup: float = real(0.0, low=0.0, high=100.0, paper=0.0, help="Epochs in which the learning rate rises from zero.")
    label_smoothing: float = rate(0.0, paper=0.0, help="Probability spread over all classes in the targets.")
    augment: str = choice("none", choices=("none", "crop", "crop_flip", "crop_flip_cutout"), paper="crop_flip",
                          help="Random changes of training images. Flip only what may be seen from both sides.")
    clip: float | None = real(None, low=1e-6, high=1000.0, optional=True, help="Largest gradient norm; empty: any.")
    early_stop: str = choice("none", choices=("none", "median"), paper="none",
                             help="median: give up on candidates worse than half of the earlier ones at that epoch.")
    latency: bool = flag(False, help="Time each trained network on one input, where it was trained.")
    checkpoint_seconds: float = real(30.0, low=0.0, high=3600.0,
                                     help="Longest time between checkpoints; one is also written after each epoch.")

    def check(self) -> list[Problem]:
        if self.warmup < (SHORTEST if self.updates else self.epochs):
            return []
        return [Problem("/warmup", "is not shorter than the training", "less than its epochs")]


PAPER = {"epochs": 200, "batch_size": 256, "optimizer": "sgd", "lr": 0.1, "weight_decay": 5e-4, "augment": "crop_flip"}
CPU = {"epochs": 10, "batch_size": 64, "optimizer": "adamw", "lr": 0.01, "weight_decay": 0.01, "warmup": 0.5}


@estimation(title="Training from scratch", paper="settings of Dong & Yang, ICLR 2020 (arXiv:2001.00326)",
            summary="Train each candidate for a few epochs and take its score on data held out for validation.",
            presets={"paper": PAPER, "cpu": CPU})
class Scratch:
    """A candidate's `fidelity` and `hyper` replace the options of the same name. The score is the last epoch's."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def perform(self, work: Candidate, context: Context) -> Outcome:
        """Train and score, from the folder's last checkpoint if there is one. Raises Interrupted when asked to stop."""
        return guarded(lambda: self._trial(work, context).run())

    def _trial(self, work: Candidate, context: Context) -> Trial:
        options = replace(self.options, **{**context.space.training_options(work.hyper), **work.fidelity})
        return Trial(work, context, counted(options, work, len(context.data.train)))


def guarded(perform: Callable[[], Outcome]) -> Outcome:
    """What goes wrong in a training is its outcome, not the search's end. Raises nothing but Interrupted."""
    import torch

    try:
        return perform()
    except Interrupted:
        raise
    except Invalid as error:                    # shapes that cannot be, a network beyond the space's limits
        return failed("infeasible", error)
    except NonFinite as error:
        return failed("non_finite", error)
    except Unscored as error:
        return failed("unscored", error)
    except (torch.OutOfMemoryError, MemoryError) as error:
        return failed("oom", error)
    except Exception as error:  # noqa: BLE001 - the reason is kept with the trial
        return failed("oom" if "can't allocate memory" in str(error) else "error", error)


def counted(options: Options, work: Candidate, examples: int) -> Options:
    """The options with epochs in the place of updates, as Auto-Net counts them; a given number of epochs goes first."""
    if options.updates is None:
        return options
    held = min(LONGEST, max(SHORTEST, options.updates * options.batch_size // examples))
    return replace(options, epochs=work.fidelity.get("epochs", held), updates=None)


def failed(kind: str, error: Exception) -> Outcome:
    return Outcome("failed", metrics={"error": str(error)[:2000] or type(error).__name__, "error_kind": kind})


class Trial:
    """One training and what surrounds it: checkpoints, events, early stopping, the outcome."""

    source: ClassVar[str] = "scratch"           # of the weights that it begins with

    def __init__(self, work: Candidate, context: Context, options: Options) -> None:
        self.work, self.context, self.options = work, context, options
        self.data = context.data
        self.graph = context.space.network(work.architecture, self.data.shape, len(self.data.classes))
        self.cost: Cost = measure(self.graph, self.data.shape)
        self.checkpoints: Checkpoints
        self.training: Training
        self.seconds = 0.0                      # in earlier slices
        self.began = self.saved_at = time.monotonic()

    def run(self) -> Outcome:
        if self.work.weights.source != self.source:
            raise ValueError(f"a training from {self.source} cannot start from {self.work.weights.source} weights")
        limits = self.context.spec.constraints
        if (refusal := limits.refusal(self.cost, self.options.batch_size)) and self.work.final_of is None:
            return refusal
        self._prepare()
        while not self.training.finished:
            border = self.training.advance()
            if border:
                self._emit("epoch", epoch=self.training.epoch, epochs=self.options.epochs, score=self.training.curve[-1],
                           train_loss=self.training.train_curve[-1], seconds=self.spent())
            if border or time.monotonic() - self.saved_at >= self.options.checkpoint_seconds:
                self._save()
            if border and self._hopeless():
                return self._outcome("pruned")
            if not self.training.finished and self.context.stop():
                self._save()
                raise Interrupted
        outcome = self._outcome("done")
        return limits.judged(outcome) if self.work.final_of is None else outcome

    def spent(self) -> float:
        """Seconds of training, those before an interruption included."""
        return self.seconds + time.monotonic() - self.began

    def _prepare(self) -> None:
        """Build, or go on: whatever is drawn comes from the trial's seed."""
        from engine.checkpoint import Checkpoints
        from engine.nets.build import build
        from engine.training.trainer import Training, make_deterministic, seed_torch

        make_deterministic()
        seed_torch(self.context.seed, cuda=False)          # built on the CPU, so equal for every device
        model = build(self.graph, self.data.shape)
        self.training = Training(model, self.data, self._plan(), self.context.device)
        self.checkpoints = Checkpoints(self.context.workdir / "checkpoints", self._rejected)
        state = self.checkpoints.latest(self.context.device)
        if state and state.pop("training_id") != self._id():
            self._rejected("all", "they belong to another training")
            state = None
        if state:
            self.training.load_state_dict(state)
            self.seconds = state["seconds"]
        else:
            self._begin()
        self._emit("trial_started", epochs=self.options.epochs, epoch=self.training.epoch, step=self.training.step,
                   parameters=self.cost.parameters, flops=self.cost.flops)

    def _begin(self) -> None:
        """Fresh weights are ready as they are."""

    def _plan(self) -> Any:
        from engine.training.schedule import Schedule
        from engine.training.trainer import Plan

        o, augmentation = self.options, None
        if o.augment != "none":
            from engine.training.augment import augment

            augmentation = partial(augment, kind=o.augment, seed=self.context.seed)
        return Plan(o.epochs, o.batch_size, o.lr, o.optimizer, o.momentum, o.nesterov, o.weight_decay, o.warmup,
                    o.label_smoothing, o.clip, self.context.seed, augmentation, o.beta1, o.beta2, o.rho,
                    Schedule(o.schedule, o.gamma, o.power, o.epoch_step))

    def _id(self) -> str:
        """Equal exactly for trainings that take the same steps."""
        return digest([self.work.architecture.document(), document(self.options), self.context.seed, self.data.fingerprint,
                       len(self.data.train), self.context.spec.seed])

    def _save(self) -> None:
        state = {**self.training.state_dict(), "training_id": self._id(), "seconds": self.spent()}
        saved = self.checkpoints.save(state, self.training.step)
        self.saved_at = time.monotonic()
        self._emit("checkpoint", epoch=self.training.epoch, step=saved.step, sha256=saved.sha256, size=saved.size)

    def _hopeless(self) -> bool:
        """The median rule (Golovin et al. 2017, simplified: compared at the same epoch). Finals are never stopped."""
        epoch = self.training.epoch
        if self.options.early_stop != "median" or self.work.final_of is not None or self.training.finished:
            return False
        others = [curve[epoch - 1] for curve in self.context.comparison if len(curve) >= epoch]
        return len(others) >= COMPARED and self.training.curve[-1] < median(others)

    def _outcome(self, status: Any) -> Outcome:
        import torch
        from safetensors.torch import save

        from engine.checkpoint import write
        from engine.estimation.predictions import keep
        from engine.training.task import MEASURES, score

        training = self.training
        reached = training.curve[-1] if training.curve else score(training.model, self.data, self.data.validation)
        metrics: dict[str, Any] = {"parameters": self.cost.parameters, "flops": self.cost.flops, "macs": self.cost.macs,
                                   "curve": training.curve, "train_curve": training.train_curve,
                                   "input": list(self.data.shape), "classes": len(self.data.classes),
                                   **MEASURES[self.data.kind].more(reached)}
        if self.work.final_of is not None:
            metrics["test"] = score(training.model, self.data, self.data.test)
        elif self.context.spec.picks and status == "done":
            metrics["predictions"] = keep(training.model, self.data, self.context.workdir)
        if self.context.spec.timed and status == "done":
            metrics |= self._timed()
        weights = {name: tensor.cpu().clone(memory_format=torch.contiguous_format)      # shared ones are written twice
                   for name, tensor in training.model.state_dict().items()}
        artifact = write(self.context.workdir / "weights.safetensors", save(weights))
        return Outcome(status, reached, metrics=metrics, artifact=artifact,
                       spend={"seconds": self.spent(), "epochs": float(training.epoch)})

    def _timed(self) -> dict[str, Any]:
        from engine.estimation.latency import example, latency_ms

        latency = latency_ms(self.training.model, example(self.data, self.context.device))
        return {"latency_ms": latency, "latency_device": self.context.device}

    def _rejected(self, name: str, reason: str) -> None:
        self._emit("checkpoint_rejected", name=name, reason=reason)

    def _emit(self, kind: str, **data: Any) -> None:
        self.context.emit(Event(kind, self.work.trial, data))
