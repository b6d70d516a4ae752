"""Acting on searches: the only writer besides the recorder and the workers' leases."""

from __future__ import annotations

import copy
import logging
import shutil
import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.datasets.selectors import read_by
from apps.searches import baselines, nudge, recorder
from apps.searches.models import Download, Search, Trial
from apps.searches.recorder import Document, Superseded
from apps.searches.states import ACTIVE, DRAINING, ENDED, WISHED, State, Status, TransitionError, Wish, after
from engine import api

audit = logging.getLogger("nasweb.audit")
LONGEST_REASON = 500
THOUGHT = timedelta(seconds=15)                 # how long a claim to a step holds without word from its holder


def create(user: Any, document: Any, key: str | None = None, source: Search | None = None) -> Search:
    """A new search from a document; the same key gives the same search. Raises api.Invalid."""
    spec = api.parse(document)
    upload = read_by(user, spec.document()["dataset"])
    if upload and (problems := api.misread(spec, upload.facts)):
        raise api.Invalid(*problems)
    key = (key or uuid.uuid4().hex)[:100]
    try:
        with transaction.atomic():
            search = Search.objects.create(owner=user, name=spec.name or "Untitled search", document=spec.document(),
                                           idempotency_key=key, cloned_from=source, upload=upload)
            recorder.record(search.id, [{"event": "search_state", "state": search.state, "reason": ""}])
    except IntegrityError:
        return Search.objects.get(owner=user, idempotency_key=key)
    audit.info("user %s created search %s", user.pk, search.id)
    nudge.advance(search.id)
    return search


def wish(search: Search, wanted: Wish, by: Any) -> Search:
    """Grant a person's wish or raise TransitionError. What is running hears of it within a second."""
    recorder.record(search.id, [], lambda locked: [move(locked, WISHED[wanted], wish=wanted), *settle(locked)])
    search.refresh_from_db()
    audit.info("user %s wished %s for search %s", by.pk, wanted, search.id)
    if search.state in ACTIVE:
        nudge.advance(search.id)
    return search


def clone(search: Search, by: Any) -> Search:
    """The same document as a new search."""
    document = copy.deepcopy(search.document)
    document["name"] = f"{search.name[:190]} (copy)"
    return create(by, document, source=search)


def compare(search: Search, by: Any) -> list[Search]:
    """Its baselines at equal cost: started once, however often it is asked. Raises TransitionError, api.Invalid, and
    PermissionDenied for anybody but the owner."""
    if by.pk != search.owner_id:
        raise PermissionDenied("Only the owner of a search starts its baselines, for they are searches of the same person.")
    if reason := baselines.refusal(search):
        raise TransitionError(reason)
    documents = baselines.documents(search)
    for document in documents.values():             # all of them are sound before one starts
        api.parse(document)
    made = [create(by, document, baselines.key(search, name), search) for name, document in documents.items()]
    if any(each.deleted_at for each in made):
        raise TransitionError("A baseline that was deleted is still coming to rest; try again in a moment.")
    audit.info("user %s compares search %s with its baselines", by.pk, search.id)
    return made


def extend(search: Search, trials: int, by: Any) -> Search:
    """Allow more trials. Raises api.Invalid, or TransitionError where there is nothing left to extend."""
    def rows(locked: Search) -> Iterable[Document]:
        document = copy.deepcopy(locked.document)
        if locked.state in ENDED or locked.state == State.STOPPING:
            raise TransitionError(f"A search that is {locked.state} cannot be extended; clone it to go on.")
        if (locked.strategy_state or {}).get("closing"):
            raise TransitionError("The finals have begun and the test set is touched; clone the search to go on.")
        if document["budget"].get("trials") is None:
            raise TransitionError("This search has no limit of trials that could be raised.")
        document["budget"]["trials"] += trials
        # The version moves on, so that a step that was thought under the old budget is not taken.
        document = api.parse(document).document()
        Search.objects.filter(pk=locked.pk).update(document=document, state_version=F("state_version") + 1)
        return [{"event": "log", "level": "info", "text": f"The budget is now {document['budget']['trials']} trials."}]

    recorder.record(search.id, [], rows)
    search.refresh_from_db()
    audit.info("user %s extended search %s by %s trials", by.pk, search.id, trials)
    nudge.advance(search.id)
    return search


def archive(search: Search, by: Any) -> Search:
    """Out of the list, or back into it."""
    if search.state not in ENDED:
        raise TransitionError("A search that is going on cannot be archived; stop it first.")
    Search.objects.filter(pk=search.pk).update(archived_at=None if search.archived_at else Now())
    search.refresh_from_db()
    audit.info("user %s %s search %s", by.pk, "archived" if search.archived_at else "unarchived", search.id)
    return search


def delete(search: Search, by: Any) -> None:
    """Gone for people at once; what runs is stopped first, then files and rows go."""
    def rows(locked: Search) -> Iterable[Document]:
        Search.objects.filter(pk=locked.pk).update(deleted_at=Now())
        if locked.state in ENDED or locked.state == State.STOPPING:
            return []
        return [move(locked, "stop", wish=Wish.STOP), *settle(locked)]

    recorder.record(search.id, [], rows)
    audit.info("user %s deleted search %s", by.pk, search.id)
    sweep()


def sweep() -> None:
    """Remove the deleted searches in which nothing runs any more, files first."""
    gone = Search.objects.filter(deleted_at__isnull=False, state__in=ENDED).exclude(trials__status=Status.RUNNING)
    for search in gone:
        shutil.rmtree(search.folder, ignore_errors=True)
        search.delete()


# --- for the callers' transactions: `locked` is the row that the recorder holds; they give the events to record

def move(locked: Search, action: str, reason: str = "", **changes: Any) -> Document:
    """Go to the state that follows, or raise TransitionError."""
    new = after(locked.state, action)
    stamps: dict[str, Any] = {"finished_at": Now() if new in ENDED else None}
    if new == State.RUNNING and locked.started_at is None:
        stamps["started_at"] = Now()
    reason = reason[:LONGEST_REASON]
    Search.objects.filter(pk=locked.pk).update(state=new, reason=reason, **stamps, **changes)
    locked.state, locked.reason = new, reason
    return {"event": "search_state", "state": new.value, "reason": reason}


def settle(locked: Search) -> list[Document]:
    """What follows from there being no running trial: a draining search rests, an ended one has nothing pending."""
    if locked.state in ACTIVE or locked.trials.filter(status=Status.RUNNING).exists():
        return []
    moved = [move(locked, "settle", locked.reason)] if locked.state in DRAINING else []
    return [*moved, *(cancelled(locked) if locked.state in ENDED else ())]


def cancelled(locked: Search) -> list[Document]:
    pending = locked.trials.filter(status=Status.PENDING)
    numbers = list(pending.values_list("number", flat=True))
    pending.update(status=Status.CANCELLED, finished_at=Now())
    return [{"event": "trial_finished", "trial": n, "status": Status.CANCELLED.value, "score": None} for n in numbers]


# --- steps of a search (its three moves are in apps/workers/advancing.py)

def claim(search_id: UUID | str) -> Search | None:
    """Take the right to the next step. None if the search takes no step now, or somebody already thinks for it:
    whoever thinks looks for new outcomes when done."""
    free = Q(thinking_until=None) | Q(thinking_until__lt=Now())
    taken = Search.objects.filter(free, pk=search_id, state__in=ACTIVE, deleted_at=None).update(
        advance_token=F("advance_token") + 1, thinking_until=Now() + THOUGHT)
    return Search.objects.filter(pk=search_id).first() if taken else None


def still_thinking(claimed: Search) -> bool:
    """Prolong the claim; False if it has passed to another."""
    held = Search.objects.filter(pk=claimed.pk, advance_token=claimed.advance_token)
    return bool(held.update(thinking_until=Now() + THOUGHT))


def thought_over(claimed: Search) -> None:
    """Give the claim back without a step."""
    Search.objects.filter(pk=claimed.pk, advance_token=claimed.advance_token).update(thinking_until=None)


def commit(claimed: Search, thought: dict[str, Any], heard: list[int]) -> None:
    """State, new trials, told outcomes and their events in one transaction. Raises Superseded."""
    def rows(locked: Search) -> Iterable[Document]:
        held = Search.objects.filter(pk=locked.pk, advance_token=claimed.advance_token, state_version=claimed.state_version,
                                     state__in=ACTIVE)
        if not held.update(state_version=F("state_version") + 1, strategy_state=thought["state"], thinking_until=None):
            raise Superseded(f"another step of search {locked.pk} came first")
        locked.trials.filter(number__in=heard, told_at=None).update(told_at=Now())
        Trial.objects.bulk_create([_proposed(locked, work) for work in thought["work"]])
        begun = _begun(locked)
        return [*begun, *thought["events"], *(_finished(locked) if thought["finished"] else ())]

    recorder.record(claimed.pk, [], rows)
    if not thought["finished"]:
        for trial in Trial.objects.filter(search=claimed, number__in=[work["trial"] for work in thought["work"]]):
            nudge.perform(trial.pk)


def _begun(locked: Search) -> list[Document]:
    if locked.state != State.QUEUED:
        return []
    first = locked.started_at is None
    moved = move(locked, "start")
    return [{"event": "search_started", "trials": locked.trials.count(), "resumed": not first}, moved]


def _proposed(search: Search, document: dict[str, Any]) -> Trial:
    work = api.work_from(document)
    own: dict[str, Any] = {}
    if isinstance(work, api.Candidate):
        own = {"encoding_id": work.architecture.encoding_id, "final_of": work.final_of, "parents": list(work.parents)}
    if isinstance(work, api.Selection):
        own = {"final_of": work.final_of}
    return Trial(search=search, number=work.trial, work=document, **own)


def _finished(locked: Search) -> list[Document]:
    """The end: the engine's own summary of the rows."""
    rows = [(api.work_from(trial.work), api.Outcome.from_document(trial.outcome or {}))
            for trial in locked.trials.order_by("number")]
    summary = api.summary(api.Search.restore(api.parse(locked.document), rows, None))
    if summary["best"] is None:
        refused = f"No trial succeeded: all {len(rows)} proposals were refused."
        return [move(locked, "fail", refused if summary["refused"] == len(rows) else "No trial succeeded.")]
    return [move(locked, "finish"), {"event": "search_finished", **summary}]


def fail(search_id: UUID, reason: str) -> None:
    """The search cannot go on."""
    def rows(locked: Search) -> Iterable[Document]:
        if locked.state not in ACTIVE:
            return []
        return [{"event": "log", "level": "error", "text": reason}, move(locked, "fail", reason), *settle(locked)]

    recorder.record(search_id, [], rows)


# --- downloads

def request_download(trial: Trial) -> Download:
    """The zip of a trained network, made by a worker if it is not there yet; one that failed is tried again."""
    if trial.status != Status.DONE or not trial.trained:
        raise TransitionError(f"Trial {trial.number} has no trained network.")
    download, fresh = Download.objects.get_or_create(trial=trial)
    lost = download.state == Download.State.READY and not (trial.folder.parents[1] / download.path).is_file()
    if lost or (not fresh and download.state == Download.State.FAILED):
        again = Download.objects.filter(pk=download.pk, state=download.state)
        fresh = bool(again.update(state=Download.State.WANTED, reason="", until=None))
    if fresh:
        download.refresh_from_db()
        recorder.record(trial.search_id, [{"event": "download", "trial": trial.number, "state": download.state}])
        nudge.pack(download.pk)
    return download


def download_made(download: Download, result: dict[str, Any]) -> None:
    """Store what the worker made and verified, or why it could not. Raises Superseded if another worker took over."""
    made = result.get("kind") == "exported"
    state = Download.State.READY if made else Download.State.FAILED
    facts = {key: result[key] for key in ("path", "sha256", "size", "verified")} if made else {
        "reason": str(result.get("text") or "The export failed.")[:LONGEST_REASON]}

    def rows(locked: Search) -> Iterable[Document]:
        held = Download.objects.filter(pk=download.pk, state=Download.State.WANTED, token=download.token)
        if not held.update(state=state, until=None, **facts):
            raise Superseded("another worker makes this download")
        return [{"event": "download", "trial": download.trial.number, "state": state.value}]

    recorder.record(download.trial.search_id, [], rows)
