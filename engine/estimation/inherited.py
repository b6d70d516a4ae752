"""Inherited weights: an architecture's part of a supernet as a network of its own, with its own statistics, trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from engine.architecture.architecture import digest
from engine.estimation.context import Context
from engine.estimation.scratch import Options, Trial
from engine.work import Candidate, Outcome

if TYPE_CHECKING:                               # imports torch
    from torch import Tensor

GENTLE = 0.1                                    # of the learning rate for fresh weights
BATCHES = 20                                    # on which statistics are measured


class Heir(Trial):
    """`given` gives the weights. Training goes on as from scratch but more gently, for the epochs of the work's `fidelity`;
    without any the network is scored as it is. Its score is `inherited`: never in one order with those from scratch."""

    source: ClassVar[str] = "inherit"

    def __init__(self, work: Candidate, context: Context, options: Options, given: Callable[[], Mapping[str, Any]]) -> None:
        gentle = replace(options, lr=max(1e-6, GENTLE * options.lr), warmup=0.0, updates=None)
        super().__init__(work, context, replace(gentle, **work.fidelity))
        self.given = given

    def _begin(self) -> None:
        from engine.nets.statistics import calibrate
        from engine.training.trainer import seed_torch

        model, weights = self.training.model, dict(self.given())
        if missing := [name for name, _ in model.named_parameters() if name not in weights]:
            raise ValueError(f"no weights are inherited for {missing[0]}")
        model.load_state_dict(weights, strict=False)
        seed_torch(self.context.seed, self.training.cuda)
        calibrate(model, self._batches())

    def _batches(self) -> list[Tensor]:
        task = self.training.task
        return [task.batch(0, number)[0] for number in range(min(BATCHES, task.steps_per_epoch))]

    def _hopeless(self) -> bool:
        """Its curve begins where others end."""
        return False

    def _id(self) -> str:
        return digest([super()._id(), self.work.weights.document()])

    def _outcome(self, status: Any) -> Outcome:
        outcome = super()._outcome(status)
        return replace(outcome, score_kind="inherited", metrics={**outcome.metrics, "supernet": self.work.weights.trial})
