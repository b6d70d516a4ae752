"""The sockets of search and arena pages: each joins its group, replays what is newer than the cursor, then follows."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.core.serializers.json import DjangoJSONEncoder

from apps.live import cursor, feed
from apps.searches import broadcast

log = logging.getLogger(__name__)

HINT_WAIT = 2.0        # seconds until the log is read again without a hint: hints may be lost, the log may not
JOIN_WAIT = 0.1        # what follows a frame within this time goes into the next one
RECHECK = 5.0          # seconds between looks at session and permission
LAYER_WAIT = 1.0       # a dead Redis must not hold a page back
BAD_CURSOR, AHEAD, ONLY_DOWN = 4400, 4409, 4405


class LogConsumer(AsyncWebsocketConsumer):
    """Sends `{"seq", "events"}` frames and takes none. Holds no queue: a hint only sets a flag."""

    source: feed.Source
    key: str                                    # of the id in the address
    pump: asyncio.Task[None] | None = None
    group: str | None = None
    refused = False

    async def connect(self) -> None:
        self.wanted: UUID = self.scope["url_route"]["kwargs"][self.key]
        try:
            found = await self._permitted()
        except feed.Denied:
            await self.close()                  # before accept: the handshake ends with 403
            return
        self.news = asyncio.Event()
        await self._join()
        await self.accept()
        last = cursor.from_query(self.scope["query_string"], "from")
        if last is None:
            await self._refuse("bad_cursor", "from must be a whole number from 0", BAD_CURSOR)
        elif await database_sync_to_async(feed.ahead)(self.source, found, last):
            await self._refuse("ahead", "from is newer than the log; load the page again", AHEAD)
        else:
            self.pump = asyncio.create_task(self._follow(found, last))

    async def disconnect(self, code: int) -> None:
        if self.pump is not None:
            self.pump.cancel()
        if self.group is not None:
            try:
                await asyncio.wait_for(self.channel_layer.group_discard(self.group, self.channel_name), LAYER_WAIT)
            except Exception:                   # noqa: BLE001 - any transport error: the socket is gone anyway
                log.warning("could not leave %s", self.group)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """The socket only goes down: whatever a client sends is answered once, then the line is cut."""
        await self._refuse("only_down", "this socket takes no messages; actions are POSTs", ONLY_DOWN)

    async def search_hint(self, message: dict[str, Any]) -> None:
        """There may be news (the layer's message; its content does not matter)."""
        self.news.set()

    async def _permitted(self) -> Any:
        return await database_sync_to_async(feed.permitted)(self.source, self.scope["session"].session_key, self.wanted)

    async def _join(self) -> None:
        name = broadcast.group(self.wanted)
        try:
            await asyncio.wait_for(self.channel_layer.group_add(name, self.channel_name), LAYER_WAIT)
            self.group = name
        except Exception:                       # noqa: BLE001 - without Redis the page lives on the 2 s look
            log.warning("no hints for %s", name)

    async def _refuse(self, code: str, text: str, close: int) -> None:
        if self.refused:
            return
        self.refused = True
        if self.pump is not None:
            self.pump.cancel()
        await self._send({"error": {"code": code, "text": text}})
        await self.close(close)

    async def _follow(self, found: Any, last: int) -> None:
        try:
            await self._replay_and_wait(found, last)
        except feed.Denied as denied:
            await self.close(denied.code)
        except Exception:                       # the client comes back with its cursor
            log.exception("socket of %s", self.wanted)
            await self.close(1011)

    async def _replay_and_wait(self, found: Any, last: int) -> None:
        clock = asyncio.get_running_loop().time
        checked = clock()
        while True:
            self.news.clear()                   # before the read: a hint during it is not lost
            frame = await database_sync_to_async(feed.frame)(self.source, found, last)
            if frame["events"]:
                last = frame["seq"]
                await self._send(frame)
                if len(frame["events"]) == feed.PAGE:
                    continue
                await asyncio.sleep(JOIN_WAIT)
            if clock() - checked >= RECHECK:
                found, checked = await self._permitted(), clock()
            try:
                await asyncio.wait_for(self.news.wait(), HINT_WAIT)
            except TimeoutError:
                pass

    async def _send(self, frame: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(frame, cls=DjangoJSONEncoder, allow_nan=False))


class SearchConsumer(LogConsumer):
    """The log of a search."""

    source, key = feed.SEARCHES, "search_id"


class ArenaConsumer(LogConsumer):
    """The log of an arena."""

    source, key = feed.ARENAS, "arena_id"
