"""Acting on searches: the only writer besides the recorder and the workers' leases."""

from __future__ import annotations

import copy
import logging
import shutil
import uuid
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.searches import nudge, recorder
from apps.searches.models import Download, Search, Trial
from apps.searches.states import ACTIVE, DRAINING, FOLLOWS, State, TransitionError, Wish, granted
from engine import api

audit = logging.getLogger("nasweb.audit")


def create(user: Any, document: Any, key: str = "") -> Search:
    """A new search from a document. The same key gives the same search. Raises api.Invalid."""
    spec = api.parse(document)
    key = key[:64] or uuid.uuid4().hex
    try:
        with transaction.atomic():
            search = Search.objects.create(owner=user, name=spec.name or "Untitled search", document=spec.document(),
                                           idempotency_key=key)
            recorder.record(search.id, [{"event": "search_state", "state": search.state, "reason": ""}])
    except IntegrityError:
        return Search.objects.get(owner=user, idempotency_key=key)
    audit.info("user %s created search %s", user.pk, search.id)
    nudge.advance(search.id)
    return search


def wish(search: Search, wanted: Wish, by: Any) -> Search:
    """Grant a person's wish, or raise TransitionError. What is running sees it at its next step."""
    with transaction.atomic():
        search.refresh_from_db()
        new = granted(State(search.state), wanted)
        if not transition(search, new, wish=wanted):
            raise TransitionError("The search changed at the same moment; look again.")
        settle(search)
    audit.info("user %s wished %s for search %s", by.pk, wanted, search.id)
    nudge.advance(search.id)
    return search


def transition(search: Search, new: State, reason: str = "", **changes: Any) -> bool:
    """Move to a state that may follow, by compare-and-set; False if somebody else moved first."""
    old = State(search.state)
    if new not in FOLLOWS[old]:
        raise TransitionError(f"A search that is {old.value} cannot become {new.value}.")
    now = timezone.now()
    stamps: dict[str, Any] = {"finished_at": now if new in (State.FINISHED, State.STOPPED, State.FAILED) else None}
    if new == State.RUNNING and search.started_at is None:
        stamps["started_at"] = now
    with transaction.atomic():
        moved = Search.objects.filter(pk=search.pk, state=old).update(state=new, reason=reason[:500], **stamps, **changes)
        if moved:
            recorder.record(search.pk, [{"event": "search_state", "state": new.value, "reason": reason[:500]}])
    search.refresh_from_db()
    return bool(moved)


def settle(search: Search) -> None:
    """A draining search without running work has come to rest."""
    if State(search.state) not in DRAINING or search.trials.filter(status=Trial.Status.RUNNING).exists():
        return
    transition(search, State.PAUSED if search.state == State.PAUSING else State.STOPPED)


def clone(search: Search, by: Any) -> Search:
    document = copy.deepcopy(search.document)
    document["name"] = f"{search.name} (copy)"[:200]
    return create(by, document)


def extend(search: Search, trials: int, by: Any) -> Search:
    """Allow more trials and go on. Raises api.Invalid, or TransitionError if trials are not its limit."""
    document = copy.deepcopy(search.document)
    if document["budget"].get("trials") is None:
        raise TransitionError("This search has no limit of trials that could be raised.")
    if any(trial.final_of is not None for trial in search.trials.all()):
        raise TransitionError("The finals have begun and the test set is touched; clone the search to go on.")
    document["budget"]["trials"] += trials
    spec = api.parse(document)
    Search.objects.filter(pk=search.pk).update(document=spec.document(), state_version=search.state_version + 1)
    search.refresh_from_db()
    audit.info("user %s extended search %s by %s", by.pk, search.id, trials)
    nudge.advance(search.id)
    return search


def archive(search: Search, by: Any) -> None:
    if State(search.state) in ACTIVE | DRAINING:
        raise TransitionError("A search that is going on cannot be archived; stop it first.")
    Search.objects.filter(pk=search.pk).update(archived_at=None if search.archived_at else timezone.now())
    audit.info("user %s archived search %s", by.pk, search.id)


def delete(search: Search, by: Any) -> None:
    """Gone for everyone at once; running work stops, then the files go (see `sweep`)."""
    if State(search.state) in (State.QUEUED, State.RUNNING, State.PAUSING, State.PAUSED):
        wish(search, Wish.STOP, by)
    Search.objects.filter(pk=search.pk).update(deleted_at=timezone.now())
    audit.info("user %s deleted search %s", by.pk, search.id)
    sweep()


def sweep() -> None:
    """Remove deleted searches in which nothing runs any more, files first."""
    for search in Search.objects.filter(deleted_at__isnull=False, state__in=[State.STOPPED, State.FINISHED, State.FAILED]):
        shutil.rmtree(search.folder, ignore_errors=True)
        search.delete()


def request_download(trial: Trial) -> Download:
    """The download of a trained network, made by a worker if it is not there yet."""
    if trial.status != Trial.Status.DONE:
        raise TransitionError(f"Trial {trial.number} has no trained network.")
    download, fresh = Download.objects.get_or_create(trial=trial)
    if not fresh and download.state == Download.State.FAILED:
        Download.objects.filter(pk=download.pk).update(state=Download.State.WANTED, reason="")
        download.refresh_from_db()
    if download.state == Download.State.WANTED:
        nudge.pack(download.pk)
    return download


def download_made(download: Download, result: dict[str, Any]) -> None:
    """Store what the worker made, or why it could not."""
    made = result.get("kind") == "exported"
    state = Download.State.READY if made else Download.State.FAILED
    facts = {"path": result["path"], "sha256": result["sha256"], "size": result["size"], "verified": result["verified"]} if made \
        else {"reason": str(result.get("text", "the export failed"))[:500]}

    def store() -> bool:
        return bool(Download.objects.filter(pk=download.pk, state=Download.State.WANTED).update(state=state, **facts))

    recorder.record(download.trial.search_id, [{"event": "download", "trial": download.trial.number, "state": state.value}], store)
