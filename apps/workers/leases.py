"""Leases: who may work on a trial, for how long, and what they leave behind. Every write carries the token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max
from django.db.models.functions import Now

from apps.searches import recorder
from apps.searches.models import Trial
from apps.searches.states import ACTIVE
from apps.workers.models import Slot
from engine import api

LIFE, MOST_ATTEMPTS = timedelta(seconds=15), 3
RUNNING, PENDING = Trial.Status.RUNNING, Trial.Status.PENDING


@dataclass(frozen=True)
class Lease:
    trial_id: int
    search_id: UUID
    number: int
    token: int
    slot_id: int


def claim(trial: Trial, slot: Slot, owner: str) -> Lease | None:
    """Slot and trial in one transaction, or neither. All times are the database's."""
    with transaction.atomic():
        if not Slot.objects.filter(pk=slot.pk, trial=None).update(trial=trial):
            return None
        free = Trial.objects.filter(pk=trial.pk, status=PENDING, search__state__in=list(ACTIVE), search__deleted_at=None)
        if not Trial.objects.filter(pk__in=free.values("pk"), status=PENDING).update(
                status=RUNNING, lease_owner=owner, lease_token=F("lease_token") + 1, lease_until=Now() + LIFE,
                attempt=F("attempt") + 1, started_at=Now(), progress_at=Now()):
            transaction.set_rollback(True)
            return None
        token = Trial.objects.values_list("lease_token", flat=True).get(pk=trial.pk)
    return Lease(trial.pk, trial.search_id, trial.number, token, slot.pk)


def beat(lease: Lease) -> bool:
    """Prolong; False if the lease has passed to another."""
    return bool(_held(lease).update(lease_until=Now() + LIFE))


def holds(lease: Lease) -> bool:
    """The fence of every batch of events."""
    return bool(_held(lease).update(progress_at=Now()))


def give_back(lease: Lease, *, clean: bool) -> None:
    """The trial waits again. A clean interruption is no failed attempt."""
    changes: dict[str, Any] = {"status": PENDING, "lease_until": None, "lease_owner": ""}
    if clean:
        changes["attempt"] = F("attempt") - 1
    _held(lease).update(**changes)
    release(lease.slot_id, lease.trial_id)


def release(slot_id: int, trial_id: int) -> None:
    Slot.objects.filter(pk=slot_id, trial_id=trial_id).update(trial=None)


def finish(lease: Lease, spec: api.Spec, work: api.Work, outcome: api.Outcome) -> tuple[list[dict[str, Any]], Callable[[], bool]]:
    """The events of an outcome, and the fenced write that belongs in their transaction."""
    event = api.finished_event(spec, work, outcome)
    events = [event.document()]
    if outcome.ok and improves(lease, outcome.score):
        events.append({"event": "incumbent", "trial": lease.number, "score": outcome.score, "score_kind": outcome.score_kind,
                       "parameters": event.data["parameters"], "flops": event.data["flops"]})

    def store() -> bool:
        done = _held(lease).update(
            status=outcome.status, score=outcome.score, score_kind=outcome.score_kind, outcome=outcome.document(),
            parameters=event.data["parameters"], flops=event.data["flops"], epochs=outcome.spend.get("epochs"),
            seconds=outcome.spend.get("seconds"), lease_until=None, lease_owner="", finished_at=Now())
        release(lease.slot_id, lease.trial_id)
        return bool(done)

    return events, store


def improves(lease: Lease, score: float | None) -> bool:
    best = Trial.objects.filter(search_id=lease.search_id, status=Trial.Status.DONE).aggregate(best=Max("score"))["best"]
    return score is not None and (best is None or score > best)


def expire() -> list[Trial]:
    """Trials whose holder fell silent: back to pending, or failed after the third attempt."""
    silent = list(Trial.objects.filter(status=RUNNING, lease_until__lt=Now()).select_related("search"))
    for trial in silent:
        poison = trial.attempt >= MOST_ATTEMPTS
        taken = Trial.objects.filter(pk=trial.pk, status=RUNNING, lease_token=trial.lease_token, lease_until__lt=Now())
        if poison:
            fail_for_good(taken, trial)
        else:
            taken.update(status=PENDING, lease_until=None, lease_owner="", lease_token=F("lease_token") + 1)
        Slot.objects.filter(trial=trial).update(trial=None)
    return silent


def fail_for_good(rows: Any, trial: Trial, text: str = "The trainer was lost three times.") -> None:
    """A poison trial: whoever holds `rows` marks it failed, with its event."""
    outcome = api.Outcome("failed", metrics={"error": text, "error_kind": "poison"})

    def store() -> bool:
        return bool(rows.update(status=Trial.Status.FAILED, outcome=outcome.document(), lease_until=None, lease_owner="",
                                lease_token=F("lease_token") + 1, finished_at=Now()))

    event = api.finished_event(api.parse(trial.search.document), api.work_from(trial.work), outcome)
    try:
        recorder.record(trial.search_id, [event.document()], store)
    except recorder.Superseded:
        return


def _held(lease: Lease) -> Any:
    return Trial.objects.filter(pk=lease.trial_id, lease_token=lease.token, status=RUNNING)
