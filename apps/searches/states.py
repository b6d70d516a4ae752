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

    REQUESTED = "requested"
    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"


class TransitionError(Exception):
    """What was asked does not fit the state; answered with 409."""

    def __init__(self, state: str, action: str) -> None:
        super().__init__(f"a {state} search cannot {action}")
        self.state, self.action = state, action


ENDED = (State.STOPPED, State.FINISHED, State.FAILED)
AT_REST = (*ENDED, State.PAUSED)                    # nothing of it runs
ALIVE = (State.QUEUED, State.RUNNING)               # may propose trials

# (state, action) -> next state. `settle`: the last running trial has come to its end.
TABLE: dict[tuple[str, str], State] = {
    (State.QUEUED, "start"): State.RUNNING,
    (State.QUEUED, "pause"): State.PAUSED,
    (State.QUEUED, "stop"): State.STOPPED,
    (State.QUEUED, "finish"): State.FINISHED,
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
    (State.FINISHED, "extend"): State.QUEUED,
}


def after(state: str, action: str) -> State:
    """The state that follows. Raises TransitionError where the table has none."""
    try:
        return TABLE[state, action]
    except KeyError:
        raise TransitionError(state, action) from None
