"""Events to rows: the only place that takes a `seq`, in the same transaction as the rows that the events tell of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.searches import broadcast
from apps.searches.models import Event, Search
from engine import api

Document = Mapping[str, Any]                    # {"event": type, "trial": number or absent, …data}
Rows = Callable[[Search], Iterable[Document]]


class Superseded(Exception):
    """The writer's lease or claim has passed to another: nothing was written."""


def record(search_id: UUID, events: Iterable[Document], rows: Rows | None = None) -> int:
    """Append events to a search's log and give its last seq.

    `rows` runs first in the same transaction, with the search's row locked: it writes what the events tell of, gives
    further events, and raises Superseded where the writer no longer may. The search's row is always locked before
    its trials' rows, so that two writers cannot wait for each other.
    """
    with transaction.atomic():
        search = Search.objects.select_for_update().defer("strategy_state").filter(pk=search_id).first()
        if search is None:
            raise Superseded(f"search {search_id} is gone")
        written = [*events, *(rows(search) if rows else ())]
        if not written:
            return search.next_seq - 1
        Search.objects.filter(pk=search_id).update(next_seq=F("next_seq") + len(written))
        now = timezone.now()
        Event.objects.bulk_create(_row(search, seq, document, now) for seq, document in enumerate(written, search.next_seq))
        last = search.next_seq + len(written) - 1
        transaction.on_commit(partial(broadcast.hint, search_id, last))
    return last


def _row(search: Search, seq: int, document: Document, now: Any) -> Event:
    data = {key: _plain(value) for key, value in document.items() if key not in ("event", "trial")}
    event = api.Event(document["event"], document.get("trial"), data)       # refuses unknown types
    return Event(search=search, seq=seq, type=event.type, trial=event.trial, data=data, at=now)


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity, and neither has PostgreSQL: they become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
