"""Writing the rows of workers: who is there, what room they have, whose turn a chore is."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from apps.searches.models import Download
from apps.searches.states import Delivery, Status
from apps.workers.models import Slot, Turn, Worker

SILENCE = timedelta(seconds=20)         # a worker that has not been seen for so long is gone
MEMORY = timedelta(days=1)              # how long the page of workers remembers it
PACKING = timedelta(minutes=10)         # how long a download may take before another worker tries


def enrol(devices: Sequence[str], facts: dict[str, Any]) -> list[Slot]:
    """This process as a worker; its slots."""
    with transaction.atomic():
        worker = Worker.objects.create(host=socket.gethostname()[:255], pid=os.getpid(), facts=facts, seen_at=Now())
        return Slot.objects.bulk_create(Slot(worker=worker, index=n, device=name) for n, name in enumerate(devices))


def seen(worker_id: UUID) -> None:
    """It is alive, even if others had given it up."""
    Worker.objects.filter(pk=worker_id).update(seen_at=Now(), ended_at=None)


def dead_here() -> list[UUID]:
    """Workers of this machine whose process is no more: nobody has to wait for their silence."""
    here = Worker.objects.filter(host=socket.gethostname()[:255], ended_at=None)
    dead = [worker.pk for worker in here if not _alive(worker.pid)]
    Worker.objects.filter(pk__in=dead).update(ended_at=Now())
    return dead


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def learnt(worker_id: UUID, facts: dict[str, Any]) -> None:
    """What its trainer children said about themselves."""
    worker = Worker.objects.get(pk=worker_id)
    Worker.objects.filter(pk=worker_id).update(facts={**worker.facts, **facts})


def leave(worker_id: UUID) -> None:
    """It ends, and said so."""
    Worker.objects.filter(pk=worker_id).update(ended_at=Now())


def bury() -> None:
    """Mark the silent ones as gone, forget the long gone, free slots whose trial no longer runs there."""
    Worker.objects.filter(ended_at=None, seen_at__lt=Now() - SILENCE).update(ended_at=Now())
    Worker.objects.filter(ended_at__lt=Now() - MEMORY).delete()
    for slot in Slot.objects.exclude(trial=None).select_related("trial"):
        trial = slot.trial
        if trial is not None and (trial.status != Status.RUNNING or trial.lease_token != slot.token):
            Slot.objects.filter(pk=slot.pk, trial=trial, token=slot.token).update(trial=None)


def take_turn(chore: str, seconds: float) -> bool:
    """Whether a chore that one process does every so many seconds is ours this time."""
    Turn.objects.get_or_create(chore=chore, defaults={"due_at": Now()})
    return bool(Turn.objects.filter(chore=chore, due_at__lte=Now()).update(due_at=Now() + timedelta(seconds=seconds)))


def take_download(download_id: int) -> Download | None:
    """The right to build a wanted download, with a token of its own."""
    free = Q(until=None) | Q(until__lt=Now())
    download = Download.objects.filter(pk=download_id).first()
    if download is None:
        return None
    wanted = Download.objects.filter(free, pk=download_id, state=Delivery.WANTED, token=download.token)
    if not wanted.update(token=download.token + 1, until=Now() + PACKING):
        return None
    return Download.objects.select_related("trial__search").filter(pk=download_id).first()
