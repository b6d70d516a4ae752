"""What the socket and its HTTP twin send: who may see it, and one page of the event log after a cursor."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.http import Http404, HttpRequest

from apps.searches import selectors
from apps.searches.models import Search

PAGE = 200


class Denied(Exception):
    """Nobody is signed in (4401), or the search is not there for this person (4403)."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def permitted(session_key: str | None, search_id: UUID) -> Search:
    """The search, if the session still stands and its owner may see it. Reads both anew each time."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    viewer = get_user(request)
    if not viewer.is_authenticated:
        raise Denied(4401)
    try:
        return selectors.visible_search(viewer, search_id)
    except Http404:
        raise Denied(4403) from None


def frame(search: Search, after: int) -> dict[str, Any]:
    """`{"seq": last, "events": [...]}`; with nothing new, `seq` stays where it was."""
    events = list(selectors.events_after(search, after, PAGE))
    return {"seq": events[-1]["seq"] if events else after, "events": events}


def ahead(search: Search, cursor: int) -> bool:
    """Whether this cursor is newer than the log, as after a database was set back."""
    return cursor > 0 and not list(selectors.events_after(search, cursor - 1, 1))
