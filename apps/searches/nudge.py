"""Nudges: Celery messages that say "look there". Sent after commit; losing one costs seconds (the reconciler looks too)."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any
from uuid import UUID

from celery import current_app
from django.db import transaction

log = logging.getLogger(__name__)


def advance(search_id: UUID) -> None:
    _after_commit("advance", str(search_id))


def perform(trial_id: int) -> None:
    _after_commit("perform", trial_id)


def pack(download_id: int) -> None:
    _after_commit("pack", download_id)


def _after_commit(task: str, argument: Any) -> None:
    transaction.on_commit(partial(_send, task, argument))


def _send(task: str, argument: Any) -> None:
    try:
        current_app.send_task(task, [argument], queue="advance" if task == "advance" else "perform", retry=False)
    except Exception:                           # any broker error: the reconciler finds the work in the database
        log.warning("nudge %s %s not sent", task, argument)
