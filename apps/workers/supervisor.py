"""A supervisor: takes a waiting trial and a free slot, has the slot's child do it, and sees it to its end."""

from __future__ import annotations

import logging
import time
from typing import Any

from django.conf import settings
from django.db import close_old_connections

from apps.searches import services
from apps.searches.models import Search, Trial
from apps.searches.states import ACTIVE, State
from apps.workers import advancing, leases, slots
from apps.workers.children import Child, Lost
from apps.workers.leases import Lease
from engine import api

log = logging.getLogger(__name__)
BEAT, GLANCE, SILENCE = 3.0, 0.5, 300.0     # seconds: prolong the lease; look for a wish; no progress means hung


def work() -> None:
    """Do waiting trials until there is none or no slot is free."""
    while not slots.here().closing.is_set():
        lease = take()
        if lease is None:
            return
        slot = slots.Slot.objects.get(pk=lease.slot_id)
        try:
            see_through(lease, slots.child_of(slot))
        except Lost as error:
            lost(lease, str(error))
        except Exception:
            log.exception("supervising trial %s", lease.number)
            leases.give_back(lease, clean=False)
        close_old_connections()
        rest(lease)


def take() -> Lease | None:
    """Lease the trial that waits longest and still may run."""
    waiting = Trial.objects.filter(status=Trial.Status.PENDING, search__state__in=list(ACTIVE), search__deleted_at=None)
    for trial in waiting.order_by("created_at", "number")[:20]:
        if trial.attempt >= leases.MOST_ATTEMPTS:
            leases.fail_for_good(Trial.objects.filter(pk=trial.pk, status=Trial.Status.PENDING), trial)
            continue
        slot = slots.free()
        if slot is None:
            return None
        if lease := leases.claim(trial, slot, str(slots.here().worker_id)):
            return lease
    return None


def see_through(lease: Lease, child: Child) -> None:
    """One slice of a trial: to its outcome, or to the checkpoint of an interruption."""
    trial = Trial.objects.select_related("search").get(pk=lease.trial_id)
    spec, work_item = api.parse(trial.search.document), api.work_from(trial.work)
    order = child.order("perform", spec=trial.search.document, work=trial.work, folder=str(trial.folder),
                        data=str(settings.DATA), device="cuda:0" if child.device.startswith("cuda") else child.device,
                        comparison=comparison(spec, trial))
    watch = Watch(lease, child, order)
    for message in child.hear(order, GLANCE):
        watch.look(message)
        if message is None:
            continue
        if "event" in message:
            slots.here().writer.put(lease, {**message["event"], "trial": lease.number})
        elif message["result"]["kind"] == "interrupted":
            leases.give_back(lease, clean=True)
        else:
            events, store = leases.finish(lease, spec, work_item, outcome_of(message["result"]))
            slots.here().writer.close(lease, events, store)


class Watch:
    """Beats for the lease, passes wishes on, and ends a child that hangs or whose lease is lost."""

    def __init__(self, lease: Lease, child: Child, order: str) -> None:
        self.lease, self.child, self.order = lease, child, order
        self.beaten = self.glanced = self.heard = time.monotonic()
        self.asked = False

    def look(self, message: dict[str, Any] | None) -> None:
        now = time.monotonic()
        self.heard = now if message is not None else self.heard
        if now - self.heard > SILENCE or slots.here().writer.is_lost(self.lease):
            self._end("no progress" if now - self.heard > SILENCE else "the lease passed to another")
        if now - self.beaten >= BEAT:
            self.beaten = now
            if not leases.beat(self.lease):
                self._end("the lease passed to another")
        if now - self.glanced >= GLANCE and not self.asked:
            self.glanced = now
            self.asked = slots.here().closing.is_set() or not wanted(self.lease)
            if self.asked:
                self.child.send({"op": "stop", "order": self.order})

    def _end(self, why: str) -> None:
        self.child.kill()
        raise Lost(why)


def wanted(lease: Lease) -> bool:
    return Search.objects.filter(pk=lease.search_id, state__in=list(ACTIVE), deleted_at=None).exists()


def comparison(spec: api.Spec, trial: Trial) -> list[list[float]]:
    """Curves for median stopping; not read where nothing is stopped early."""
    if getattr(spec.estimation.options, "early_stop", "none") == "none" or trial.final_of is not None:
        return []
    done = Trial.objects.filter(search_id=trial.search_id, status=Trial.Status.DONE, final_of=None)
    curves = {number: outcome["metrics"].get("curve", []) for number, outcome in done.values_list("number", "outcome")}
    return api.comparison(spec, curves, trial.number)


def outcome_of(result: dict[str, Any]) -> api.Outcome:
    if result["kind"] == "outcome":
        return api.Outcome.from_document(result["outcome"])
    return api.Outcome("failed", metrics={"error": result.get("text", ""), "error_kind": result.get("error_kind", "error")})


def lost(lease: Lease, why: str) -> None:
    """The child is gone. The trial waits for its next attempt from the last checkpoint."""
    log.warning("trial %s: %s", lease.number, why)
    leases.give_back(lease, clean=False)


def rest(lease: Lease) -> None:
    """After a slice: a draining search may have come to rest, a going one takes its next step."""
    search = Search.objects.get(pk=lease.search_id)
    services.settle(search)
    if search.deleted_at is not None:
        services.sweep()
    elif State(search.state) in ACTIVE:
        advancing.step(search.pk)
