"""Leases: who plays a run, for how long, and what comes of it. Every write carries the token."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from apps.arena import estimates, recorder, services
from apps.arena.models import ACTIVE, Arena, Run, State, Status
from apps.arena.recorder import Document, Superseded

LIFE = timedelta(seconds=15)
MOST_ATTEMPTS = 3
LOOK_AT = 20                                    # pending runs that one claim tries
LONGEST_ERROR = 500
FREE = {"lease_owner": None, "lease_until": None}


@dataclass(frozen=True)
class Lease:
    """The right to play one run, and what the child needs to know of it."""

    run_id: int
    arena_id: UUID
    token: int
    order: dict[str, Any]
    op: str = "play"


def claim(worker_id: UUID) -> Lease | None:
    """The next run that waits. Arenas take turns: the first seeds of one go before the last ones of another."""
    waiting = Run.objects.filter(status=Status.PENDING, arena__state__in=ACTIVE).select_related("arena").defer("track")
    for run in waiting.order_by("number", "arena__created_at")[:LOOK_AT]:
        try:
            return _claim(worker_id, run)
        except Superseded:
            continue
    return None


def _claim(worker_id: UUID, run: Run) -> Lease:
    token = run.lease_token + 1

    def rows(locked: Arena) -> Iterable[Document]:
        pending = Run.objects.filter(pk=run.pk, status=Status.PENDING, lease_token=run.lease_token)
        if locked.ended or not pending.update(status=Status.RUNNING, lease_owner=worker_id, lease_token=token,
                                              lease_until=Now() + LIFE):
            raise Superseded(f"run {run.pk} is somebody else's")
        return [services.move(locked, State.RUNNING)] if locked.state == State.QUEUED else []

    recorder.record(run.arena_id, rows)
    if run.arena.estimates:
        wanted = estimates.order(run.arena_id, run.arena.document, run.strategy)
        return Lease(run.pk, run.arena_id, token, wanted, "correlate")
    order = {**run.arena.place, "strategy": {"name": run.strategy}, "seed": run.seed,
             "evaluations": run.arena.document["evaluations"]}
    return Lease(run.pk, run.arena_id, token, order)


def _held(lease: Lease) -> QuerySet[Run]:
    return Run.objects.filter(pk=lease.run_id, lease_token=lease.token, status=Status.RUNNING)


def beat(lease: Lease) -> bool:
    """Prolong; False if the lease has passed to another, or the arena wants no more runs."""
    return bool(_held(lease).filter(arena__state__in=ACTIVE).update(lease_until=Now() + LIFE))


def tell(lease: Lease, stage: str, done: int, total: int) -> None:
    """How far a run is, for whoever watches. Raises Superseded."""
    def rows(locked: Arena) -> Iterable[Document]:
        if locked.ended or not (held := _held(lease).first()):
            raise Superseded(f"run {lease.run_id} is somebody else's")
        return [{"event": "run_progress", "strategy": held.strategy, "stage": stage, "done": done, "total": total}]

    recorder.record(lease.arena_id, rows)


def finish(lease: Lease, track: dict[str, Any], seconds: float) -> None:
    """Store the run. Raises Superseded."""
    _end(lease, status=Status.DONE, track=track, seconds=seconds)


def fail(lease: Lease, reason: str) -> None:
    """The strategy cannot be played: what is left of its runs is not tried. Raises Superseded."""
    _end(lease, status=Status.FAILED, error=reason[:LONGEST_ERROR])


def lose(lease: Lease, reason: str) -> None:
    """Whoever played it is gone: again, up to three times. Raises Superseded."""
    if Run.objects.filter(pk=lease.run_id, attempt__gte=MOST_ATTEMPTS - 1).exists():
        fail(lease, f"It was lost {MOST_ATTEMPTS} times: {reason}")
    else:
        _held(lease).update(status=Status.PENDING, attempt=F("attempt") + 1, **FREE)


def give_back(lease: Lease) -> None:
    """Not played, and nobody's fault."""
    _held(lease).update(status=Status.PENDING, **FREE)


def expire(dead: Collection[UUID]) -> list[Lease]:
    """Runs whose player is gone or silent, lost now."""
    gone = Run.objects.filter(Q(lease_until__lt=Now()) | Q(lease_owner__in=dead), status=Status.RUNNING).defer("track")
    leases = [Lease(run.pk, run.arena_id, run.lease_token, {}) for run in gone]
    for lease in leases:
        try:
            lose(lease, "the worker is gone")
        except Superseded:
            continue
    return leases


def _end(lease: Lease, **result: Any) -> None:
    def rows(locked: Arena) -> Iterable[Document]:
        if locked.ended:
            give_back(lease)
            return []
        if not _held(lease).update(**result, **FREE):
            raise Superseded(f"run {lease.run_id} is somebody else's")
        run = Run.objects.defer("track").get(pk=lease.run_id)
        if run.status == Status.FAILED:
            rest = Run.objects.filter(arena=locked, strategy=run.strategy, status=Status.PENDING)
            rest.update(status=Status.FAILED, error="Not played: another seed of this strategy failed.")
        return [_told(locked, run), *services.settle(locked)]

    recorder.record(lease.arena_id, rows)


def _told(locked: Arena, run: Run) -> Document:
    runs = Run.objects.filter(arena=locked)
    ended = runs.exclude(status__in=(Status.PENDING, Status.RUNNING)).count()
    return {"event": "run_finished", "strategy": run.strategy, "seed": run.seed, "status": run.status, "error": run.error,
            "seconds": run.seconds, "ended": ended, "total": runs.count()}
