"""Warm trainer children: started by one permanent thread, spoken to in JSON lines."""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from django.conf import settings

log = logging.getLogger(__name__)
SECRETS = ("NASWEB_SECRET_KEY", "NASWEB_SECRET_KEY_FALLBACKS", "DATABASE_URL", "REDIS_URL", "NASWEB_SECRET_KEY_FILE")
Message = dict[str, Any]
_wanted: queue.Queue[tuple[str, Future[subprocess.Popen[str]]]] = queue.Queue()
_starter: list[threading.Thread] = []
_lock = threading.Lock()


class Lost(Exception):
    """The child ended before it gave its result."""


class Child:
    """One process with torch in it, on one device."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.process = start(device)
        self.messages: queue.Queue[Message | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True, name=f"child-{self.process.pid}").start()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def order(self, op: str, **parts: Any) -> str:
        """Send an order; gives its id."""
        name = uuid.uuid4().hex
        self.send({"op": op, "order": name, **parts})
        return name

    def send(self, message: Message) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise Lost("the trainer child is gone") from error

    def hear(self, order: str, patience: float) -> Iterator[Message | None]:
        """The messages of one order; None whenever `patience` seconds pass without one. Raises Lost."""
        while True:
            try:
                message = self.messages.get(timeout=patience)
            except queue.Empty:
                yield None
                continue
            if message is None:
                raise Lost("the trainer child ended")
            if message.get("order") == order:
                yield message
                if "result" in message:
                    return

    def result(self, order: str, deadline: float) -> Message:
        """Wait for the result alone; a child that takes too long is killed."""
        waited = 0.0
        for message in self.hear(order, 1.0):
            if message is not None and "result" in message:
                answer: Message = message["result"]
                return answer
            waited += message is None
            if waited > deadline:
                self.kill()
        raise Lost("the trainer child gave no result")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                self.messages.put(json.loads(line))
            except ValueError:
                log.warning("a line from child %s is no JSON", self.process.pid)
        self.messages.put(None)
        self.process.wait()


def start(device: str) -> subprocess.Popen[str]:
    """Have the permanent thread start a child: the parent-death signal follows the thread that started it."""
    with _lock:
        if not _starter or not _starter[0].is_alive():
            _starter[:] = [threading.Thread(target=_start_for_ever, daemon=True, name="child-starter")]
            _starter[0].start()
    asked: Future[subprocess.Popen[str]] = Future()
    _wanted.put((device, asked))
    return asked.result(timeout=60)


def _start_for_ever() -> None:
    while True:
        device, asked = _wanted.get()
        try:
            asked.set_result(subprocess.Popen(
                getattr(settings, "CHILD_COMMAND", [sys.executable, "-m", "engine.child"]), stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True, cwd=settings.ROOT, env=environment(device), start_new_session=True))
        except OSError as error:
            asked.set_exception(error)


def environment(device: str) -> dict[str, str]:
    """The device is chosen before torch is imported; no secret reaches the child."""
    kept = {key: value for key, value in os.environ.items() if key not in SECRETS}
    kept["CUDA_VISIBLE_DEVICES"] = device.partition(":")[2] if device.startswith("cuda") else ""
    kept.setdefault("NASWEB_THREADS", "1")
    return kept
