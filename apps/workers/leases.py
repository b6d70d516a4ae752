"""Leases: who may work on a trial, for how long, and what they leave behind. Every write carries the token."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max, QuerySet
from django.db.models.functions import Coalesce, Now

from apps.searches import recorder, selectors, services
from apps.searches.models import Search, Trial
from apps.searches.recorder import Document, Superseded
from apps.searches.states import ACTIVE, State, Status, Wish
from apps.workers.models import Slot
from engine import api

LIFE = timedelta(seconds=15)
MOST_ATTEMPTS = 3
LOOK_AT = 20                    # pending trials that one claim tries, oldest first


@dataclass(frozen=True)
class Lease:
    """The right to work on one trial, in one slot. All times are the database's."""

    trial_id: int
    search_id: UUID
    number: int
    token: int
    slot_id: int | None


def waiting() -> QuerySet[Trial]:
    """Trials that wait for a slot, the longest waiting first."""
    pending = Trial.objects.filter(status=Status.PENDING, search__state__in=ACTIVE, search__deleted_at=None)
    return pending.order_by("created_at", "pk")


def claim(slot: Slot) -> Lease | None:
    """The next waiting trial for this slot, if the slot is free."""
    for trial in waiting().only("pk", "search_id", "number", "lease_token")[:LOOK_AT]:
        if lease := _claim(slot, trial):
            return lease
    return None


def _claim(slot: Slot, trial: Trial) -> Lease | None:
    """Slot and trial in one transaction, or neither."""
    with transaction.atomic():
        active = Search.objects.select_for_update().filter(pk=trial.search_id, state__in=ACTIVE, deleted_at=None)
        token = trial.lease_token + 1
        pending = Trial.objects.filter(pk=trial.pk, status=Status.PENDING, lease_token=trial.lease_token)
        free = Slot.objects.filter(pk=slot.pk, trial=None)
        if active.first() and free.update(trial=trial, token=token) and pending.update(
                status=Status.RUNNING, lease_owner=slot.worker_id, lease_token=token, lease_until=Now() + LIFE,
                progress_at=Now(), started_at=Coalesce(F("started_at"), Now())):
            return Lease(trial.pk, trial.search_id, trial.number, token, slot.pk)
        transaction.set_rollback(True)
        return None


def _held(lease: Lease) -> QuerySet[Trial]:
    return Trial.objects.filter(pk=lease.trial_id, lease_token=lease.token, status=Status.RUNNING)


def beat(lease: Lease) -> bool:
    """Prolong; False if the lease has passed to another."""
    return bool(_held(lease).update(lease_until=Now() + LIFE))


def wanted(lease: Lease) -> bool:
    """Whether the search still wants its trials to go on."""
    return Search.objects.filter(pk=lease.search_id, state__in=ACTIVE, deleted_at=None).exists()


def note(lease: Lease, events: Iterable[Document]) -> None:
    """Record what a running trial says. Raises Superseded."""
    def rows(locked: Search) -> Iterable[Document]:
        if not _held(lease).update(progress_at=Now()):
            raise Superseded(f"trial {lease.number} is somebody else's")
        return ()

    recorder.record(lease.search_id, events, rows)


def finish(lease: Lease, spec: api.Spec, work: api.Work, outcome: api.Outcome) -> None:
    """The outcome, its events and the free slot in one transaction. Raises Superseded."""
    event = api.finished_event(spec, work, outcome)

    def rows(locked: Search) -> Iterable[Document]:
        best = selectors.networks(locked).filter(
            status=Status.DONE, score_kind=outcome.score_kind).aggregate(best=Max("score"))["best"]
        _leave(lease, status=outcome.status, finished_at=Now(), outcome=outcome.document(), **_columns(outcome, event.data))
        Search.objects.filter(pk=locked.pk).update(spent_seconds=F("spent_seconds") + outcome.spend.get("seconds", 0.0))
        return [event.document(), *(_incumbent(lease, outcome, best) if isinstance(work, api.Candidate) else ()),
                *services.settle(locked)]

    recorder.record(lease.search_id, [], rows)


def _columns(outcome: api.Outcome, data: Any) -> dict[str, Any]:
    """What of an outcome has columns of its own."""
    return {"score": outcome.score, "score_kind": outcome.score_kind, "parameters": data["parameters"],
            "flops": data["flops"], "epochs": outcome.spend.get("epochs"), "seconds": outcome.spend.get("seconds"),
            "canonical_id": data.get("canonical_id") or ""}


def _incumbent(lease: Lease, outcome: api.Outcome, best: float | None) -> list[Document]:
    if not outcome.ok or outcome.score is None or (best is not None and outcome.score <= best):
        return []
    return [{"event": "incumbent", "trial": lease.number, "score": outcome.score, "score_kind": outcome.score_kind,
             "parameters": outcome.metrics.get("parameters"), "flops": outcome.metrics.get("flops")}]


def give_back(lease: Lease) -> None:
    """After a clean interruption: the trial waits for its next slice, no attempt is lost. Raises Superseded."""
    recorder.record(lease.search_id, [], lambda locked: _again(lease, locked))


def hold_up(lease: Lease, reason: str) -> None:
    """Something outside is missing, for every trial alike: the trial waits and the search pauses. Raises Superseded."""
    def rows(locked: Search) -> Iterable[Document]:
        told: list[Document] = [{"event": "log", "level": "error", "text": reason}]
        if locked.state == State.QUEUED:
            told.append(services.move(locked, "start"))
        if locked.state == State.RUNNING:
            told.append(services.move(locked, "pause", reason, wish=Wish.PAUSE))
        return [*told, *_again(lease, locked)]

    recorder.record(lease.search_id, [], rows)


def _again(lease: Lease, locked: Search) -> list[Document]:
    _leave(lease, status=Status.PENDING)
    return services.settle(locked)


def lose(lease: Lease, why: str, *, expired: bool = False) -> None:
    """The child or the worker is gone: the next attempt continues from the last checkpoint; the third loss was the last.
    `expired`: only if the lease has run out meanwhile. Raises Superseded."""
    def rows(locked: Search) -> Iterable[Document]:
        held = _held(lease).filter(lease_until__lte=Now()) if expired else _held(lease)
        trial = held.first()
        if trial is None:
            raise Superseded(f"trial {lease.number} is somebody else's")
        attempt = trial.attempt + 1
        text = f"Trial {lease.number}: {why} (attempt {attempt} of {MOST_ATTEMPTS})."
        told: list[Document] = [{"event": "log", "level": "warning", "text": text}]
        if attempt < MOST_ATTEMPTS:
            _leave(lease, status=Status.PENDING, attempt=attempt)
        else:
            outcome = api.Outcome("failed", metrics={"error": f"{why}, {attempt} times", "error_kind": "poison"})
            event = api.finished_event(api.parse(locked.document), api.work_from(trial.work), outcome)
            _leave(lease, status=Status.FAILED, attempt=attempt, finished_at=Now(), outcome=outcome.document(),
                   **_columns(outcome, event.data))
            told.append(event.document())
        return [*told, *services.settle(locked)]

    recorder.record(lease.search_id, [], rows)


def _leave(lease: Lease, **changes: Any) -> None:
    """End the lease, free the slot. Raises Superseded."""
    if not _held(lease).update(lease_owner=None, lease_until=None, **changes):
        raise Superseded(f"trial {lease.number} is somebody else's")
    Slot.objects.filter(trial_id=lease.trial_id, token=lease.token).update(trial=None)


def expire(dead: Collection[UUID] = ()) -> list[Lease]:
    """Take back what silent holders hold, and at once what the `dead` ones held. Gives the leases that ended."""
    running, ended = Trial.objects.filter(status=Status.RUNNING), []
    running.filter(lease_owner__in=dead).update(lease_until=Now())
    silent = [Lease(t.pk, t.search_id, t.number, t.lease_token, None) for t in running.filter(lease_until__lte=Now())]
    for lease in silent:
        try:
            lose(lease, "its worker is gone", expired=True)
            ended.append(lease)
        except Superseded:
            continue                    # it beat again, or another process was faster
    return ended
