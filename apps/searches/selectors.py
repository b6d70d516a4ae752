"""Reading: what a person may see of searches. Never writes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet
from django.http import Http404

from apps.searches.models import Event, Search, Trial

DONE = Trial.Status.DONE


def visible_search(user: Any, search_id: UUID) -> Search:
    """The search, or 404: the same answer for not there and not yours."""
    search = Search.objects.visible_to(user).filter(pk=search_id).first()
    if search is None:
        raise Http404("There is no such search.")
    return search


def visible_trial(user: Any, search_id: UUID, number: int) -> Trial:
    trial = visible_search(user, search_id).trials.filter(number=number).first()
    if trial is None:
        raise Http404("There is no such trial.")
    return trial


def searches_of(user: Any, *, archived: bool = False) -> QuerySet[Search]:
    """Newest first, each with how many trials are done and the best score."""
    found = Search.objects.visible_to(user).filter(archived_at__isnull=not archived)
    return found.annotate(trials_done=Count("trials", filter=Q(trials__status=DONE)),
                          best_score=Max("trials__score", filter=Q(trials__status=DONE)))


def events_after(search: Search, seq: int, limit: int) -> list[dict[str, Any]]:
    """The next events of the log, oldest first."""
    rows = Event.objects.filter(search=search, seq__gt=seq).order_by("seq")[:limit]
    return [{"seq": r.seq, "type": r.type, "trial": r.trial, "data": r.data, "at": r.at.isoformat()} for r in rows]


def leaderboard(search: Search, limit: int | None = None) -> list[Trial]:
    """Trained networks best first; pruned and failed ones after them."""
    order = {"done": 0, "pruned": 1, "failed": 2}
    rows = [trial for trial in search.trials.defer("outcome") if trial.status in order]
    rows.sort(key=lambda t: (order[t.status], -(t.score if t.score is not None else 0.0), t.number))
    return rows[:limit]


def incumbent(search: Search) -> Trial | None:
    return search.trials.filter(status=DONE).order_by("-score", "number").first()


def curves(search: Search) -> dict[int, list[float]]:
    """Validation score per epoch of every trial, from the log (so that running ones are there too)."""
    lines: dict[int, list[float]] = {}
    for trial, data in Event.objects.filter(search=search, type="epoch").order_by("seq").values_list("trial", "data"):
        line = lines.setdefault(trial, [])
        position = int(data.get("epoch", len(line) + 1)) - 1
        del line[max(position, 0):]             # an epoch told again after a resume replaces what it told before
        line.append(data.get("score"))
    return lines


def snapshot(search: Search) -> dict[str, Any]:
    """Everything the page draws, and the seq up to which it holds."""
    seq = search.next_seq                       # read before the rows: newer events are replayed on top
    trials = [{"number": t.number, "status": t.status, "score": t.score, "score_kind": t.score_kind, "parameters": t.parameters,
               "flops": t.flops, "seconds": t.seconds, "epochs": t.epochs, "parents": t.parents, "final_of": t.final_of,
               "origin": t.work.get("origin", {}), "encoding_id": t.encoding_id,
               "error": ((t.outcome or {}).get("metrics") or {}).get("error")} for t in search.trials.all()]
    return {"seq": seq, "state": search.state, "reason": search.reason, "spec": search.document, "trials": trials,
            "curves": curves(search)}
