"""Finals: the best of a search, trained from scratch with seeds of their own, the only readers of the test set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.budget import Finals
from engine.work import Candidate, Outcome, Work


def ranked(rows: Iterable[tuple[Work, Outcome]]) -> list[tuple[Candidate, Outcome]]:
    """Successful candidates, highest score first, earlier trials first among equals."""
    done = [(work, outcome) for work, outcome in rows if isinstance(work, Candidate) and outcome.ok]
    return sorted(done, key=lambda row: (-(row[1].score or 0.0), row[0].trial))


def finals_of(rows: Iterable[tuple[Work, Outcome]], finals: Finals) -> list[Candidate]:
    """The finals that close a search over these trials: the `top` distinct best, `seeds` times each."""
    chosen: dict[tuple[str, str], Candidate] = {}
    for work, _ in ranked(rows):
        chosen.setdefault((work.architecture.encoding_id, repr(sorted(work.hyper.items()))), work)
    fidelity: Mapping[str, int] = {"epochs": finals.epochs} if finals.epochs else {}
    return [Candidate(work.architecture, work.hyper, fidelity, parents=(work.trial,), origin={"how": "final"},
                      final_of=work.trial, seed=seed)
            for work in list(chosen.values())[: finals.top] for seed in range(finals.seeds)]
