"""A port to serve on: the wished one, else the next that is free."""

from __future__ import annotations

import socket

TRIES = 100


def free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def take(host: str, wished: int) -> tuple[int, list[int]]:
    """The port, and the busy ones that were passed over. Raises OSError if a whole row is busy."""
    busy: list[int] = []
    for port in range(wished, min(wished + TRIES, 65_536)):
        if free(host, port):
            return port, busy
        busy.append(port)
    raise OSError(f"no free port from {wished} on")
