"""Sockets: only known addresses, only from our own pages."""

from __future__ import annotations

import pytest
from channels.testing import WebsocketCommunicator

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


def socket(path: str, origin: bytes | None = b"http://testserver") -> WebsocketCommunicator:
    from nasweb.asgi import application

    headers = [(b"host", b"testserver")] + ([(b"origin", origin)] if origin is not None else [])
    return WebsocketCommunicator(application, path, headers)


@pytest.mark.parametrize("path", ["/", "/ws/", "/ws/searches/no-uuid/", "/ws/searches/../", "/ws/" + "x" * 5000, "/ws/%00"])
async def test_unknown_socket_is_refused_without_an_error(path: str) -> None:
    connected, code = await socket(path).connect()
    assert (connected, code) == (False, 4404)


@pytest.mark.parametrize("origin", [None, b"null", b"http://evil.example", b"http://testserver.evil.example", b"\xff\xfe"])
async def test_foreign_origin_is_refused(origin: bytes | None) -> None:
    connected, _ = await socket("/ws/searches/00000000-0000-4000-8000-000000000000/", origin).connect()
    assert not connected
