"""Hints: a few bytes over Redis that there is news. Losing one costs two seconds, never data."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

log = logging.getLogger(__name__)
PATIENCE = 1.0        # seconds; a dead Redis must not hold a writer back
lost = 0              # hints that could not be sent, for the health page


def group(search_id: UUID | str) -> str:
    return f"search.{search_id}"


def hint(search_id: UUID, seq: int) -> None:
    """Tell the sockets of a search how far its log goes. Never raises."""
    global lost
    try:
        async_to_sync(_send)(group(search_id), {"type": "search.hint", "seq": seq})
    except Exception:                           # any transport error: the reader looks by itself
        lost += 1
        log.debug("hint for %s lost", search_id, exc_info=True)


async def _send(name: str, message: dict[str, object]) -> None:
    layer = get_channel_layer()
    await asyncio.wait_for(layer.group_send(name, message), PATIENCE)
