"""Celery tasks: doorbells. The database says what there is to do."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down

from apps.workers import crew, packing


@shared_task(name="advance", ignore_result=True)
def advance(search_id: str) -> None:
    """Step a search; what it proposes is found by whoever has a free slot."""
    if here := crew.here():
        here.thinker.advance(search_id)
        here.wake()


@shared_task(name="perform", ignore_result=True)
def perform(trial_id: int) -> None:
    """A trial waits: free slots take it. Where none is free this returns at once, and the next to finish looks again."""
    if here := crew.here():
        here.wake()


@shared_task(name="pack", ignore_result=True)
def pack(download_id: int) -> None:
    packing.pack(download_id)


@shared_task(name="play", ignore_result=True)
def play(arena_id: str) -> None:
    """Runs of an arena wait: this worker's player takes them one after another."""
    if here := crew.here():
        here.player.bell.set()


@worker_ready.connect
def begin(**_: Any) -> None:
    crew.begin()


@worker_shutting_down.connect
def hush(**_: Any) -> None:
    """Running trials go to their next checkpoint."""
    if here := crew.here():
        here.closing.set()


@worker_shutdown.connect
def end(**_: Any) -> None:
    crew.end()
