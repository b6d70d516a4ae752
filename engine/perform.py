"""Perform one work item in this process: what the trainer child, the terminal and notebooks share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.errors import Unavailable
from engine.estimation.context import Context, Estimation
from engine.estimation.ensemble import averaged
from engine.events import Event
from engine.filter import filtered
from engine.registry import discover
from engine.rng import stream_seed
from engine.spec import Spec
from engine.work import Candidate, Outcome, Selection, SupernetEpoch, Work


def trial_seed(spec: Spec, work: Work) -> int:
    """An epoch of a supernet draws nothing of its own: all epochs follow from the supernet's seed. An ensemble draws
    nothing at all."""
    return training_seed(spec.seed, work) if isinstance(work, Candidate) else stream_seed(spec.seed, "supernet")


def training_seed(seed: int, work: Candidate) -> int:
    """The seed of a training in a search with this seed depends on the trial's number alone; of a repetition on its own
    number alone, so that candidates meet on the same seeds; of a final on what it retrains and its repetition."""
    if work.final_of is not None:
        return stream_seed(seed, "final", work.final_of, work.seed)
    if work.seed:
        return stream_seed(seed, "repetition", work.seed)
    return stream_seed(seed, "trial", work.trial)


def perform(spec: Spec, work: Work, folder: Path, data: Path, device: str, *, emit: Callable[[Event], None],
            stop: Callable[[], bool], comparison: Sequence[Sequence[float]] = ()) -> Outcome:
    """Train and score. Continues from `folder`'s last checkpoint. Raises Interrupted when `stop()` became true.

    What goes wrong inside a training is an outcome (failed, with `error` and `error_kind`), not an exception.
    """
    entry = discover("estimation")[spec.estimation.name]
    if isinstance(work, SupernetEpoch) and "supernet" not in entry.facts["performs"]:
        raise TypeError(f"{entry.title} does not perform {type(work).__name__}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        arrays: Any = splits(spec, data, device) if entry.facts["trains"] or spec.filter.on else None
    except Unavailable as error:
        return Outcome("failed", metrics={"error": str(error), "error_kind": "unavailable"})
    context = Context(spec=spec, space=spec.space, data=arrays, device=device, workdir=folder, seed=trial_seed(spec, work),
                      emit=emit, stop=stop, comparison=comparison)
    if isinstance(work, Selection):
        return averaged(work, context)
    estimation: Estimation = entry.factory(spec.estimation.options)
    if isinstance(work, Candidate) and spec.filter.looks_at(work):
        return filtered(work, context, estimation.perform)
    return estimation.perform(work, context)


def splits(spec: Spec, data: Path, device: str) -> Any:
    """The three splits of the spec's dataset on the device; a warm process loads them once."""
    from engine.training.data import load_splits

    return load_splits(spec.dataset, data, device, spec.seed)
