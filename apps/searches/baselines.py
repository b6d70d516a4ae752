"""What a weight-sharing search is worth: the two baselines at equal cost, as searches and as rows of a table."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from apps.searches.models import Search
from apps.searches.states import State, Status
from engine import api

TITLES = api.BASELINES
KEY = "baseline:{}:{}"                          # of the search that it is compared with, and which one it is
SETTLED = Q(trials__final_of=None)              # the search itself, without the trainings that close it


def shares(search: Search) -> bool:
    """Whether its strategy trains weights that architectures share."""
    return "supernet" in api.entry("strategies", search.document["strategy"]["name"]).facts["asks"]


def wanted(search: Search) -> list[str]:
    """The strategies that it is compared with: never with itself."""
    return [name for name in TITLES if name != search.document["strategy"]["name"]]


def refusal(search: Search) -> str | None:
    """Why it has no baselines, or None."""
    if not shares(search):
        return "Only searches that share weights are compared with these baselines."
    if origin_key(search):
        return "This search is a baseline itself."
    if search.state != State.FINISHED:
        return f"What a search costs is known when it is finished; this one is {search.state}."
    return None


def key(search: Search, name: str) -> str:
    return KEY.format(search.pk, name)


def origin_key(search: Search) -> UUID | None:
    """Of which search this is a baseline."""
    parts = (search.idempotency_key or "").split(":")
    try:
        return UUID(parts[1]) if len(parts) == 3 and parts[0] == "baseline" and parts[2] in TITLES else None
    except ValueError:
        return None


def origin(search: Search) -> Search | None:
    found = origin_key(search)
    return Search.objects.filter(pk=found, owner=search.owner_id, deleted_at=None).first() if found else None


def of(search: Search) -> QuerySet[Search]:
    """Those that were started and are still there."""
    return Search.objects.filter(owner=search.owner_id, deleted_at=None,
                                 idempotency_key__in=[key(search, name) for name in wanted(search)])


def documents(search: Search) -> dict[str, dict[str, Any]]:
    return api.baselines({**search.document, "name": search.name}, seconds(search))


def seconds(search: Search) -> float:
    """Training time of the search itself; its finals are not charged."""
    found = search.trials.filter(final_of=None).aggregate(spent=Sum("seconds"))
    return round(found["spent"] or 0.0, 1)


def table(search: Search) -> dict[str, Any] | None:
    """The search beside its baselines; without rows where they were not started. None where no comparison is offered."""
    if not shares(search) or origin_key(search):
        return None
    others = {row.idempotency_key: row for row in of(search)}
    chosen = [(search, "this search")] if others else []
    chosen += [(others[at], TITLES[name]) for name in wanted(search) if (at := key(search, name)) in others]
    costs = _costs([each for each, _ in chosen])
    rows = [{"title": title, "name": each.name, "url": each.get_absolute_url(), "state": each.state, "going": not each.ended,
             **costs[each.pk], **_final(each)} for each, title in chosen]
    return {"rows": rows, "missing": len(wanted(search)) - len(others), "refusal": refusal(search),
            "going": any(row["going"] for row in rows), "sentence": _sentence(rows)}


def _costs(searches: list[Search]) -> dict[UUID, dict[str, Any]]:
    """Seconds of the search itself, and of all that closed it."""
    found = Search.objects.filter(pk__in=[each.pk for each in searches]).order_by().annotate(
        own=Sum("trials__seconds", filter=SETTLED), closing=Sum("trials__seconds", filter=~SETTLED))
    return {row.pk: {"seconds": row.own or 0.0, "closing": row.closing or 0.0} for row in found}


def _final(search: Search) -> dict[str, Any]:
    """The best final by validation."""
    best = search.trials.filter(status=Status.DONE).exclude(final_of=None).exclude(encoding_id="").order_by(
        "-score", "number").values("number", "score", "score_kind", "outcome__metrics__test").first()
    if best is None:
        return {"final": None, "score": None, "kind": "", "test": None}
    return {"final": best["number"], "score": best["score"], "kind": best["score_kind"],
            "test": best["outcome__metrics__test"]}


def _sentence(rows: list[dict[str, Any]]) -> str:
    """What the scores say, once all are there."""
    if not rows:
        return ""
    if waiting := [row["title"] for row in rows if row["score"] is None and row["going"]]:
        return f"Still at work: {' and '.join(waiting)}."
    scored = sorted((row for row in rows if row["score"] is not None), key=lambda row: -row["score"])
    if len(scored) < 2:
        return "No baseline has a final to compare with."
    first, own = scored[0], next((row for row in scored if row["title"] == "this search"), None)
    if own is None:
        return f"Best: {first['title']} with {first['score']:.4f}; this search has no final."
    rival = max((row for row in scored if row is not own), key=lambda row: row["score"])
    gap = own["score"] - rival["score"]
    told = "equals" if gap == 0 else f"is {abs(gap):.4f} {'above' if gap > 0 else 'below'}"
    return (f"The final of this search {told} that of {rival['title']}. "
            "One seed says little: repeat with other seeds before you believe it.")


