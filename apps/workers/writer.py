"""The one thread of a worker process that writes events: many small messages become few transactions."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from django.db import OperationalError, close_old_connections

from apps.searches import recorder
from apps.workers import leases
from apps.workers.leases import Lease

log = logging.getLogger(__name__)
GATHER = 0.05         # seconds in which further events join a batch
MOST = 500            # events a transaction


@dataclass
class Entry:
    lease: Lease
    events: list[dict[str, Any]]
    store: Callable[[], bool] | None = None       # set for the last write of a lease
    done: Future[bool] = field(default_factory=Future)


class Writer:
    """Keeps the order in which events came, per lease."""

    def __init__(self) -> None:
        self.entries: queue.Queue[Entry] = queue.Queue()
        self.thread = threading.Thread(target=self._write_for_ever, daemon=True, name="writer")
        self.lost: set[tuple[int, int]] = set()   # leases that turned out to be somebody else's
        self.thread.start()

    def put(self, lease: Lease, event: dict[str, Any]) -> None:
        self.entries.put(Entry(lease, [event]))

    def close(self, lease: Lease, events: list[dict[str, Any]], store: Callable[[], bool]) -> bool:
        """The outcome, written after everything that was put before. False if the lease was lost."""
        entry = Entry(lease, events, store)
        self.entries.put(entry)
        return entry.done.result()

    def is_lost(self, lease: Lease) -> bool:
        return (lease.trial_id, lease.token) in self.lost

    def _write_for_ever(self) -> None:
        while True:
            batch = [self.entries.get()]
            until = time.monotonic() + GATHER
            while len(batch) < MOST and (left := until - time.monotonic()) > 0:
                try:
                    batch.append(self.entries.get(timeout=left))
                except queue.Empty:
                    break
            for entry in self._joined(batch):
                self._write(entry)
            close_old_connections()

    def _joined(self, batch: list[Entry]) -> list[Entry]:
        """Neighbours of the same lease become one entry."""
        joined: list[Entry] = []
        for entry in batch:
            if joined and joined[-1].lease == entry.lease and joined[-1].store is None:
                entry.events = joined.pop().events + entry.events
            joined.append(entry)
        return joined

    def _write(self, entry: Entry) -> None:
        while True:
            try:
                recorder.record(entry.lease.search_id, entry.events, entry.store or (lambda: leases.holds(entry.lease)))
                entry.done.set_result(True)
            except recorder.Superseded:
                self.lost.add((entry.lease.trial_id, entry.lease.token))
                entry.done.set_result(False)
            except OperationalError:                  # the database is away: events wait in memory
                log.warning("database away, trying again")
                close_old_connections()
                time.sleep(1)
                continue
            except Exception:
                log.exception("events of trial %s not written", entry.lease.number)
                entry.done.set_result(False)
            return
