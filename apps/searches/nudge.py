"""Nudges: Celery messages that say "look there". The database is the queue: losing one costs seconds, never work."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import BoundedSemaphore
from typing import Any
from uuid import UUID

from celery import current_app
from django.db import transaction

log = logging.getLogger(__name__)
MOST = 100                                      # nudges that may wait for a broker; the reconciler makes up for others
QUEUES = {"advance": "advance", "perform": "perform", "pack": "perform", "play": "perform"}
_room = BoundedSemaphore(MOST)
_sender = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nudge")


def advance(search_id: UUID) -> None:
    """Take the next step of a search."""
    _after_commit("advance", str(search_id))


def perform(trial_id: int) -> None:
    """A trial waits for a slot."""
    _after_commit("perform", trial_id)


def pack(download_id: int) -> None:
    """A download is wanted."""
    _after_commit("pack", download_id)


def play(arena_id: UUID) -> None:
    """Runs of an arena wait for a player."""
    _after_commit("play", str(arena_id))


def _after_commit(task: str, argument: Any) -> None:
    transaction.on_commit(partial(_hand_over, task, argument))


def _hand_over(task: str, argument: Any) -> None:
    """To a thread of its own: a broker that hangs must not hold a request or a writer back."""
    if _room.acquire(blocking=False):
        _sender.submit(_send, task, argument)
    else:
        log.warning("nudge %s dropped: the broker does not take them", task)


def _send(task: str, argument: Any) -> None:
    try:
        current_app.send_task(task, [argument], queue=QUEUES[task], retry=False, ignore_result=True)
    except Exception as error:                  # noqa: BLE001 - any broker error: the reconciler looks by itself
        log.warning("nudge %s not sent: %s", task, error)
    finally:
        _room.release()
