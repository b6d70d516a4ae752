"""Where a work item is performed: what an estimation may use, and how it is asked to stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from engine.architecture.architecture import Architecture
from engine.architecture.cost import measure
from engine.errors import Invalid
from engine.estimation.latency import untrained
from engine.events import Event
from engine.work import Outcome

if TYPE_CHECKING:                               # the types of modules that import torch
    from engine.spaces.space import Space
    from engine.spec import Spec
    from engine.training.data import Splits


class Interrupted(Exception):
    """The training was asked to stop and has written a checkpoint; performing the same work again continues from it."""


@dataclass(frozen=True)
class Context:
    """The surroundings of one work item."""

    spec: Spec
    space: Space
    data: Splits                                         # None for estimations that do not train
    device: str
    workdir: Path                                        # the trial's own folder: checkpoints and weights
    seed: int
    emit: Callable[[Event], None]
    stop: Callable[[], bool]
    comparison: Sequence[Sequence[float]] = ()           # validation curves of earlier trials, for median stopping

    def refusal(self, architecture: Architecture, batch: int) -> Outcome | None:
        """What becomes of a network that breaks a limit by formula, on batches of this size. Raises Invalid where there can
        be no network."""
        cost = measure(self.space.network(architecture, self.data.shape, len(self.data.classes)), self.data.shape)
        return self.spec.constraints.refusal(cost, batch)

    def late(self, architecture: Architecture) -> Outcome | None:
        """What becomes of a network that is too slow, timed before anybody trains it. Nothing is timed where there is no
        limit of the latency."""
        if self.spec.constraints.latency_ms is None:
            return None
        graph = self.space.network(architecture, self.data.shape, len(self.data.classes))
        return self.spec.constraints.late(untrained(graph, self.data, self.device))

    def admits(self, architecture: Architecture, batch: int) -> bool:
        """Whether its network can be built and breaks no limit by formula."""
        try:
            return self.refusal(architecture, batch) is None
        except Invalid:
            return False


class Estimation(Protocol):
    """How good is it? One file each, declared with `registry.estimation`. It is given no other work than it `performs`."""

    def perform(self, work: Any, context: Context) -> Outcome: ...
