"""A supervisor: has the slot's child do one slice of a trial, and sees it to its end."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError

from apps.searches.models import Trial
from apps.searches.recorder import Superseded
from apps.workers import leases
from apps.workers.children import Child, Lost
from apps.workers.leases import Lease
from apps.workers.writer import Writer
from engine import api

log = logging.getLogger(__name__)
BEAT = 3.0                      # seconds between heartbeats
GLANCE = 0.5                    # seconds between looks for a wish
GRACE = 20.0                    # seconds from being asked to stop until the child is ended
SILENCE = 1800.0                # seconds without a word from the child: it hangs (a download of data may take minutes)


class Stubborn(Lost):
    """The child did not come to a checkpoint when asked, and was ended: the earlier checkpoint will do."""


def see_through(lease: Lease, child: Child, writer: Writer, closing: threading.Event) -> None:
    """One slice: to the outcome, or to the checkpoint of an interruption. A lost lease just ends."""
    try:
        try:
            _slice(lease, child, writer, closing)
        except Stubborn:
            writer.close(lease, partial(leases.give_back, lease))
        except Lost as error:
            log.warning("trial %s of %s: %s", lease.number, lease.search_id, error)
            writer.close(lease, partial(leases.lose, lease, str(error)))
    except Superseded as error:
        log.warning("search %s: %s", lease.search_id, error)
        child.kill()


def _slice(lease: Lease, child: Child, writer: Writer, closing: threading.Event) -> None:
    trial = Trial.objects.select_related("search").get(pk=lease.trial_id)
    spec = api.parse(trial.search.document)
    if not child.greeted.wait(120):
        child.kill()
        raise Lost("the trainer child did not start")
    order = child.order("perform", spec=trial.search.document, work=trial.work, folder=str(trial.folder),
                        data=str(settings.DATA), device=child.place, comparison=comparison(trial, spec))
    watch = Watch(lease, child, order, writer, closing)
    for message in child.hear(order, GLANCE):
        watch.look(spoke=message is not None)
        if message is not None and "event" in message:
            writer.put(lease, {**message["event"], "trial": lease.number})
        elif message is not None:
            _conclude(lease, spec, api.work_from(trial.work), message["result"], writer)


def _conclude(lease: Lease, spec: api.Spec, work: api.Work, result: dict[str, Any], writer: Writer) -> None:
    """What the child's result means for the trial."""
    if result["kind"] == "interrupted":
        return writer.close(lease, partial(leases.give_back, lease))
    outcome = outcome_of(result)
    if outcome.metrics.get("error_kind") == "unavailable":
        return writer.close(lease, partial(leases.hold_up, lease, str(outcome.metrics["error"])))
    return writer.close(lease, partial(leases.finish, lease, spec, work, outcome))


def outcome_of(result: dict[str, Any]) -> api.Outcome:
    """An error of the child itself is a failure of the trial."""
    if result["kind"] == "outcome":
        return api.Outcome.from_document(result["outcome"])
    kind, text = result.get("error_kind", "error"), str(result.get("text", ""))
    return api.Outcome("failed", metrics={"error": text, "error_kind": kind})


def comparison(trial: Trial, spec: api.Spec) -> list[list[float]]:
    """Curves that median stopping compares with; not read where nothing is stopped early."""
    if getattr(spec.estimation.options, "early_stop", "none") == "none" or trial.final_of is not None:
        return []
    earlier = trial.search.trials.filter(final_of=None, outcome__isnull=False)
    return api.comparison(spec, dict(earlier.values_list("number", "outcome__metrics__curve")), trial.number)


class Watch:
    """Beats for the lease, passes wishes on, and ends a child that hangs or whose lease is lost."""

    def __init__(self, lease: Lease, child: Child, order: str, writer: Writer, closing: threading.Event) -> None:
        self.lease, self.child, self.order, self.writer, self.closing = lease, child, order, writer, closing
        self.beaten = self.held = self.glanced = self.spoke = time.monotonic()
        self.asked: float | None = None         # when the child was asked to stop

    def look(self, spoke: bool) -> None:
        """Raises Superseded or Lost when there is nothing left to watch."""
        now = time.monotonic()
        self.spoke = now if spoke else self.spoke
        if now - self.spoke > SILENCE:
            self.child.kill()
            raise Lost(f"no progress for {SILENCE:g} s")
        if self.asked is not None and now - self.asked > GRACE:
            self.child.kill()
            raise Stubborn("no checkpoint in time")
        if self.lease in self.writer.lost:
            raise Superseded(f"trial {self.lease.number} is somebody else's")
        if now - self.glanced >= GLANCE:
            self.glanced = now
            self._glance(now)

    def _glance(self, now: float) -> None:
        try:
            if now - self.beaten >= BEAT:
                self.beaten = now
                if not leases.beat(self.lease):
                    raise Superseded(f"trial {self.lease.number} is somebody else's")
                self.held = time.monotonic()
            if self.asked is None and (self.closing.is_set() or not leases.wanted(self.lease)):
                self.asked = now
                self.child.stop(self.order)
        except (OperationalError, InterfaceError) as error:
            if now - self.held > leases.LIFE.total_seconds():
                raise Superseded(f"no heartbeat got through: {error}") from error
