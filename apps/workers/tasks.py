"""Celery tasks: doorbells. The database says what there is to do."""

from __future__ import annotations

import threading
from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down

from apps.workers import advancing, packing, reconciler, slots, supervisor


@shared_task(name="advance", ignore_result=True)
def advance(search_id: str) -> None:
    """Step a search; the trials it proposes are found by whoever has a slot."""
    advancing.step(search_id)


@shared_task(name="perform", ignore_result=True)
def perform(trial_id: int) -> None:
    """Do waiting work here; silence means no slot was free, and the next finisher looks again."""
    supervisor.work()


@shared_task(name="pack", ignore_result=True)
def pack(download_id: int) -> None:
    packing.pack(download_id)


@worker_ready.connect
def begin(**_: Any) -> None:
    slots.here()
    threading.Thread(target=reconciler.run_for_ever, daemon=True, name="reconciler").start()


@worker_shutting_down.connect
def close(**_: Any) -> None:
    """Slices end at a checkpoint; their trials wait for another worker."""
    slots.here().closing.set()
