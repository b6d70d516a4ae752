"""Trainer children: started by one permanent thread, kept warm, spoken to in JSON lines."""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from django.conf import settings

log = logging.getLogger(__name__)
SECRETS = ("NASWEB_SECRET_KEY", "NASWEB_SECRET_KEY_FILE", "NASWEB_SECRET_KEY_FALLBACKS", "DATABASE_URL", "DATABASE_URL_FILE",
           "REDIS_URL", "REDIS_URL_FILE")
RECYCLE = 200                   # orders until a child is replaced by a fresh one: what leaks, leaks within bounds
NONE = "none"                   # the device of a child that only thinks
Message = dict[str, Any]


class Lost(Exception):
    """The child ended, or was ended, before it gave its result."""


class Starter:
    """The one thread that starts children: a parent-death signal fires when the *thread* that started them ends."""

    def __init__(self) -> None:
        self.wanted: queue.Queue[tuple[str, Future[subprocess.Popen[str]]]] = queue.Queue()
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def start(self, device: str) -> subprocess.Popen[str]:
        with self.lock:
            if self.thread is None:
                self.thread = threading.Thread(target=self._serve, daemon=True, name="child-starter")
                self.thread.start()
        asked: Future[subprocess.Popen[str]] = Future()
        self.wanted.put((device, asked))
        return asked.result(timeout=60)

    def _serve(self) -> None:
        while True:
            device, asked = self.wanted.get()
            try:
                asked.set_result(subprocess.Popen(
                    command(device), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
                    cwd=settings.ROOT, env=environment(device), start_new_session=True))
            except Exception as error:          # noqa: BLE001 - this thread must not end: its children would with it
                asked.set_exception(error)


_starter = Starter()


def command(device: str) -> list[str]:
    """Without a device a child only thinks: it starts in a blink, torch comes when a strategy needs it."""
    own = [sys.executable, "-m", "engine.child", *(["light"] if device == NONE else [])]
    return list(getattr(settings, "NASWEB_CHILD_COMMAND", None) or own)


def environment(device: str) -> dict[str, str]:
    """The device is chosen before torch is imported; no secret reaches the child."""
    kept = {key: value for key, value in os.environ.items() if key not in SECRETS}
    kept["CUDA_VISIBLE_DEVICES"] = device.partition(":")[2] if device.startswith("cuda") else ""
    kept.setdefault("NASWEB_THREADS", "1")
    return kept


class Child:
    """One process that has torch imported, for one device; one order at a time."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.orders = 0
        self.hello: Message = {}
        self.greeted = threading.Event()
        self.messages: queue.Queue[Message | None] = queue.Queue()
        self.process = _starter.start(device)
        threading.Thread(target=self._read, daemon=True, name=f"child-{self.process.pid}").start()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def place(self) -> str:
        """The device as the child sees it: the only one, or the CPU where torch finds none."""
        return "cuda:0" if self.device.startswith("cuda") and self.hello.get("device") == "cuda" else "cpu"

    def order(self, op: str, **parts: Any) -> str:
        """Send an order; gives its id. Raises Lost."""
        self.orders += 1
        name = uuid.uuid4().hex
        self.send({"op": op, "order": name, **parts})
        return name

    def stop(self, order: str) -> None:
        """Ask for the next checkpoint and then the end of this order. Raises Lost."""
        self.send({"op": "stop", "order": order})

    def send(self, message: Message) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
        except (OSError, ValueError):
            raise Lost("the trainer child is gone") from None

    def hear(self, order: str, patience: float) -> Iterator[Message | None]:
        """The messages of one order up to its result; None whenever `patience` seconds bring none. Raises Lost."""
        while True:
            try:
                message = self.messages.get(timeout=patience)
            except queue.Empty:
                yield None
                continue
            if message is None:
                raise Lost(f"the trainer child ended with status {self.process.wait()}")
            if message.get("order") == order:
                yield message
                if "result" in message:
                    return

    def kill(self) -> None:
        """End it at once, and whatever it started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                log.warning("child %s wrote a line that is no JSON", self.process.pid)
                continue
            if "hello" in message:
                self.hello = message["hello"]
                self.greeted.set()
            else:
                self.messages.put(message)
        self.messages.put(None)
        self.process.wait()


class Nursery:
    """Keeps one warm child; replaces it when it died or has done enough."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.child: Child | None = None

    def warm(self) -> Child:
        if self.child is not None and (not self.child.alive or self.child.orders >= RECYCLE):
            self.child.kill()
            self.child = None
        if self.child is None:
            self.child = Child(self.device)
        return self.child

    def close(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child = None
