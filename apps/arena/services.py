"""Acting on arenas: create, stop, delete."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from apps.arena import estimates, recorder
from apps.arena.document import check
from apps.arena.models import ACTIVE, Arena, Run, State, Status
from apps.arena.recorder import Document
from apps.searches import nudge
from engine import api

audit = logging.getLogger("nasweb.audit")
MOST_AT_ONCE = 3                                # unfinished arenas of one person


class Ended(Exception):
    """It has ended: there is nothing to stop."""


def create(user: Any, given: Any, key: str | None = None) -> Arena:
    """A new arena and all its runs; the same key gives the same arena. Raises api.Invalid."""
    checked = estimates.check(given) if "estimators" in given else check(given)
    document, key = checked, (key or uuid.uuid4().hex)[:100]
    own = Arena.objects.filter(owner=user)
    if (there := own.filter(idempotency_key=key).first()) is not None:
        return there
    if own.filter(state__in=ACTIVE).count() >= MOST_AT_ONCE:
        raise api.Invalid(api.Problem("", f"{MOST_AT_ONCE} of your arenas are still going on",
                                      "wait for one of them, or stop it"))
    try:
        with transaction.atomic():
            arena = Arena.objects.create(owner=user, document=document, idempotency_key=key)
            order = [(name, seed) for seed in arena.seeds for name in document["strategies"]]
            Run.objects.bulk_create(Run(arena=arena, number=number, strategy=name, seed=seed)
                                    for number, (name, seed) in enumerate(order))
            recorder.record(arena.pk, lambda locked: [{"event": "arena_state", "state": locked.state, "reason": ""}])
    except IntegrityError:
        return own.get(idempotency_key=key)
    audit.info("user %s created arena %s", user.pk, arena.pk)
    nudge.play(arena.pk)
    return arena


def stop(arena: Arena, by: Any) -> None:
    """No further run begins, and what is being played is dropped. Raises Ended."""
    def rows(locked: Arena) -> Iterable[Document]:
        if locked.ended:
            raise Ended(f"This arena is {locked.state} already.")
        return [move(locked, State.STOPPED)]

    recorder.record(arena.pk, rows)
    estimates.tidy(arena.pk)
    audit.info("user %s stopped arena %s", by.pk, arena.pk)


def delete(arena: Arena, by: Any) -> None:
    """Gone with its runs; whoever plays one notices."""
    Arena.objects.filter(pk=arena.pk).delete()
    estimates.tidy(arena.pk)
    audit.info("user %s deleted arena %s", by.pk, arena.pk)


def move(locked: Arena, state: State, reason: str = "") -> Document:
    """Another state, and the event that says so. Only with the arena's row locked."""
    times = {"started_at": Now()} if state == State.RUNNING else {"finished_at": Now()}
    Arena.objects.filter(pk=locked.pk).update(state=state, reason=reason, **times)
    return {"event": "arena_state", "state": state.value, "reason": reason}


def settle(locked: Arena) -> Iterable[Document]:
    """The end, once no run is left: what can be compared decides how it is called."""
    runs = Run.objects.filter(arena=locked)
    if runs.filter(status__in=(Status.PENDING, Status.RUNNING)).exists():
        return []
    failed = dict(runs.filter(status=Status.FAILED).order_by("-number").values_list("strategy", "error"))
    if locked.estimates:
        estimates.tidy(locked.pk)
        if len(failed) < len(locked.document["strategies"]):
            return [move(locked, State.FINISHED)]
        return [move(locked, State.FAILED, f"No estimator could be measured. {failed[locked.document['strategies'][0]]}")]
    baseline, *others = locked.document["strategies"]
    if baseline in failed:
        return [move(locked, State.FAILED, f"Random search failed: {failed[baseline]}")]
    if all(name in failed for name in others):
        return [move(locked, State.FAILED, f"No strategy could be played to the end. {failed[others[0]]}")]
    return [move(locked, State.FINISHED)]
