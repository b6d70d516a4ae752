"""Events of arenas to rows: the only place that takes a `seq`, in one transaction with the rows that the events tell of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.arena.models import Arena, Event
from apps.searches import broadcast

Document = Mapping[str, Any]                    # {"event": type, …data}
TYPES = frozenset({"arena_state", "run_finished", "run_progress"})


class Superseded(Exception):
    """The writer's lease has passed to another, or the arena is gone: nothing was written."""


def record(arena_id: UUID, rows: Callable[[Arena], Iterable[Document]]) -> int:
    """Append the events that `rows` gives, with the arena's row locked, and give the log's last seq."""
    with transaction.atomic():
        arena = Arena.objects.select_for_update().filter(pk=arena_id).first()
        if arena is None:
            raise Superseded(f"arena {arena_id} is gone")
        written = list(rows(arena))
        if not written:
            return arena.next_seq - 1
        Arena.objects.filter(pk=arena_id).update(next_seq=F("next_seq") + len(written))
        now = timezone.now()
        Event.objects.bulk_create(_row(arena, seq, document, now) for seq, document in enumerate(written, arena.next_seq))
        last = arena.next_seq + len(written) - 1
        transaction.on_commit(partial(broadcast.hint, arena_id, last))
    return last


def _row(arena: Arena, seq: int, document: Document, now: Any) -> Event:
    if document["event"] not in TYPES:
        raise ValueError(f"{document['event']} is no event of an arena")
    data = {key: value for key, value in document.items() if key != "event"}
    return Event(arena=arena, seq=seq, type=document["event"], data=data, at=now)
