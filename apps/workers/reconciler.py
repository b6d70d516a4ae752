"""The reconciler: every few seconds one process looks at the database and puts right what messages missed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from apps.arena import leases as runs
from apps.searches import nudge, recorder, selectors
from apps.searches import services as searches
from apps.searches.models import Download, Search
from apps.searches.states import ACTIVE, DRAINING, Delivery, State
from apps.workers import leases, services

log = logging.getLogger(__name__)
EVERY = 5.0


def bury_dead_here() -> None:
    """What dead processes of this machine, or silent ones of any, had taken goes back."""
    dead = services.dead_here()
    for lease in leases.expire(dead):
        log.warning("trial %s of %s: its worker is gone", lease.number, lease.search_id)
    for run in runs.expire(dead):
        log.warning("run %s of arena %s: its worker is gone", run.run_id, run.arena_id)


def reconcile(advance: Callable[[UUID], None]) -> bool:
    """Do the round if it is this process's turn. It reaches what was lost with Redis as well: it steps searches itself."""
    if not services.take_turn("reconcile", EVERY * 0.9):
        return False
    bury_dead_here()
    services.bury()
    for search in Search.objects.filter(state__in=DRAINING):
        recorder.record(search.pk, [], searches.settle)
    searches.sweep()
    for download in Download.objects.filter(Q(until=None) | Q(until__lt=Now()), state=Delivery.WANTED):
        nudge.pack(download.pk)
    for search in Search.objects.filter(state__in=ACTIVE, deleted_at=None):
        if search.state == State.QUEUED or selectors.waiting(search):
            advance(search.pk)
    return True
