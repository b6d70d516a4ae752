"""The leaderboard: trained networks best first, score kinds never mixed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.spec import Spec
from engine.work import KINDS, Candidate, Outcome, Work


def row(spec: Spec, work: Candidate, outcome: Outcome) -> dict[str, Any]:
    """One line of the table."""
    return {"trial": work.trial, "status": outcome.status, "score": outcome.score, "score_kind": outcome.score_kind,
            "encoding_id": work.architecture.encoding_id, "canonical_id": spec.space.canonical(work.architecture),
            "parameters": outcome.metrics.get("parameters"), "flops": outcome.metrics.get("flops"),
            "latency_ms": outcome.metrics.get("latency_ms"),
            "epochs": outcome.spend.get("epochs"), "seconds": outcome.spend.get("seconds"), "final_of": work.final_of,
            "test": outcome.metrics.get("test"), "parents": list(work.parents), "error": outcome.metrics.get("error")}


def leaderboard(spec: Spec, rows: Iterable[tuple[Work, Outcome]]) -> list[dict[str, Any]]:
    """Successful ones by kind and score, then pruned, then failed."""
    table = [row(spec, work, outcome) for work, outcome in rows if isinstance(work, Candidate)]
    order = {"done": 0, "pruned": 1, "failed": 2}
    return sorted(table, key=lambda r: (order[r["status"]], KINDS.index(r["score_kind"]),
                                        -(r["score"] if r["score"] is not None else 0.0), r["trial"]))
