"""Saving spaces: the only writer of definitions and their versions."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from apps.spaces.models import SpaceDefinition, SpaceVersion
from engine import api

audit = logging.getLogger("nasweb.audit")


class Stale(Exception):
    """Somebody saved another version meanwhile."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"Version {number} was saved meanwhile.")


def create(user: Any, name: str, document: Any, note: str = "", key: UUID | None = None) -> SpaceDefinition:
    """A new definition with its first version; the same key of the same person gives the same one. Raises api.Invalid."""
    written = api.space_document(document)
    own = {"name": name or _unnamed(written), "document": written}
    try:
        with transaction.atomic():
            made = SpaceDefinition.objects.create(owner=user, **own, **({"pk": key} if key else {}))
            SpaceVersion.objects.create(definition=made, number=1, author=user, note=note, **own)
    except IntegrityError:
        same = SpaceDefinition.objects.filter(pk=key, owner=user).first() if key else None
        return same or create(user, name, document, note)       # somebody else's key is no key
    audit.info("user %s created space %s", user.pk, made.pk)
    return made


def save(definition: SpaceDefinition, name: str, document: Any, by: Any, *, seen: int, note: str = "") -> SpaceDefinition:
    """The next version; none where nothing changed. `seen`: the version that was edited. Raises api.Invalid or Stale."""
    written = api.space_document(document)
    name = name or definition.name
    with transaction.atomic():
        held = SpaceDefinition.objects.select_for_update().get(pk=definition.pk)
        if held.number != seen:
            raise Stale(held.number)
        if (held.name, held.document) == (name, written):
            return held
        own = {"name": name, "document": written}
        moved = SpaceDefinition.objects.filter(pk=held.pk, number=seen)
        if not moved.update(number=seen + 1, changed_at=Now(), **own):
            raise Stale(seen + 1)
        SpaceVersion.objects.create(definition=held, number=seen + 1, author=by, note=note, **own)
    definition.refresh_from_db()
    audit.info("user %s saved version %s of space %s", by.pk, definition.number, definition.pk)
    return definition


def restore(version: SpaceVersion, by: Any) -> SpaceDefinition:
    """An old version once more, as the newest. Raises api.Invalid where its document is none any more, or Stale."""
    definition = version.definition
    return save(definition, version.name, version.document, by, seen=definition.number,
                note=f"restored from version {version.number}")


def delete(definition: SpaceDefinition, by: Any) -> None:
    """Searches keep their own copy of the document, so that nothing else goes."""
    audit.info("user %s deleted space %s", by.pk, definition.pk)
    definition.delete()


def _unnamed(document: dict[str, Any]) -> str:
    return f"{api.entry('spaces', document['kind']).title} space"
