"""What sockets and their HTTP twins send: who may see it, and one page of an event log after a cursor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.http import Http404, HttpRequest

from apps.arena import selectors as arenas
from apps.searches import selectors as searches

PAGE = 200


@dataclass(frozen=True)
class Source:
    """Where a log comes from: `find(user, id)` or 404, and `after(found, seq, limit)`."""

    find: Callable[[Any, UUID], Any]
    after: Callable[[Any, int, int], list[dict[str, Any]]]


SEARCHES = Source(searches.visible_search, searches.events_after)
ARENAS = Source(arenas.readable, arenas.events_after)


class Denied(Exception):
    """Nobody is signed in (4401), or it is not there for this person (4403)."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def permitted(source: Source, session_key: str | None, wanted: UUID) -> Any:
    """What is followed, if the session still stands and its owner may see it. Reads both anew each time."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    viewer = get_user(request)
    if not viewer.is_authenticated:
        raise Denied(4401)
    try:
        return source.find(viewer, wanted)
    except Http404:
        raise Denied(4403) from None


def frame(source: Source, found: Any, after: int) -> dict[str, Any]:
    """`{"seq": last, "events": [...]}`; with nothing new, `seq` stays where it was."""
    events = source.after(found, after, PAGE)
    return {"seq": events[-1]["seq"] if events else after, "events": events}


def ahead(source: Source, found: Any, cursor: int) -> bool:
    """Whether this cursor is newer than the log, as after a database was set back."""
    return cursor > 0 and not source.after(found, cursor - 1, 1)
