"""Playing arenas: one run after another in a child of its own, each stored before the next begins."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any
from uuid import UUID

from django.db import close_old_connections

from apps.arena import leases
from apps.arena.leases import Lease
from apps.arena.recorder import Superseded
from apps.workers.children import NONE, Lost, Nursery

log = logging.getLogger(__name__)
LOOK = 5.0                      # seconds until a free player looks for runs without being told
BEAT = 0.5                      # seconds between heartbeats, and looks at whether the run is still wanted
LONGEST = {"play": 600.0, "correlate": 14_400.0}       # seconds that one run may take


class Player:
    """A worker's one player: an arena takes at most one core of it, and strategies think in the child, never here."""

    def __init__(self, worker_id: UUID, closing: threading.Event) -> None:
        self.worker_id, self.closing = worker_id, closing
        self.bell, self.nursery = threading.Event(), Nursery(NONE)

    def serve(self) -> None:
        """Until the worker closes."""
        while not self.closing.is_set():
            self.bell.clear()
            try:
                played = self.play_next()
            except Exception:                   # the player must outlive whatever happens to one run
                log.exception("player")
                played = False
                self.closing.wait(1)
            close_old_connections()
            if not played:
                self.bell.wait(LOOK)
        self.nursery.close()

    def play_next(self) -> bool:
        """Whether there was a run to play."""
        lease = leases.claim(self.worker_id)
        if lease is None:
            return False
        try:
            self._see_through(lease)
        except Superseded as error:
            log.info("run %s dropped: %s", lease.run_id, error)
        return True

    def _see_through(self, lease: Lease) -> None:
        begun = time.monotonic()
        try:
            result = self._played(lease, begun + LONGEST[lease.op])
        except Lost as error:
            return leases.lose(lease, str(error))
        if result is None:
            self.nursery.close()
            return leases.give_back(lease)
        if result["kind"] != "played":
            return leases.fail(lease, str(result.get("text") or "no reason given"))
        return leases.finish(lease, result["track"], time.monotonic() - begun)

    def _played(self, lease: Lease, until: float) -> dict[str, Any] | None:
        """The child's result; None where the run is no longer wanted here. Raises Lost."""
        child = self.nursery.warm()
        order = child.order(lease.op, **lease.order)
        for message in child.hear(order, BEAT):
            if message is not None and "result" in message:
                result: dict[str, Any] = message["result"]
                return result
            if message is not None and "progress" in message:
                leases.tell(lease, **message["progress"])
            if self.closing.is_set() or not leases.beat(lease):
                return None
            if time.monotonic() > until:
                self.nursery.close()
                return {"kind": "error", "text": f"One run takes longer than {LONGEST[lease.op] / 60:g} minutes."}
        raise Lost("it gave no answer")
