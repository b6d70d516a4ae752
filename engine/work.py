"""What a strategy asks for and what comes back: work, outcomes and the strategy protocol."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args

from engine.architecture.architecture import Architecture
from engine.events import Event

ScoreKind = Literal["scratch", "inherited", "shared", "hypernetwork", "proxy", "tabular"]
KINDS: tuple[ScoreKind, ...] = get_args(ScoreKind)                  # in the order of a leaderboard
Status = Literal["done", "failed", "pruned"]


@dataclass(frozen=True)
class Weights:
    """Where a candidate's weights come from. `trial` for resume and inherit; morphs are JSON data."""

    source: Literal["scratch", "resume", "inherit", "shared", "generated"] = "scratch"
    trial: int | None = None
    morphs: tuple[Mapping[str, Any], ...] = ()

    def document(self) -> dict[str, Any]:
        return {"source": self.source, "trial": self.trial, "morphs": [dict(m) for m in self.morphs]}


@dataclass(frozen=True)
class Candidate:
    """Train and score this architecture. `trial` is set by the search, never by the strategy."""

    architecture: Architecture
    hyper: Mapping[str, Any] = field(default_factory=dict)
    fidelity: Mapping[str, Any] = field(default_factory=dict)      # e.g. {"epochs": 3}; empty = as estimation says
    weights: Weights = Weights()
    parents: tuple[int, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)        # {"how": "mutation", ...}: why this one
    trial: int = -1
    final_of: int | None = None                                    # a final: the trial it retrains
    seed: int = 0                                                  # repetition of a final, or of a candidate (from 1)

    def document(self) -> dict[str, Any]:
        return {"type": "candidate", "architecture": self.architecture.document(), "hyper": dict(self.hyper),
                "fidelity": dict(self.fidelity), "weights": self.weights.document(), "parents": list(self.parents),
                "origin": dict(self.origin), "trial": self.trial, "final_of": self.final_of, "seed": self.seed}


@dataclass(frozen=True)
class SupernetEpoch:
    """Train the shared weights for one epoch, from where the epoch of the trial `continues` has left them."""

    index: int
    origin: Mapping[str, Any] = field(default_factory=dict)
    trial: int = -1
    continues: int | None = None                                   # None: new weights
    settings: Mapping[str, Any] = field(default_factory=dict)      # for the method's sampler, e.g. its stage

    def document(self) -> dict[str, Any]:
        return {"type": "supernet_epoch", "index": self.index, "origin": dict(self.origin), "trial": self.trial,
                "continues": self.continues, "settings": dict(self.settings)}


@dataclass(frozen=True)
class Network:
    """A trained network that an ensemble may choose, with the hashes of what its training left behind."""

    trial: int
    architecture: Architecture
    weights: str
    predictions: str                                               # class probabilities on the validation split

    def document(self) -> dict[str, Any]:
        return {"trial": self.trial, "architecture": self.architecture.document(), "weights": self.weights,
                "predictions": self.predictions}


@dataclass(frozen=True)
class Selection:
    """Choose among these trained networks, the best first, an ensemble of up to `size`, and score it."""

    networks: tuple[Network, ...]
    size: int
    origin: Mapping[str, Any] = field(default_factory=dict)
    trial: int = -1

    @property
    def final_of(self) -> int:
        """It closes the search as finals do; what it is measured against is the best single network."""
        return self.networks[0].trial

    def document(self) -> dict[str, Any]:
        return {"type": "ensemble", "networks": [network.document() for network in self.networks], "size": self.size,
                "origin": dict(self.origin), "trial": self.trial}


Work = Candidate | SupernetEpoch | Selection


def work_from(document: Mapping[str, Any]) -> Work:
    """The inverse of `document()`."""
    d = dict(document)
    kind = d.pop("type")
    if kind == "supernet_epoch":
        return SupernetEpoch(**d)
    if kind == "ensemble":
        networks = (Network(**{**n, "architecture": Architecture(**n["architecture"])}) for n in d.pop("networks"))
        return Selection(tuple(networks), **d)
    d["architecture"] = Architecture(**d["architecture"])
    weights = d["weights"]
    d["weights"] = Weights(weights["source"], weights["trial"], tuple(weights["morphs"]))
    d["parents"] = tuple(d["parents"])
    return Candidate(**d)


@dataclass(frozen=True)
class Outcome:
    """What became of a work item. `score` is maximised; a missing or non-finite score is a failure."""

    status: Status
    score: float | None = None
    score_kind: ScoreKind = "scratch"
    metrics: Mapping[str, Any] = field(default_factory=dict)       # parameters, flops, test, curve, error …
    spend: Mapping[str, float] = field(default_factory=dict)       # {"seconds": …, "epochs": …}
    artifact: str | None = None                                    # hash of the weights in the artifact store
    payload: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status == "done" and (self.score is None or not math.isfinite(self.score)):
            object.__setattr__(self, "status", "failed")
            object.__setattr__(self, "score", None)
            object.__setattr__(self, "metrics", {**self.metrics, "error": "non_finite"})

    @property
    def ok(self) -> bool:
        return self.status == "done"

    def document(self) -> dict[str, Any]:
        return {"status": self.status, "score": self.score, "score_kind": self.score_kind, "metrics": dict(self.metrics),
                "spend": dict(self.spend), "artifact": self.artifact, "payload": dict(self.payload)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Outcome:
        return cls(**document)


class Strategy(Protocol):
    """The one protocol. `ask` gives work ([] with results pending = waiting, [] with none pending = done)."""

    def ask(self, slots: int) -> list[Work]: ...
    def tell(self, work: Work, outcome: Outcome) -> list[Event]: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...
