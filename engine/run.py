"""The loop: ask, perform, tell, until the finals are done. One process; the web runs the same steps over workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.constraints import refused
from engine.events import Event
from engine.journal import Journal
from engine.perform import perform
from engine.search import Search
from engine.spec import Spec
from engine.work import Candidate, Outcome, Selection, Work

SHOWN = ("parameters", "flops", "latency_ms", "error", "error_kind", "test")         # metrics that everybody hears of


def run(spec: Spec, folder: Path, data: Path, device: str, emit: Callable[[Event], None],
        stop: Callable[[], bool] = lambda: False) -> Search:
    """Run a search in `folder`, or go on where an earlier call was cut off. Trials run one after another:
    with strict order the result does not depend on how many run at once."""
    journal = Journal.begin(folder, spec)
    search = journal.search(spec)
    emit(Event("search_started", data={"trials": len(search.items), "resumed": bool(search.items)}))
    while not search.finished:
        if fresh := search.ready():
            journal.proposed(fresh, search.state_dict())
        for event in [*search.drain(), *map(proposed_event, fresh)]:
            emit(event)
        for work in list(_pending(search)):
            outcome = perform(spec, work, folder / "artifacts" / str(work.trial), data, device, emit=emit, stop=stop,
                              comparison=_comparison(search, work))
            journal.finished(work, outcome)
            emit(finished_event(spec, work, outcome))
            for event in search.report(work, outcome):
                emit(event)
    emit(Event("search_finished", data=summary(search)))
    return search


def comparison(spec: Spec, curves: Mapping[int, list[float]], trial: int) -> list[list[float]]:
    """The validation curves that median stopping of `trial` may look at: in strict order only of the trials
    whose outcomes its proposal could know, so that stopping does not depend on timing."""
    last = trial - spec.execution.slots if spec.execution.order == "strict" else max(curves, default=-1)
    return [curve for number, curve in sorted(curves.items()) if curve and number <= last]


def finished_event(spec: Spec, work: Work, outcome: Outcome) -> Event:
    data: dict[str, Any] = {"status": outcome.status, "score": outcome.score, "score_kind": outcome.score_kind,
                            "seconds": outcome.spend.get("seconds"), "epochs": outcome.spend.get("epochs"),
                            **{k: outcome.metrics.get(k) for k in SHOWN}}
    if isinstance(work, Candidate):
        data |= {"encoding_id": work.architecture.encoding_id, "canonical_id": spec.space.canonical(work.architecture),
                 "final_of": work.final_of}
    if isinstance(work, Selection):
        data |= {"final_of": work.final_of, "ensemble": outcome.metrics.get("ensemble")}
    return Event("trial_finished", work.trial, data)


def summary(search: Search) -> dict[str, Any]:
    """The closing line: the best trained network, and what the finals measured on the test set."""
    best = search.best
    closing = [(w, search.outcomes[w.trial]) for w in search.items if isinstance(w, Candidate) and w.final_of is not None]
    finals = [{"trial": w.trial, "final_of": w.final_of, "score": o.score, "test": o.metrics.get("test")}
              for w, o in closing]
    averaged = [(w, search.outcomes[w.trial]) for w in search.items if isinstance(w, Selection)]
    ensemble = [{"trial": w.trial, "score": o.score, "test": o.metrics.get("test"), **o.metrics["ensemble"]}
                for w, o in averaged if o.ok]
    return {"best": best and {"trial": best[0].trial, "score": best[1].score, "score_kind": best[1].score_kind,
                              "architecture": best[0].architecture.document()}, "finals": finals,
            **({"ensemble": ensemble[0]} if ensemble else {}),
            "refused": sum(map(refused, search.outcomes.values()))}


def _comparison(search: Search, work: Work) -> list[list[float]]:
    if isinstance(work, Candidate) and work.final_of is not None:
        return []
    return comparison(search.spec, {t: o.metrics.get("curve", []) for t, o in search.outcomes.items() if o.ok}, work.trial)


def _pending(search: Search) -> Iterator[Work]:
    return (work for work in search.items if work.trial not in search.outcomes)


def proposed_event(work: Work) -> Event:
    data: dict[str, Any] = {"origin": dict(work.origin), "kind": work.document()["type"],
                            "encoding_id": ""}                                      # empty: no architecture of its own
    if isinstance(work, Candidate):
        data |= {"parents": list(work.parents), "encoding_id": work.architecture.encoding_id, "final_of": work.final_of}
    if isinstance(work, Selection):
        data |= {"final_of": work.final_of}
    return Event("trial_proposed", work.trial, data)
