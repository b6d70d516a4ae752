"""Reading: arenas, their logs and what is done of them. Never writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.http import Http404

from apps.arena.models import Arena, Event, Run, Status

PAGE = 25
ENDED = (Status.DONE, Status.FAILED)


def readable(user: Any, arena_id: UUID) -> Arena:
    """Whoever is signed in and has the address may look: it holds nothing but figures."""
    arena = _counted().filter(pk=arena_id).first() if user.is_authenticated else None
    if arena is None:
        raise Http404("There is no such arena.")
    return arena


def own(user: Any, arena_id: UUID) -> Arena:
    """The arena, if it is this person's (a superuser's are all); else 404."""
    arena = readable(user, arena_id)
    if not mine(user, arena):
        raise Http404("There is no such arena.")
    return arena


def mine(user: Any, arena: Arena) -> bool:
    return bool(user.is_superuser or arena.owner_id == user.pk)


def page(user: Any, asked: Mapping[str, str]) -> Page[Arena]:
    """A page of a person's own arenas, newest first."""
    found = _counted().order_by("-created_at", "pk")
    return Paginator(found if user.is_superuser else found.filter(owner=user), PAGE).get_page(asked.get("page"))


def _counted() -> QuerySet[Arena]:
    """Each with how many of its runs there are and have ended."""
    return Arena.objects.annotate(total=Count("runs"), ended_runs=Count("runs", filter=Q(runs__status__in=ENDED)))


def events_after(arena: Arena, seq: int, limit: int) -> list[dict[str, Any]]:
    """The next events of the log, oldest first."""
    rows = Event.objects.filter(arena=arena, seq__gt=seq).order_by("seq")[:limit]
    return [{"seq": row.seq, "type": row.type, "data": row.data, "at": row.at.isoformat()} for row in rows]


def progress(arena: Arena) -> str:
    """How far the newest run is, in words; empty where none has told."""
    row = Event.objects.filter(arena=arena, type="run_progress").order_by("-seq").first()
    return f"{row.data['strategy']}: {row.data['done']} of {row.data['total']} {row.data['stage']}" if row else ""


def runs(arena: Arena) -> list[Run]:
    """All that have ended, in their order."""
    return list(Run.objects.filter(arena=arena, status__in=ENDED).order_by("number"))
