"""This process as a worker: one permanent thread a slot, a thinker, a player, a writer, and the reconciler's clock."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections

from apps.workers import leases, reconciler, services, slots, supervisor
from apps.workers.advancing import Thinker
from apps.workers.children import Lost, Nursery
from apps.workers.models import Slot
from apps.workers.playing import Player
from apps.workers.writer import Writer

log = logging.getLogger(__name__)
LOOK = 5.0                      # seconds until a free slot looks for work without being told


class Crew:
    """What runs between a worker's start and its end."""

    def __init__(self) -> None:
        self.closing = threading.Event()
        self.bells: list[threading.Event] = []
        self.threads: list[threading.Thread] = []
        self.thinker, self.writer = Thinker(), Writer()
        self.slots = services.enrol(slots.devices(settings.SLOTS), {"cores": os.cpu_count(), "gpus": len(slots.gpus())})
        self.worker_id = self.slots[0].worker_id
        self.player = Player(self.worker_id, self.closing)

    def start(self) -> None:
        """Children first: they import torch while the rest comes up."""
        for slot in self.slots:
            bell = threading.Event()
            self.bells.append(bell)
            self._thread(f"slot-{slot.index}", partial(self._serve, slot, bell))
        self._thread("thinker", self._warm_thinker)
        self._thread("player", self.player.serve)
        self._thread("reconciler", self._reconcile)

    def wake(self) -> None:
        """There may be work."""
        for bell in (*self.bells, self.player.bell):
            bell.set()

    def close(self, patience: float = 6.0) -> None:
        """Running trials go to their next checkpoint and wait for another worker."""
        self.closing.set()
        self.wake()
        until = time.monotonic() + patience
        for thread in self.threads:
            thread.join(max(0.0, until - time.monotonic()))
        self.thinker.close()
        self.writer.end()
        services.leave(self.worker_id)

    def _thread(self, name: str, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            finally:
                connections.close_all()

        thread = threading.Thread(target=run, daemon=True, name=name)
        self.threads.append(thread)
        thread.start()

    def _serve(self, slot: Slot, bell: threading.Event) -> None:
        """A slot's life: take a trial, see it through, advance its search, again."""
        nursery, greeted = Nursery(slot.device), False
        while not self.closing.is_set():
            bell.clear()
            try:
                child = nursery.warm()
                worked = self._work(slot, nursery)
                if not greeted and child.hello:
                    greeted = True
                    services.learnt(self.worker_id, {key: child.hello[key] for key in ("torch", "device", "threads")
                                                     if key in child.hello})
            except Exception:                   # a slot must outlive whatever happens to one trial
                log.exception("slot %s", slot.index)
                worked = False
                self.closing.wait(1)
            close_old_connections()
            if not worked:
                bell.wait(LOOK)
        nursery.close()

    def _work(self, slot: Slot, nursery: Nursery) -> bool:
        lease = leases.claim(slot)
        if lease is None:
            return False
        supervisor.see_through(lease, nursery.warm(), self.writer, self.closing)
        if not self.closing.is_set():
            self.thinker.advance(lease.search_id)
            self.wake()
        return True

    def _warm_thinker(self) -> None:
        try:
            self.thinker.warm()
        except (Lost, OSError):
            log.exception("the thinking child did not start")

    def _reconcile(self) -> None:
        """First what an earlier process of this machine left behind, then a round every few seconds."""
        self._look(reconciler.bury_dead_here)
        while not self.closing.wait(reconciler.EVERY):
            self._look(lambda: services.seen(self.worker_id))
            self._look(lambda: reconciler.reconcile(self.thinker.advance))

    def _look(self, chore: Callable[[], object]) -> None:
        try:
            chore()
        except DatabaseError as error:
            log.warning("the database does not answer (%s); looking again", error)
        except Exception:                       # the clock must go on
            log.exception("reconciler")
        close_old_connections()
        self.wake()


_here: list[Crew] = []


def begin() -> None:
    """This process becomes a worker."""
    _here.append(Crew())
    _here[0].start()
    atexit.register(end)                # Celery's cold shutdown sends no signal at its end


def here() -> Crew | None:
    return _here[0] if _here else None


def end() -> None:
    """This process ends as a worker."""
    atexit.unregister(end)
    if _here:
        _here.pop().close()
