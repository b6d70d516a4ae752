"""Shared weights: epochs of a supernet, candidates scored with its weights, finals trained from scratch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from engine.architecture.architecture import digest
from engine.architecture.cost import measure
from engine.errors import Invalid, NonFinite
from engine.estimation import scratch
from engine.estimation.context import Context, Interrupted
from engine.estimation.inherited import Heir
from engine.estimation.latency import untrained
from engine.estimation.scratch import failed
from engine.events import Event
from engine.options import choice, integer, real
from engine.phases import Site
from engine.registry import discover, estimation
from engine.rng import stream_seed
from engine.streams import too_short
from engine.work import Candidate, Outcome, ScoreKind, SupernetEpoch

if TYPE_CHECKING:                               # reached in `perform`: declaring must not import torch
    from engine.checkpoint import Checkpoints
    from engine.training.sharing import Sharing

Known = tuple["Sharing", Mapping[str, Any]]             # a supernet and what was saved beside it
_resident: dict[tuple[str, str], Known] = {}            # of a warm process: the last one, by its checkpoint and device


SCORES: Mapping[str, ScoreKind] = {"shared": "shared", "generated": "hypernetwork"}        # by the source of the weights
BESIDE = ("identity", "settings", "line", "until", "seconds")      # saved beside the training's own state


@dataclass(frozen=True)
class Options(scratch.Options):
    """Those of training from scratch, which are for the finals, and how candidates are scored."""

    arch_share: float = real(0.5, low=0.01, high=0.9, paper=0.5,
                             help="Share of the training examples by which architectures are chosen and scored; the "
                                  "shared weights learn from the others.")
    statistics: str = choice("batch", choices=("batch", "recalibrated"), paper="batch",
                             help="A candidate is scored with the statistics of each batch, or with those measured anew "
                                  "for it on training examples.")
    recalibration: int = integer(20, low=1, high=1000, paper=200, help="Batches for statistics measured anew.")


@estimation(title="Shared weights", paper="Pham et al., ICML 2018 (arXiv:1802.03268); Liu et al., ICLR 2019",
            summary="Train one network that holds all architectures, score each with its part of the weights; the best are "
                    "trained from scratch in the end.",
            presets={"paper": {**scratch.PAPER, "arch_share": 0.5}, "cpu": {**scratch.CPU, "arch_share": 0.5}},
            performs={"scratch", "shared", "generated", "inherit", "supernet"})
class Shared:
    def __init__(self, options: Options) -> None:
        self.options = options

    def perform(self, work: Candidate | SupernetEpoch, context: Context) -> Outcome:
        """Raises Interrupted when asked to stop."""
        if isinstance(work, Candidate) and work.weights.source not in SCORES:
            own = scratch.Options(**{f.name: getattr(self.options, f.name) for f in fields(scratch.Options)})
            if work.weights.source == "inherit":
                return scratch.guarded(lambda: Heir(work, context, own, self._giver(work, context)).run())
            return scratch.guarded(lambda: self._refusal(work, context) or scratch.Scratch(own).perform(work, context))
        import torch

        try:
            if isinstance(work, Candidate):
                return Ranking(work, context, self.options).run()
            return Epoch(work, context, self.options).run()
        except Interrupted:
            raise
        except Invalid as error:
            return failed("infeasible", error)
        except NonFinite as error:
            return failed("non_finite", error)
        except (torch.OutOfMemoryError, MemoryError) as error:
            return failed("oom", error)
        except Exception as error:  # noqa: BLE001 - what goes wrong in a training is its outcome, not the search's end
            return failed("oom" if "can't allocate memory" in str(error) else "error", error)

    def _refusal(self, work: Candidate, context: Context) -> Outcome | None:
        """Of finals, too: what a supernet stands for when the search ends was never scored, nor timed."""
        if work.final_of is None:
            return None
        unseen = work.origin.get("unscored", False)
        return context.refusal(work.architecture, self.options.batch_size) or (
            context.late(work.architecture) if unseen else None)

    def _giver(self, work: Candidate, context: Context) -> Callable[[], Mapping[str, Any]]:
        """Of the weights that a network of its own inherits from the supernet."""

        def given() -> Mapping[str, Any]:
            if (trial := work.weights.trial) is None:
                raise ValueError("no trial is named from which the weights are inherited")
            sampler: Any = Supernets(context, self.options).of(trial)[0].sampler
            found: Mapping[str, Any] = sampler.inherited(work.architecture)
            return found

        return given


class Supernets:
    """The supernet of a search: made anew, or as the checkpoint of an epoch's trial holds it."""

    def __init__(self, context: Context, options: Options) -> None:
        self.context, self.options = context, options
        self.seed = stream_seed(context.spec.seed, "supernet")

    def make(self, settings: Mapping[str, Any], state: Mapping[str, Any] | None = None) -> Sharing:
        from engine.training.sharing import Sharing, SharingPlan
        from engine.training.trainer import make_deterministic, seed_torch

        if state is not None and state["identity"] != self.identity:
            raise RuntimeError("the shared weights belong to another search")
        context, wanted, data = self.context, self.context.spec.strategy.options, self.context.data
        if data.kind == "text" and (problem := too_short(context.space, len(data.train), data.shape[0],
                                                         self.options.arch_share)):
            raise Invalid(problem)
        make_deterministic()
        seed_torch(self.seed, cuda=False)                   # built on the CPU, so equal for every device
        site = Site(context.space, wanted, context.data.shape, len(context.data.classes), self.seed, context.device,
                    settings, context.data.kind, lambda one: context.admits(one, self.options.batch_size),
                    lambda one: context.late(one) is None)
        strategy: Any = discover("strategies")[context.spec.strategy.name].factory
        plan = SharingPlan(settings.get("epochs", wanted.epochs), wanted.batch_size, wanted.lr, wanted.last_lr,
                           wanted.momentum, wanted.weight_decay, wanted.clip, self.seed, **wanted.schedule())
        plan = replace(plan, **settings.get("plan", {}))
        sharing = Sharing(strategy.sampler(site), context.data, self.options.arch_share, plan, context.device)
        if state is not None:
            sharing.load_state_dict(dict(state))
        return sharing

    @property
    def identity(self) -> str:
        """Equal exactly for supernets that take the same steps."""
        spec = self.context.spec
        return digest([spec.document()["space"], spec.strategy.document(), self.options.arch_share, spec.seed,
                       self.context.data.fingerprint, len(self.context.data.train)])

    def of(self, trial: int, settings: Mapping[str, Any] | None = None) -> Known:
        """As the trial's epoch has left it: with new settings to be trained on, without them only to be read. Settings with
        another number `supernet` begin with new weights."""
        held = checkpoints_of(self.context, trial)
        newest = next(iter(held.all()), None)
        key = (newest.sha256, self.context.device) if newest else ("", "")
        if key in _resident and (settings is None or settings == _resident[key][1]["settings"]):
            return _resident[key] if settings is None else _resident.pop(key)
        state = held.latest(self.context.device)
        if state is None:
            raise RuntimeError(f"the shared weights of trial {trial} are not there any more")
        wanted = state["settings"] if settings is None else settings
        goes_on = wanted.get("supernet") == state["settings"].get("supernet")
        known = self.make(wanted, state if goes_on else None), beside(state)
        if settings is None:
            reside(key, known)
        return known


def checkpoints_of(context: Context, trial: int) -> Checkpoints:
    from engine.checkpoint import Checkpoints

    return Checkpoints(context.workdir.parent / str(trial) / "checkpoints")


def beside(state: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: state[name] for name in BESIDE}


def reside(key: tuple[str, str], known: Known) -> None:
    """Stay in memory for the next order; there is room for one."""
    _resident.clear()
    _resident[key] = known


class Epoch:
    """One epoch of a supernet and what surrounds it: checkpoints, events, the outcome."""

    def __init__(self, work: SupernetEpoch, context: Context, options: Options) -> None:
        self.work, self.context, self.options = work, context, options
        self.supernets = Supernets(context, options)
        self.checkpoints: Checkpoints
        self.sharing: Sharing
        self.line: list[int] = []               # trials that this one continues and whose states may be there, newest last
        self.saved = -1                         # the step of the newest checkpoint
        self.until = 0                          # epochs of the supernet when this one is done
        self.seconds = 0.0                      # in earlier slices
        self.began = self.saved_at = time.monotonic()

    def run(self) -> Outcome:
        self._prepare()
        while self.sharing.epoch < self.until:
            border = self.sharing.advance()
            if border or time.monotonic() - self.saved_at >= self.options.checkpoint_seconds:
                self._save()
            if not border and self.context.stop():
                if self.saved != self.sharing.step:
                    self._save()
                raise Interrupted
        report = {**self.sharing.report(), "tables": self._tables()}
        self._emit("epoch", epoch=1, epochs=1, score=report["valid_score"], train_loss=report["train_loss"],
                   seconds=self.spent())
        self._tidy()
        newest = self.checkpoints.all()[0]
        reside((newest.sha256, self.context.device), (self.sharing, self._beside()))
        metrics = {"curve": [report["valid_score"]], "train_curve": [report["train_loss"]], "epoch": self.work.index + 1}
        return Outcome("done", report["valid_score"], "shared", metrics, {"seconds": self.spent(), "epochs": 1.0},
                       newest.sha256, report)

    def spent(self) -> float:
        return self.seconds + time.monotonic() - self.began

    def _prepare(self) -> None:
        """Go on in the middle of the epoch, or from the epoch before, or begin."""
        self.checkpoints = checkpoints_of(self.context, self.work.trial)
        self.checkpoints.rejected = lambda name, reason: self._emit("checkpoint_rejected", name=name, reason=reason)
        own = self.checkpoints.latest(self.context.device)
        if own is not None:
            self.sharing, known = self.supernets.make(self.work.settings, own), beside(own)
            self.line, self.until, self.seconds = list(known["line"]), known["until"], known["seconds"]
        elif self.work.continues is not None:
            self.sharing, known = self.supernets.of(self.work.continues, self.work.settings)
            self.line, self.until = [*known["line"], self.work.continues][-self.keep - 1:], self.sharing.epoch + 1
        else:
            self.sharing, self.until = self.supernets.make(self.work.settings), 1
        parameters = sum(weight.numel() for weight in self.sharing.weights)
        self._emit("trial_started", epochs=1, epoch=0, step=self.sharing.step, parameters=parameters)

    def _beside(self) -> dict[str, Any]:
        return {"identity": self.supernets.identity, "settings": dict(self.work.settings), "line": list(self.line),
                "until": self.until, "seconds": self.spent()}

    @property
    def keep(self) -> int:
        """How many states before this epoch's stay; more than one only where a strategy may go back to them."""
        found: int = self.work.settings.get("keep", 1)
        return found

    def _save(self) -> None:
        saved = self.checkpoints.save({**self.sharing.state_dict(), **self._beside()}, self.sharing.step)
        self.saved, self.saved_at = saved.step, time.monotonic()
        self._emit("checkpoint", epoch=self.sharing.epoch, step=saved.step, sha256=saved.sha256, size=saved.size)

    def _tidy(self) -> None:
        """A search keeps the newest state of this epoch and of the one before, or of more; none of what it went back on."""
        for saved in self.checkpoints.all()[1:]:
            saved.path.unlink(missing_ok=True)
        left = range(self.line[-1] + 1, self.work.trial) if self.line and "keep" in self.work.settings else ()
        for trial in (*self.line[:-self.keep], *left):
            for saved in checkpoints_of(self.context, trial).all():
                saved.path.unlink(missing_ok=True)

    def _tables(self) -> dict[str, Any]:
        """Names of the rows and columns of what a supernet decides, for people."""
        owner = getattr(self.sharing.supernet, "relaxed", self.sharing.sampler)
        tables = getattr(owner, "tables", {})
        return {name: {"edges": list(table.edges), "ops": list(table.ops)} for name, table in tables.items()}

    def _emit(self, kind: str, **data: Any) -> None:
        self.context.emit(Event(kind, self.work.trial, data))


class Ranking:
    """An architecture scored on arch-val with its part of the shared weights, which stay as they are. Its `fidelity`
    replaces the options of the same name."""

    def __init__(self, work: Candidate, context: Context, options: Options) -> None:
        self.work, self.context, self.options = work, context, replace(options, **work.fidelity)

    def run(self) -> Outcome:
        began, data, limits = time.monotonic(), self.context.data, self.context.spec.constraints
        graph = self.context.space.network(self.work.architecture, data.shape, len(data.classes))
        cost = measure(graph, data.shape)
        if refusal := limits.refusal(cost, self.options.batch_size):
            return refusal
        if self.work.weights.trial is None:
            raise ValueError("no trial is named whose shared weights are meant")
        self.context.emit(Event("trial_started", self.work.trial, {"epochs": 0, "epoch": 0, "step": 0,
                                                                   "parameters": cost.parameters, "flops": cost.flops}))
        score = self._score(Supernets(self.context, self.options).of(self.work.weights.trial)[0])
        metrics = {"parameters": cost.parameters, "flops": cost.flops, "macs": cost.macs, "input": list(data.shape),
                   "classes": len(data.classes), "supernet": self.work.weights.trial}
        if self.context.spec.timed:
            metrics |= untrained(graph, data, self.context.device)
        spend = {"seconds": time.monotonic() - began, "epochs": 0.0}
        return limits.judged(Outcome("done", score, SCORES[self.work.weights.source], metrics, spend))

    def _score(self, sharing: Sharing) -> float:
        choice = sharing.sampler.choice(self.work.architecture)
        if self.options.statistics == "batch":
            return sharing.score(choice)
        from engine.nets.statistics import recalibrated
        from engine.training.sharing import Chosen

        with recalibrated(Chosen(sharing.supernet, choice), sharing.batches(self.options.recalibration)):
            return sharing.score(choice)
