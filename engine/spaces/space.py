"""What every space can do: the protocol that strategies and the form rely on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from engine.architecture.architecture import Architecture, Proposal
from engine.architecture.graph import Graph, Shape


@dataclass(frozen=True)
class Parameter:
    """One decision of a space: `kind` categorical, integer or real; `when` holds the conditions that make it active."""

    name: str
    kind: str
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    when: tuple[Mapping[str, Any], ...] = ()     # [{"name": "layers", "at_least": 3}], all must hold

    def document(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "choices": list(self.choices), "low": self.low, "high": self.high,
                "when": [dict(c) for c in self.when]}


class Space(Protocol):
    """A frozen dataclass of options, declared with `registry.space`. Never a torch module, never mutated."""

    def parameters(self) -> tuple[Parameter, ...]: ...
    def sample(self, rng: Random) -> Proposal: ...
    def contains(self, architecture: Architecture) -> bool: ...
    def mutate(self, architecture: Architecture, rng: Random) -> Architecture: ...
    def neighbours(self, architecture: Architecture) -> Iterable[Architecture]: ...
    def size(self) -> int | None: ...
    def parse(self, genotype: Any, path: str = "") -> Architecture: ...         # raises Invalid
    def cell(self, architecture: Architecture) -> Graph: ...                    # for people: drawing
    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph: ...   # primitive layers
    def canonical(self, architecture: Architecture) -> str: ...                 # canonical id (architecture/canonical.py)
