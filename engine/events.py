"""Events: what happened in a search, as data. The recorder gives them their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The closed list of what may happen; the browser's panels listen to these names.
TYPES = frozenset({
    "search_started", "search_state", "trial_proposed", "trial_started", "epoch", "checkpoint", "checkpoint_rejected",
    "trial_finished", "incumbent", "strategy", "final_started", "final_finished", "log", "search_finished", "download",
})


@dataclass(frozen=True)
class Event:
    """One thing that happened: `type` from TYPES, the trial it concerns (or None), small JSON data."""

    type: str
    trial: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise ValueError(f"unknown event type {self.type!r}")

    def document(self) -> dict[str, Any]:
        head: dict[str, Any] = {"event": self.type}
        if self.trial is not None:
            head["trial"] = self.trial
        return {**head, **self.data}
