"""Finals and leaderboard: who is best, and who is trained again."""

from __future__ import annotations

from typing import Any

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


def of(trial: int, kind: Any, score: float, cell: int = 0, **more: Any) -> tuple[Work, Outcome]:
    return Candidate(Architecture("nas_bench_201", {"arch": CELLS[cell]}), trial=trial, **more), Outcome("done", score, kind)


def test_kinds_of_score_are_not_compared_finals_come_first_then_the_kind_the_search_came_to() -> None:
    told = [of(0, "scratch", 0.9), of(1, "shared", 0.3, 1), of(2, "shared", 0.6, 2), of(3, "scratch", 0.2, 2, final_of=2)]
    assert [work.trial for work, _ in ranked(told)] == [3, 2, 1, 0]
    assert [work.final_of for work in finals_of(told[:3], Finals(top=2))] == [2, 1]


def test_finals_of_the_kind_of_the_candidates_are_compared_with_them() -> None:
    assert [work.trial for work, _ in ranked([of(0, "scratch", 0.9), of(1, "scratch", 0.8, final_of=0)])] == [0, 1]


def test_where_nothing_was_ranked_the_newest_epoch_says_what_is_trained() -> None:
    derived = [Architecture("nas_bench_201", {"arch": cell}) for cell in CELLS]
    epochs: list[tuple[Work, Outcome]] = [
        (SupernetEpoch(k, trial=k), Outcome("done", 0.5, "shared", payload={"derived": derived[k].document()}))
        for k in range(2)]
    epochs.append((SupernetEpoch(2, trial=2), Outcome("failed")))
    [final] = finals_of(epochs, Finals(top=3))
    assert final.final_of == 1 and final.architecture == derived[1] and final.parents == (1,)
    assert finals_of([(SupernetEpoch(0, trial=0), Outcome("done", 0.5, "shared"))], Finals()) == []
    waiting = Outcome("done", 0.5, "shared", payload={"standby": derived[2].document()})
    [final] = finals_of([*epochs[:1], (SupernetEpoch(1, trial=1), waiting)], Finals())
    assert final.final_of == 1 and final.architecture == derived[2] and final.origin == {"how": "final", "unscored": True}
    assert finals_of(rows(0.5), Finals())[0].origin == {"how": "final"}
    assert [work.final_of for work in finals_of([*rows(0.5), (SupernetEpoch(1, trial=1), waiting)], Finals())] == [0]


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
