"""Advance a search by one step: claim, think, commit. No transaction is open while a strategy thinks."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from apps.searches import nudge, recorder, services
from apps.searches.models import Search, Trial
from apps.searches.states import ACTIVE, State
from apps.workers.children import Child, Lost
from engine import api

log = logging.getLogger(__name__)
DEADLINE = 600.0                               # seconds for one thought
_thinkers: list[Child] = []
_known: dict[UUID, tuple[str, set[int]]] = {}  # what the resident search has: its version and the outcomes it heard
_lock = threading.Lock()


@dataclass(frozen=True)
class Claim:
    search: Search
    token: int


def step(search_id: UUID | str) -> None:
    """Bring a search as far as its outcomes allow. Silence means there was nothing to do, or another did it."""
    claimed = claim(search_id)
    if claimed is None:
        return
    try:
        thought = think(claimed)
    except Lost as error:
        log.warning("search %s: %s", search_id, error)       # the reconciler comes back to it
        return
    if thought["kind"] != "thought":
        services.transition(claimed.search, State.FAILED, f"The strategy failed: {thought.get('text', '')}")
        return
    commit(claimed, thought)


def claim(search_id: UUID | str) -> Claim | None:
    """Take the token of a search that goes on. The last to claim is the one whose commit counts."""
    claimable = Search.objects.filter(pk=search_id, state__in=list(ACTIVE), deleted_at=None)
    if not claimable.update(advance_token=F("advance_token") + 1):
        return None
    search = Search.objects.get(pk=search_id)
    if search.state == State.QUEUED:
        services.transition(search, State.RUNNING)
    return Claim(search, search.advance_token)


def think(claimed: Claim) -> dict[str, Any]:
    """Have the thinking child take the new outcomes and propose. It keeps the strategy resident between steps."""
    search = claimed.search
    rows = list(search.trials.order_by("number").values_list("work", "outcome"))
    version, following = f"{search.state_version}", f"{search.state_version + 1}"
    with _lock:
        known = _known.get(search.pk)
        partial = known is not None and known[0] == f"{version}:{search.told}"
        heard = known[1] if partial and known else set()
        fresh = [row for row in rows if row[1] is not None and row[0]["trial"] not in heard]
        child = _thinker()
        order = {"search": str(search.pk), "version": version, "next": following, "spec": search.document}
        result = child.result(child.order("think", **order, rows=fresh, state=None, partial=True), DEADLINE) if partial else {}
        if result.get("kind") != "thought":
            result = child.result(child.order("think", **order, rows=rows, state=search.strategy_state, partial=False), DEADLINE)
        finished = {row[0]["trial"] for row in rows if row[1] is not None}
        _known[search.pk] = (f"{following}:{claimed.token}", finished)
    return result


def _thinker() -> Child:
    if not _thinkers or not _thinkers[0].alive:
        _known.clear()
        _thinkers[:] = [Child("cpu")]
    return _thinkers[0]


def commit(claimed: Claim, thought: dict[str, Any]) -> bool:
    """State, new trials and their events in one short transaction; False if another step came first."""
    search, works = claimed.search, thought["work"]
    if not works and not thought["events"] and not thought["finished"]:
        return False
    spec = api.parse(search.document)

    def store() -> bool:
        mine = Search.objects.filter(pk=search.pk, advance_token=claimed.token, state_version=search.state_version,
                                     state__in=list(ACTIVE))
        moved = mine.update(state_version=F("state_version") + 1, strategy_state=thought["state"], told=claimed.token)
        if moved:
            Trial.objects.bulk_create([_row(search, spec, work) for work in works])
        return bool(moved)

    try:
        recorder.record(search.pk, thought["events"], store)
    except recorder.Superseded:
        with _lock:
            _known.pop(search.pk, None)
        return False
    for trial in search.trials.filter(number__in=[work["trial"] for work in works]):
        nudge.perform(trial.pk)
    if thought["finished"]:
        finish(search)
    return True


def _row(search: Search, spec: api.Spec, work: dict[str, Any]) -> Trial:
    item = api.work_from(work)
    identity: dict[str, Any] = {}
    if isinstance(item, api.Candidate):
        identity = {"encoding_id": item.architecture.encoding_id, "canonical_id": spec.space.canonical(item.architecture),
                    "final_of": item.final_of, "parents": list(item.parents)}
    return Trial(search=search, number=item.trial, work=work, created_at=timezone.now(), **identity)


def finish(search: Search) -> None:
    """The finals are done: say what came out."""
    search.refresh_from_db()
    best = search.trials.filter(status=Trial.Status.DONE).order_by("-score", "number").first()
    finals = search.trials.filter(final_of__isnull=False).order_by("number")
    summary = {"best": best and {"trial": best.number, "score": best.score, "score_kind": best.score_kind,
                                 "architecture": best.work["architecture"]},
               "finals": [{"trial": t.number, "final_of": t.final_of, "score": t.score,
                           "test": ((t.outcome or {}).get("metrics") or {}).get("test")} for t in finals]}
    if best is None:
        services.transition(search, State.FAILED, "No trial succeeded.")
    elif services.transition(search, State.FINISHED):
        recorder.record(search.pk, [{"event": "search_finished", **summary}])
