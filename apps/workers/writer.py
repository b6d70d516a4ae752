"""The one thread of a worker process that writes what trials say: many small messages become few transactions."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connections

from apps.searches.recorder import Superseded
from apps.workers import leases
from apps.workers.leases import Lease

log = logging.getLogger(__name__)
MOST = 500                      # entries a round
PATIENCE = 60.0                 # seconds that entries wait for a database that is away
PAUSE = 0.5


@dataclass
class Entry:
    """Events of a trial, or the last write under its lease."""

    lease: Lease
    events: list[dict[str, Any]] = field(default_factory=list)
    last: Callable[[], None] | None = None
    done: Future[None] = field(default_factory=Future)


class Writer:
    """Keeps the order in which things came. An event is written at once; what comes meanwhile is written together."""

    def __init__(self) -> None:
        self.entries: queue.Queue[Entry | None] = queue.Queue()
        self.lost: set[Lease] = set()           # leases that turned out to be somebody else's
        self.thread = threading.Thread(target=self._serve, daemon=True, name="writer")
        self.thread.start()

    def put(self, lease: Lease, event: dict[str, Any]) -> None:
        self.entries.put(Entry(lease, [event]))

    def close(self, lease: Lease, last: Callable[[], None]) -> None:
        """The last write of a lease, after everything that was put before it. Raises what `last` raises."""
        entry = Entry(lease, last=last)
        self.entries.put(entry)
        try:
            entry.done.result()
        finally:
            self.lost.discard(lease)

    def end(self) -> None:
        self.entries.put(None)
        self.thread.join(10)

    def _serve(self) -> None:
        try:
            while (first := self.entries.get()) is not None:
                batch, ending = [first], False
                while len(batch) < MOST and not self.entries.empty():
                    entry = self.entries.get()
                    if entry is None:
                        ending = True
                        break
                    batch.append(entry)
                for entry in _joined(batch):
                    self._write(entry)
                if ending:
                    return
        finally:
            connections.close_all()

    def _write(self, entry: Entry) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                if entry.last:
                    entry.last()
                else:
                    leases.note(entry.lease, entry.events)
                entry.done.set_result(None)
            except (OperationalError, InterfaceError) as error:     # the database is away or busy: wait for it
                connections.close_all()
                if time.monotonic() < until:
                    log.warning("the database does not take events (%s); trying again", error)
                    time.sleep(PAUSE)
                    continue
                self._give_up(entry, error)
            except Exception as error:          # noqa: BLE001 - whatever it is, the next entry must be written
                self._give_up(entry, error)
            return

    def _give_up(self, entry: Entry, error: Exception) -> None:
        if isinstance(error, Superseded | DatabaseError):
            self.lost.add(entry.lease)
        if not isinstance(error, Superseded):
            log.error("trial %s: not written", entry.lease.number, exc_info=error)
        entry.done.set_exception(error)


def _joined(batch: list[Entry]) -> list[Entry]:
    """Neighbouring events of the same lease become one entry."""
    joined: list[Entry] = []
    for entry in batch:
        if joined and joined[-1].lease == entry.lease and joined[-1].last is None and entry.last is None:
            joined[-1].events += entry.events
        else:
            joined.append(entry)
    return joined
