"""The inner layer of weight sharing: what a sampler sees of a step, and what the trainer of a supernet asks of it.

A weight-sharing method is one file in `engine/strategies/`. Its strategy asks for epochs and candidates
(`engine.phases`); its static method `sampler(site)` makes the object below, on the machine that trains. The samplers at
hand are `engine.nets.mixture.Mixture` (alphas that learn by gradient) and `engine.nets.paths.Paths` (one architecture a
batch); both take functions for what a method does differently. Whatever has these methods will do: a supernet may be any
module, and what it takes as a choice is between it and its sampler. Temperatures and other schedules follow from
`step.progress`; what an epoch measures for an early stop (an eigenvalue, a count) goes into its report, and the strategy,
which is told it, stops. A stage with another supernet is a new `Site.settings`, told by the strategy with the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

from engine.architecture.architecture import Architecture


class Draw(NamedTuple):
    """A choice for a weight step. `part` (k, n): it sees only the k-th of n parts of the batch, with the statistics of
    that part (ghost batches). The losses of a step's draws are added up with their weights. `teacher`: another choice, whose
    probabilities are a second target beside the labels; their cross entropy counts `lesson` times."""

    choice: Any
    weight: float = 1.0
    part: tuple[int, int] = (0, 1)
    teacher: Any = None
    lesson: float = 1.0


class Step(Protocol):
    """One step of a supernet's training. Batches are taken when they are first needed."""

    number: int                                 # over all epochs, from 0
    epoch: int                                  # from 0
    closing: bool                               # a step in which the sampler alone learns, after the others or before
    position: int                               # among the weight steps of its epoch, or among those before or after them
    progress: float                             # of all epochs, from 0 to 1
    rng: Random                                 # of this step alone
    rate: float                                 # of the weights
    momentum: float
    decay: float

    @property
    def examples(self) -> int: ...                              # in the step's batch of w-train
    def train_loss(self, choice: Any) -> Tensor: ...            # on the step's batch of w-train
    def validation_loss(self, choice: Any) -> Tensor: ...       # on its batch of arch-val
    def validation_score(self, choice: Any) -> float: ...       # score there; of text minus bits a character
    def score(self, choice: Any) -> float: ...                  # the same on all of arch-val
    def velocities(self) -> Sequence[Tensor | None]: ...        # of each weight, as `supernet.parameters()` lists them


class Sampler(Protocol):
    """Draws what of the supernet takes part in a step, and learns. All it knows is in `state_dict`. One with a number
    `opening` has so many steps of its own before the weight steps of an epoch, which are like closing steps."""

    @property
    def supernet(self) -> nn.Module: ...        # forward(inputs, choice)
    @property
    def closing(self) -> int: ...               # steps after the weight steps of each epoch, in which it alone learns
    def draw(self, step: Step) -> Sequence[Draw]: ...           # for a weight step
    def learn(self, step: Step) -> None: ...                    # before each weight step, and in closing steps
    def choice(self, architecture: Architecture) -> Any: ...    # on which the supernet computes this architecture
    def report(self, step: Step) -> dict[str, Any]: ...         # after an epoch, for its payload: small JSON; learns nothing
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Giver(Sampler, Protocol):
    """A sampler from whose supernet networks of their own inherit weights (candidates with `Weights("inherit", ...)`)."""

    def inherited(self, architecture: Architecture) -> Mapping[str, Tensor]: ...   # of `space.network`, without statistics
