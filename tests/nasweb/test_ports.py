"""A busy port is named, the next free one taken."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from nasweb.up import ports

HOST = "127.0.0.1"


@pytest.fixture
def busy() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_wished_port_is_taken_when_free() -> None:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    assert ports.take(HOST, port) == (port, [])


def test_busy_port_is_passed_over_and_named(busy: int) -> None:
    port, passed = ports.take(HOST, busy)
    assert passed[0] == busy
    assert port == busy + len(passed)
    assert ports.free(HOST, port)


def test_a_row_of_busy_ports_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "free", lambda host, port: False)
    with pytest.raises(OSError, match="no free port from 8000"):
        ports.take(HOST, 8000)
