"""An architecture: the kind of its space and its genotype, as plain data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


def digest(value: Any) -> str:
    """A stable hash of JSON data, independent of key order (16 hex digits)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Architecture:
    """A point of a space. `genotype` is JSON data whose meaning the space of that kind knows."""

    kind: str
    genotype: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        return {"kind": self.kind, "genotype": dict(self.genotype)}

    @property
    def encoding_id(self) -> str:
        """Equal exactly if kind and genotype are equal."""
        return digest(self.document())

    def __hash__(self) -> int:
        return hash(self.encoding_id)


@dataclass(frozen=True)
class Proposal:
    """What a space samples: an architecture and, in joint spaces, training hyperparameters."""

    architecture: Architecture
    hyper: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return {"genotype": dict(self.architecture.genotype), "hyper": dict(self.hyper)}
