"""The states of searches, trials and downloads, and the one table of what may follow what."""

from __future__ import annotations

from django.db.models import TextChoices


class State(TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FINISHED = "finished"
    FAILED = "failed"


class Wish(TextChoices):
    """What the owner wants, apart from what is the case."""

    RUN = "run"
    PAUSE = "pause"
    STOP = "stop"


class Status(TextChoices):
    """Of a trial."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    PRUNED = "pruned"
    CANCELLED = "cancelled"


class Delivery(TextChoices):
    """Of a download."""

    WANTED = "wanted"
    READY = "ready"
    FAILED = "failed"


class TransitionError(Exception):
    """What was asked does not fit the state; answered with 409. The text is for people."""


ENDED = frozenset({State.STOPPED, State.FINISHED, State.FAILED})
ACTIVE = frozenset({State.QUEUED, State.RUNNING})           # may propose and start trials
DRAINING = frozenset({State.PAUSING, State.STOPPING})       # waits for running trials to come to a checkpoint

# (state, action) -> next state. `settle`: the last running trial has come to rest.
TABLE: dict[tuple[State, str], State] = {
    (State.QUEUED, "start"): State.RUNNING,
    (State.QUEUED, "pause"): State.PAUSED,
    (State.QUEUED, "stop"): State.STOPPED,
    (State.QUEUED, "fail"): State.FAILED,
    (State.RUNNING, "pause"): State.PAUSING,
    (State.RUNNING, "stop"): State.STOPPING,
    (State.RUNNING, "finish"): State.FINISHED,
    (State.RUNNING, "fail"): State.FAILED,
    (State.PAUSING, "settle"): State.PAUSED,
    (State.PAUSING, "resume"): State.RUNNING,
    (State.PAUSING, "stop"): State.STOPPING,
    (State.PAUSED, "resume"): State.QUEUED,
    (State.PAUSED, "stop"): State.STOPPED,
    (State.STOPPING, "settle"): State.STOPPED,
}
WISHED = {Wish.RUN: "resume", Wish.PAUSE: "pause", Wish.STOP: "stop"}


def after(state: str, action: str) -> State:
    """The state that follows. Raises TransitionError where the table has none."""
    try:
        return TABLE[State(state), action]
    except KeyError:
        raise TransitionError(f"A search that is {state} cannot {action}.") from None
