"""Advance a search by a step: claim, think, commit. No transaction is open while a strategy thinks."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from typing import Any
from uuid import UUID

from apps.searches import services
from apps.searches.models import Search
from apps.searches.recorder import Superseded
from apps.workers.children import NONE, Child, Lost, Nursery

log = logging.getLogger(__name__)
BEAT = 3.0                      # seconds between signs that somebody still thinks
LONGEST = 1800.0                # seconds for one thought
TRIES = 3


class Thinker:
    """The process's thinking child. It keeps the searches resident it thought for last."""

    def __init__(self) -> None:
        self.nursery = Nursery(NONE)
        self.lock = threading.Lock()
        self.resident: dict[UUID, tuple[Child, int, str]] = {}      # child, state_version, the child's name for that state

    def advance(self, search_id: UUID | str) -> None:
        """Steps until nothing new was heard in the last one: whoever finds us thinking leaves the rest to us."""
        with self.lock:
            while (claimed := services.claim(search_id)) is not None:
                try:
                    heard = self._step(claimed)
                finally:
                    services.thought_over(claimed)
                if not heard or not claimed.trials.filter(outcome__isnull=False, told_at=None).exists():
                    return

    def warm(self) -> None:
        """Start the child before somebody waits for it."""
        with self.lock:
            self.nursery.warm()

    def close(self) -> None:
        self.nursery.close()

    def _step(self, claimed: Search) -> bool:
        """Whether the step was taken."""
        for attempt in range(1, TRIES + 1):
            try:
                thought, heard, name = self._think(claimed)
                break
            except Lost as error:
                log.warning("search %s: thinking was cut off: %s", claimed.pk, error)
                if attempt == TRIES:
                    services.fail(claimed.pk, f"The strategy could not think its next step: {error}.")
                    return False
        else:
            raise AssertionError("unreachable")
        if thought["kind"] != "thought":
            self.resident.pop(claimed.pk, None)
            services.fail(claimed.pk, f"The strategy failed: {thought.get('text', 'no reason given')}")
            return False
        try:
            services.commit(claimed, thought, heard)
        except Superseded:
            self.resident.pop(claimed.pk, None)
            return False
        assert self.nursery.child is not None
        self.resident[claimed.pk] = (self.nursery.child, claimed.state_version + 1, name)
        return True

    def _think(self, claimed: Search) -> tuple[dict[str, Any], list[int], str]:
        """The thought, the outcomes it heard of for the first time, and the child's name for the state it is in now."""
        child, name = self.nursery.warm(), uuid.uuid4().hex
        known = self.resident.get(claimed.pk)
        new = list(claimed.trials.filter(outcome__isnull=False, told_at=None).order_by("number"))
        order = {"search": str(claimed.pk), "next": name, "spec": claimed.document}
        thought: dict[str, Any] = {"kind": "unknown"}
        if known is not None and known[0] is child and known[1] == claimed.state_version:
            thought = self._ask(claimed, child, **order, version=known[2], partial=True, state=None,
                                rows=[[trial.work, trial.outcome] for trial in new])
        if thought["kind"] == "unknown":
            rows = list(claimed.trials.order_by("number").values_list("number", "work", "outcome", "told_at"))
            thought = self._ask(claimed, child, **order, version="", partial=False, state=claimed.strategy_state,
                                rows=[[work, outcome] for _, work, outcome, _ in rows])
            return thought, [number for number, _, outcome, told in rows if outcome is not None and told is None], name
        return thought, [trial.number for trial in new], name

    def _ask(self, claimed: Search, child: Child, **parts: Any) -> dict[str, Any]:
        """Wait for the answer and say meanwhile that somebody thinks. A thought that takes too long is ended."""
        order, until = child.order("think", **parts), time.monotonic() + LONGEST
        for message in child.hear(order, BEAT):
            if message is not None and "result" in message:
                answer: dict[str, Any] = message["result"]
                return answer
            if not services.still_thinking(claimed) or time.monotonic() > until:
                child.kill()
        raise Lost("it gave no answer")
