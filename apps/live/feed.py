"""What the socket and its HTTP twin send: one page of the event log after a cursor."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from uuid import UUID

from channels.auth import get_user
from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import Http404

from apps.searches import selectors
from apps.searches.models import Search

PAGE = 200


def frame(search: Search, after: int) -> dict[str, Any]:
    """`{"seq": last, "events": [...]}`; with nothing new, `seq` stays where it was."""
    events = list(selectors.events_after(search, after, PAGE))
    return {"seq": events[-1]["seq"] if events else after, "events": events}
