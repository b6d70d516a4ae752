"""Reading: what a person may see of searches. Never writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, IntegerField, Max, Q, QuerySet, Value, When
from django.http import Http404

from apps.datasets.selectors import read_by
from apps.searches.models import Event, Search, Trial
from apps.searches.states import Status
from apps.spaces.selectors import facts
from engine import api

RANKED = (Status.DONE, Status.PRUNED, Status.FAILED)            # the order of the leaderboard
KINDS = ("scratch", "inherited", "shared", "hypernetwork", "proxy", "tabular")
ENSEMBLE = Q(work__type="ensemble")                             # closes a search: no network of its own
OWN = Q(trials__status=Status.DONE, trials__final_of=None) & ~Q(trials__encoding_id="")
SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
INSIGHTS = 200                                                  # that a page brings along
ROW = ("number", "status", "score", "score_kind", "encoding_id", "canonical_id", "parameters", "flops", "epochs", "seconds",
       "final_of", "parents")


def visible_search(user: Any, search_id: UUID) -> Search:
    """The search, or 404: the same answer for not there and not yours."""
    search = Search.objects.visible_to(user).filter(pk=search_id).first()
    if search is None:
        raise Http404("There is no such search.")
    return search


def visible_trial(user: Any, search_id: UUID, number: int) -> Trial:
    """The trial of a visible search, or 404."""
    search = visible_search(user, search_id)
    trial = search.trials.select_related("search").filter(number=number).first() if number < 2**31 else None
    if trial is None:
        raise Http404("There is no such trial.")
    return trial


def searches_of(user: Any, *, archived: bool = False) -> QuerySet[Search]:
    """Newest first, each with how many of its own trials are done and their best score."""
    found = Search.objects.visible_to(user).filter(archived_at__isnull=not archived).order_by("-created_at", "pk")
    return found.annotate(trials_done=Count("trials", filter=OWN), best_score=Max("trials__score", filter=OWN))


def events_after(search: Search, seq: int, limit: int) -> list[dict[str, Any]]:
    """The next events of the log, oldest first."""
    rows = Event.objects.filter(search=search, seq__gt=seq).order_by("seq")[:limit]
    return [{"seq": r.seq, "type": r.type, "trial": r.trial, "data": r.data, "at": r.at.isoformat()} for r in rows]


def networks(search: Search) -> QuerySet[Trial]:
    """The trials that have an architecture; the others are epochs of shared weights and the ensemble."""
    return search.trials.exclude(encoding_id="")


def leaderboard(search: Search, limit: int | None = None, after: int = 0) -> list[Trial]:
    """Trained networks best first, score kinds never mixed; pruned and failed ones after them. `after`: how many to skip."""
    status = Case(*(When(status=name, then=Value(place)) for place, name in enumerate(RANKED)), output_field=IntegerField())
    kind = Case(*(When(score_kind=name, then=Value(place)) for place, name in enumerate(KINDS)), default=Value(len(KINDS)),
                output_field=IntegerField())
    ranked = networks(search).filter(status__in=RANKED).defer("outcome", "work").order_by(
        status, kind, F("score").desc(nulls_last=True), "number")
    return list(ranked[after:None if limit is None else after + limit])


def incumbent(search: Search) -> Trial | None:
    """The best trained network so far, the earliest among equals."""
    best = leaderboard(search, 1)
    return search.trials.get(pk=best[0].pk) if best and best[0].status == Status.DONE else None


def newest_epoch(search: Search) -> Trial | None:
    """The last epoch of shared weights that succeeded."""
    done = search.trials.filter(work__type="supernet_epoch", status=Status.DONE)
    return done.select_related("search").order_by("-number").first()


def reading(trial: Trial) -> tuple[list[int], int]:
    """The shape of an input and the number of classes as the trial found them; before it ended, as the dataset says."""
    metrics = (trial.outcome or {}).get("metrics") or {}
    if "input" in metrics and "classes" in metrics:
        return metrics["input"], metrics["classes"]
    upload = trial.search.upload
    return api.reading(trial.search.document["dataset"], upload.facts if upload else None)


def facts_on(user: Any, document: Any, seed: int) -> dict[str, Any]:
    """The facts of a document's space on its dataset, of an upload as large as it is. Raises api.Invalid."""
    if not isinstance(document, Mapping) or not isinstance(document.get("dataset"), Mapping):
        raise api.Invalid(api.Problem("/dataset", "is missing", "an object with a name"))
    dataset = document["dataset"]
    try:
        upload = read_by(user, dataset) if SHA256.fullmatch(str(dataset.get("sha256"))) else None
    except api.Invalid:                         # none of theirs
        upload = None
    reading = api.reading(dataset, upload.facts if upload else None)
    return facts(document.get("space"), str(dataset.get("name")), seed, reading=reading)


def ensemble(search: Search) -> Trial | None:
    """The average of its networks that closes the search, where there is one."""
    return search.trials.filter(ENSEMBLE).first()


def curves(search: Search) -> dict[int, list[float | None]]:
    """Validation score per epoch of every trial, from the log (so that running ones are there too)."""
    lines: dict[int, list[float | None]] = {}
    rows = Event.objects.filter(search=search, type__in=("epoch", "trial_started")).order_by("seq")
    for kind, number, data in rows.values_list("type", "trial", "data").iterator():
        line = lines.setdefault(number or 0, [])
        place = int(data.get("epoch", 0 if kind == "trial_started" else len(line) + 1)) - (kind == "epoch")
        del line[max(place, 0):]                    # after a resume an epoch may be told again
        if kind == "epoch":
            line.append(data.get("score"))
    return {number: line for number, line in lines.items() if line}


def insights(search: Search) -> list[dict[str, Any]]:
    """What the strategy showed of its thinking, thinned out evenly by trial, for a trial's events belong together; the
    newest and all alarms are always there."""
    said = Event.objects.filter(search=search, type="strategy", data__has_key="pictures").order_by("-seq")
    trials = list(said.values_list("trial", flat=True))
    chosen = list(dict.fromkeys(trials))[::max(1, len(trials) // INSIGHTS)]
    rows = said.filter(Q(trial__in=chosen) | Q(data__has_key="alarm")).order_by("seq")
    return [{"seq": row.seq, "trial": row.trial, "data": row.data} for row in rows]


def snapshot(search: Search) -> dict[str, Any]:
    """Everything the page draws, and the seq up to which it holds at least (newer rows are told again, harmlessly)."""
    seq, state, reason = Search.objects.values_list("next_seq", "state", "reason").get(pk=search.pk)
    best = incumbent(search)
    return {"seq": seq - 1, "state": state, "reason": reason, "spec": search.document, "trials": rows(search),
            "curves": curves(search), "insights": insights(search), "incumbent": {"trial": best.number} if best else None}


def rows(search: Search) -> list[dict[str, Any]]:
    """Every trial in short, by number."""
    more = {"origin": F("work__origin"), "error": F("outcome__metrics__error"),
            "error_kind": F("outcome__metrics__error_kind"), "latency_ms": F("outcome__metrics__latency_ms"),
            "kind": F("work__type"), "ensemble": F("outcome__metrics__ensemble")}
    return [{**row, "origin": row["origin"] or {}} for row in search.trials.order_by("number").values(*ROW, **more)]


def waiting(search: Search) -> bool:
    """Whether a step of the search has something to do: outcomes to hear, or nothing else under way."""
    trials = search.trials
    return trials.filter(outcome__isnull=False, told_at=None).exists() or not trials.filter(
        status__in=(Status.PENDING, Status.RUNNING)).exists()

