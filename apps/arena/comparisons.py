"""The page of a comparison of estimators that is going on, or has ended: rows as they come."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from apps.arena import correlations, selectors
from apps.arena.models import Arena, Run, Status
from engine import api


def page(user: Any, arena: Arena) -> dict[str, Any]:
    """The whole page from the database; the script goes on from its `seq`."""
    found, base = figures(arena), arena.get_absolute_url()
    urls = {"events": f"{base}events", "socket": f"/ws{base}", "figures": f"{base}figures.json"}
    return {"arena": arena, "figures": found, "data": {**found, "urls": urls}, "mine": selectors.mine(user, arena),
            "share": 100 * found["ended"] // max(1, found["total"]), "table": arena.name, "now": selectors.progress(arena),
            "command": correlations.command(arena.name, arena.document["strategies"], arena.document["evaluations"],
                                            arena.document["first_seed"], arena.document["epochs"]),
            "json_url": f"{base}figures.json", "csv_url": f"{base}results.csv",
            "again": reverse("arena:estimators", args=[arena.name])}


def figures(arena: Arena) -> dict[str, Any]:
    """Everything that is drawn, with the seq up to which it holds at least."""
    seq = arena.next_seq - 1
    runs = selectors.runs(arena)
    done = [run for run in runs if run.status == Status.DONE and run.track]
    first: dict[str, Any] = next((run.track for run in done if run.track), {})
    same = [run for run in done if run.track and run.track["true"] == first["true"]]
    rows = [{**row, "measured": None} for run in same if run.track for row in run.track["estimators"]]
    card = next((card for card in api.tables() if card["name"] == arena.name), {})
    return {**correlations.figures({**first, "estimators": rows}, card), "seq": seq, "state": arena.state,
            "reason": arena.reason, "total": arena.total, "ended": len(runs),                  # type: ignore[attr-defined]
            "failed": _failed(runs) + [{"estimator": run.strategy, "error": "The table changed meanwhile."}
                                       for run in done if run not in same]}


def _failed(runs: list[Run]) -> list[dict[str, str]]:
    return [{"estimator": run.strategy, "error": run.error} for run in runs if run.status == Status.FAILED]
