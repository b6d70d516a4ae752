"""A search of a person and the socket of its page, on the in-memory layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.test import Client

from apps.searches import recorder
from apps.searches.models import Search

DOCUMENT = {"version": 1, "name": "live", "space": {"kind": "nas_bench_201"}, "strategy": {"name": "random_search"},
            "dataset": {"name": "digits"}, "budget": {"trials": 5}}


@pytest.fixture(autouse=True)
def memory_layer(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


@pytest.fixture
def search(person: Any) -> Search:
    return Search.objects.create(owner=person, name="live", document=DOCUMENT, state="running", idempotency_key="live")


def write(search: Search, count: int, start: int = 0) -> int:
    """`count` log events in one batch; their texts say which they are."""
    events = [{"event": "log", "level": "info", "text": f"line {start + i}"} for i in range(count)]
    return recorder.record(search.id, events)


later = database_sync_to_async(write)
Dial = Callable[..., WebsocketCommunicator]


@pytest.fixture
def dial(search: Search) -> Dial:
    """A socket to the search, as a browser opens it; `client=None` has no session."""

    def open_socket(client: Client | None, query: str = "from=0", path: str | None = None,
                    origin: str = "http://testserver") -> WebsocketCommunicator:
        from nasweb.asgi import application

        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items()) if client else ""
        headers = [(b"host", b"testserver"), (b"origin", origin.encode()), (b"cookie", cookie.encode())]
        return WebsocketCommunicator(application, path or f"/ws/searches/{search.id}/?{query}", headers)

    return open_socket


async def collect(socket: WebsocketCommunicator, last: int, timeout: float = 5) -> list[dict[str, Any]]:
    """All frames until the one that ends at `last`."""
    frames: list[dict[str, Any]] = []
    while not frames or frames[-1]["seq"] < last:
        frames.append(await socket.receive_json_from(timeout))
    return frames
