"""Events to rows: the only place that takes a `seq`, in the same transaction as what the events tell of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from apps.searches import broadcast
from apps.searches.models import Event, Search

EventDocument = Mapping[str, Any]


class Superseded(Exception):
    """The write came from someone whose lease or claim has passed to another."""


def record(search_id: UUID, events: Sequence[EventDocument], fence: Callable[[], bool] | None = None) -> int:
    """Append events and give the last seq. `fence` runs in the transaction, writes the rows that belong to the
    events, and says whether the writer still may; if not, nothing is written and Superseded is raised."""
    with transaction.atomic():
        if fence is not None and not fence():
            raise Superseded
        Search.objects.filter(pk=search_id).update(next_seq=F("next_seq") + len(events))
        last = Search.objects.values_list("next_seq", flat=True).get(pk=search_id)
        first = last - len(events) + 1
        Event.objects.bulk_create([_row(search_id, first + n, event) for n, event in enumerate(events)])
        if events:
            transaction.on_commit(partial(broadcast.hint, search_id, last))
    return last


def _row(search_id: UUID, seq: int, event: EventDocument) -> Event:
    data = {key: value for key, value in event.items() if key not in ("event", "trial")}
    return Event(search_id=search_id, seq=seq, type=event["event"], trial=event.get("trial"), data=data)
