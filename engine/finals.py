"""What closes a search and alone reads the test set: the best trained again from scratch, and an ensemble of the trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.architecture.architecture import Architecture
from engine.budget import Finals
from engine.spec import Spec
from engine.work import KINDS, Candidate, Network, Outcome, Selection, SupernetEpoch, Work


def ranked(rows: Iterable[tuple[Work, Outcome]]) -> list[tuple[Candidate, Outcome]]:
    """Successful candidates, highest score first, earlier trials first among equals. Kinds of score are not mixed: the kind
    that the search came to last counts, after finals if those are of another kind."""
    done = [(work, outcome) for work, outcome in rows if isinstance(work, Candidate) and outcome.ok]
    own = max((row for row in done if row[0].final_of is None), key=lambda row: row[0].trial, default=None)
    newest = own[1].score_kind if own else None

    def place(row: tuple[Candidate, Outcome]) -> tuple[int, int, float, int]:
        work, outcome = row
        group = 1 if outcome.score_kind == newest else 0 if work.final_of is not None else 2
        return group, KINDS.index(outcome.score_kind), -(outcome.score or 0.0), work.trial

    return sorted(done, key=place)


def closing(rows: Iterable[tuple[Work, Outcome]], spec: Spec) -> list[Work]:
    """All that follows when the strategy's part is over."""
    told = list(rows)
    return [*finals_of(told, spec.finals), *ensemble_of(told, spec.picks, spec.ensemble.library)]


def finals_of(rows: Iterable[tuple[Work, Outcome]], finals: Finals) -> list[Candidate]:
    """The finals that close a search over these trials: the `top` distinct best, `seeds` times each."""
    rows = list(rows)
    chosen: dict[tuple[str, str], Candidate] = {}
    for work, _ in ranked(rows):
        chosen.setdefault((work.architecture.encoding_id, repr(sorted(work.hyper.items()))), work)
    fidelity: Mapping[str, int] = {"epochs": finals.epochs} if finals.epochs else {}
    origin = {"how": "final"} if chosen else {"how": "final", "unscored": True}
    return [Candidate(work.architecture, work.hyper, fidelity, parents=(work.trial,), origin=origin,
                      final_of=work.trial, seed=seed)
            for work in (list(chosen.values()) or _derived(rows))[: finals.top] for seed in range(finals.seeds)]


def _derived(rows: Iterable[tuple[Work, Outcome]]) -> list[Candidate]:
    """Where the budget ended before a candidate was scored: what the newest epoch of a supernet stands for, or what it names
    because it stands for no single architecture."""
    told = [(work.trial, found) for work, outcome in rows if isinstance(work, SupernetEpoch) and outcome.ok
            and (found := outcome.payload.get("derived") or outcome.payload.get("standby"))]
    return [Candidate(Architecture(**derived), trial=trial) for trial, derived in told[-1:]]


def ensemble_of(rows: Iterable[tuple[Work, Outcome]], picks: int, library: int) -> list[Selection]:
    """The choice of an ensemble among the best networks whose predictions were kept; none where nobody asked for one."""
    kept = [Network(work.trial, work.architecture, outcome.artifact, outcome.metrics["predictions"])
            for work, outcome in ranked(rows) if outcome.artifact and "predictions" in outcome.metrics]
    if not picks or not kept:
        return []
    return [Selection(tuple(kept[:library]), picks, {"how": "ensemble"})]
