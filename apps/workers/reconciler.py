"""The reconciler: every few seconds one worker looks at the database and puts right what messages missed."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

from django.db import DatabaseError, close_old_connections
from django.db.models.functions import Now

from apps.searches import services
from apps.searches.models import Download, Search, Trial
from apps.searches.states import ACTIVE, DRAINING
from apps.workers import advancing, leases, packing, slots, supervisor
from apps.workers.models import Turn, Worker

log = logging.getLogger(__name__)
EVERY, SILENT = 3.0, timedelta(seconds=30)


def run_for_ever() -> None:
    while not slots.here().closing.is_set():
        try:
            slots.beat()
            if my_turn():
                reconcile()
            engage()
        except DatabaseError:
            log.warning("database away, looking again", exc_info=True)
        finally:
            close_old_connections()
        time.sleep(EVERY)


def my_turn() -> bool:
    """One at a time, whoever is first; a dead one's turn ends by itself."""
    Turn.objects.get_or_create(name="reconcile", defaults={"until": "2000-01-01T00:00:00Z"})
    return bool(Turn.objects.filter(name="reconcile", until__lt=Now()).update(until=Now() + timedelta(seconds=EVERY * 0.9)))


def reconcile() -> None:
    """Expire silent leases and workers, settle what drains, step what waits, sweep what is deleted."""
    leases.expire()
    Worker.objects.filter(beat_at__lt=Now() - SILENT).delete()
    for search in Search.objects.filter(state__in=list(DRAINING)):
        services.settle(search)
    for search in Search.objects.filter(state__in=list(ACTIVE), deleted_at=None):
        if not search.trials.filter(status=Trial.Status.PENDING).exists():
            advancing.step(search.pk)
    services.sweep()


def engage() -> None:
    """Start supervisors for free slots where work waits, also while Redis is away."""
    if Trial.objects.filter(status=Trial.Status.PENDING, search__state__in=list(ACTIVE)).exists() and slots.free():
        threading.Thread(target=_supervise, daemon=True).start()
    for download in Download.objects.filter(state=Download.State.WANTED, trial__finished_at__lt=Now() - timedelta(seconds=20))[:1]:
        packing.pack(download.pk)


def _supervise() -> None:
    try:
        supervisor.work()
    finally:
        close_old_connections()
