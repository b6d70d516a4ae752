"""What every space can do: the protocol that strategies and the form rely on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from engine.architecture.architecture import Architecture, Proposal
from engine.architecture.graph import Graph, Shape

if TYPE_CHECKING:
    from engine.architecture.cost import Total
    from engine.architecture.tally import Known


@dataclass(frozen=True)
class Parameter:
    """One decision of a space: `kind` categorical, integer or real; `when` holds the conditions that make it active.

    Numbers lie in [low, high]. `prior` is how they are drawn: `uniform`, `log` (uniform in the logarithm), `normal` or
    `lognormal` (`mu` and `sigma` of the number, or of its natural logarithm), cut off at the bounds. Reals may be quantised.
    """

    name: str
    kind: str
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    when: tuple[Mapping[str, Any], ...] = ()     # [{"name": "layers", "at_least": 3}], all must hold
    prior: str = "uniform"
    mu: float = 0.0
    sigma: float = 1.0
    step: float | None = None                    # reals are multiples of this
    layer: int = 0                               # where decisions come layer by layer: whose this one is, from 1
    reads: int = 0                               # of a skip: the earlier layer that a yes (the second choice) reads
    result: int = 0                              # where results have numbers, from 1: which one this decision helps to make
    points: tuple[int, ...] = ()                 # of an input: the result of each choice; 0, -1, … come from outside

    def document(self) -> dict[str, Any]:
        shown = {"name": self.name, "kind": self.kind, "choices": list(self.choices), "low": self.low, "high": self.high,
                 "when": [dict(c) for c in self.when]}
        if self.kind != "categorical":
            shown |= {"prior": self.prior, "step": self.step}
        return shown | ({"mu": self.mu, "sigma": self.sigma} if self.prior.endswith("normal") else {})


class Space(Protocol):
    """A frozen dataclass of options, declared with `registry.space`. Never a torch module, never mutated."""

    def parameters(self) -> tuple[Parameter, ...]: ...
    def sample(self, rng: Random) -> Proposal: ...
    def sample_many(self, rng: Random, count: int) -> list[Proposal]: ...       # as `sample`, many at once and quicker
    def contains(self, architecture: Architecture) -> bool: ...
    def mutate(self, architecture: Architecture, rng: Random) -> Architecture: ...
    def training_parameters(self) -> tuple[Parameter, ...]: ...                 # those of `parameters` that say how to train
    def mutate_proposal(self, proposal: Proposal, rng: Random) -> Proposal: ... # may change training instead
    def training_options(self, hyper: Mapping[str, Any]) -> Mapping[str, Any]: ...      # what it means for the estimation
    def neighbours(self, architecture: Architecture) -> Iterable[Architecture]: ...
    def neighbour_proposals(self, proposal: Proposal) -> Iterable[Proposal]: ... # all that one `mutate_proposal` can make
    def size(self) -> int | None: ...
    def parse(self, genotype: Any, path: str = "") -> Architecture: ...         # raises Invalid
    def read(self, genotype: Any, path: str = "") -> Architecture: ...          # as `parse`, also what is only written alike
    def texts(self, architecture: Architecture) -> Mapping[str, str]: ...       # in forms that other tools read
    def cell(self, architecture: Architecture) -> Graph: ...                    # for people: drawing
    def pictures(self, architecture: Architecture) -> Mapping[str, Graph]: ...  # by title: one, or one a kind of cell
    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph: ...   # primitive layers
    def total(self, architecture: Architecture, shape: Shape, classes: int, known: Known) -> Total: ...     # of samples
    def canonical(self, architecture: Architecture) -> str: ...                 # canonical id (architecture/canonical.py)
