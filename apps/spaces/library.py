"""Reading what people saved: their spaces, versions and what changed between them; and every kind at a glance."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404

from apps.spaces import selectors
from apps.spaces.changes import Change, changes
from apps.spaces.models import SpaceDefinition, SpaceVersion
from engine import api


def visible(user: Any, space_id: UUID) -> SpaceDefinition:
    """The definition, or 404: the same answer for not there and not yours."""
    found = SpaceDefinition.objects.visible_to(user).filter(pk=space_id).first()
    if found is None:
        raise Http404("There is no such space.")
    return found


def version(definition: SpaceDefinition, number: int) -> SpaceVersion:
    found = definition.versions.filter(number=number).first() if number < 2**31 else None
    if found is None:
        raise Http404("There is no such version.")
    return found


def saved_by(user: Any) -> QuerySet[SpaceDefinition]:
    return SpaceDefinition.objects.filter(owner=user)


def cards(user: Any) -> list[dict[str, Any]]:
    """A person's saved spaces, the last changed first, each with its size where its document still is one."""
    return [{"space": space, "facts": _figures(space.document)} for space in saved_by(user)]


def _figures(document: Any) -> dict[str, Any] | None:
    try:
        return api.facts(document)
    except api.Invalid:
        return None


def kinds() -> list[dict[str, Any]]:
    """Every kind of space with its default size and the drawing of one sample."""
    return [{**space, **_at_a_glance(space["name"]), "thumbnail": f"t-{space['name']}"} for space in api.spaces()]


@lru_cache(maxsize=64)
def _at_a_glance(kind: str) -> dict[str, Any]:
    found = selectors.facts({"kind": kind})
    return {"facts": found, "drawing": found["drawing"]}


def compared(older: SpaceVersion, newer: SpaceVersion) -> list[Change]:
    """What differs, the name among it."""
    return list(changes({"name": older.name, **older.document}, {"name": newer.name, **newer.document}))


def history(definition: SpaceDefinition) -> list[dict[str, Any]]:
    """The versions, newest first, each with what it changed."""
    rows = list(definition.versions.select_related("author"))
    return [{"version": row, "changes": compared(before, row) if before else []}
            for row, before in zip(rows, [*rows[1:], None], strict=True)]
