"""Finals and leaderboard: who is best, and who is trained again."""

from __future__ import annotations

import pytest

from engine.architecture.architecture import Architecture
from engine.budget import Budget, Finals
from engine.finals import finals_of, ranked
from engine.leaderboard import leaderboard
from engine.spec import parse
from engine.work import Candidate, Outcome, SupernetEpoch, Work

SPEC = parse({"space": {"kind": "nas_bench_201"}, "strategy": {"name": "random_search"}, "dataset": {"name": "digits"}})
CELLS = [f"|{op}~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|" for op in ("none", "skip_connect", "nor_conv_3x3")]


def rows(*scores: float | None) -> list[tuple[Work, Outcome]]:
    return [(Candidate(Architecture("nas_bench_201", {"arch": CELLS[n % 3]}), trial=n),
             Outcome("done", score) if score is not None else Outcome("failed")) for n, score in enumerate(scores)]


def test_the_best_comes_first_and_the_earlier_one_of_equals() -> None:
    assert [work.trial for work, _ in ranked(rows(0.5, 0.7, None, 0.7, 0.1))] == [1, 3, 0, 4]


def test_work_without_an_architecture_is_not_ranked() -> None:
    assert ranked([(SupernetEpoch(0), Outcome("done", 0.9))]) == []


def test_an_architecture_scored_twice_is_one_candidate_for_finals() -> None:
    chosen = finals_of(rows(0.5, 0.7, 0.2, 0.6, 0.9, 0.1), Finals(top=2, seeds=2, epochs=7))
    assert [(work.final_of, work.seed) for work in chosen] == [(4, 0), (4, 1), (3, 0), (3, 1)]
    assert all(work.fidelity == {"epochs": 7} and work.weights.source == "scratch" for work in chosen)


def test_fewer_successes_than_finals_asked_is_no_fault() -> None:
    assert len(finals_of(rows(0.5, None), Finals(top=5))) == 1 and finals_of(rows(None), Finals()) == []


def test_the_leaderboard_never_mixes_score_kinds_and_puts_failures_last() -> None:
    table = rows(0.5, None, 0.6)
    table.append((Candidate(Architecture("nas_bench_201", {"arch": CELLS[0]}), trial=3), Outcome("done", 0.9, "shared")))
    table.append((Candidate(Architecture("nas_bench_201", {"arch": CELLS[0]}), trial=4), Outcome("pruned", 0.95)))
    assert [row["trial"] for row in leaderboard(SPEC, table)] == [2, 0, 3, 4, 1]


@pytest.mark.parametrize(("budget", "trials", "spend", "over"), [
    (Budget(), 29, {}, False), (Budget(), 30, {}, True), (Budget(trials=None, epochs=10), 99, {"epochs": 9.5}, False),
    (Budget(trials=None, epochs=10), 1, {"epochs": 10}, True), (Budget(seconds=5.0), 1, {"seconds": 5.1}, True),
])
def test_the_limit_that_is_met_first_counts(budget: Budget, trials: int, spend: dict[str, float], over: bool) -> None:
    assert budget.spent(trials, spend) is over
