"""Constraints: what is refused before training, what is judged after it, and what becomes of the search."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from engine.architecture.cost import Cost
from engine.constraints import KIND, Constraints, refused
from engine.errors import Invalid
from engine.leaderboard import leaderboard
from engine.run import summary
from engine.search import Search
from engine.spec import Spec, parse
from engine.work import Candidate, Outcome, Work

COST = Cost(1_000, 5_000, ())
OVER = Outcome("failed", metrics={"error": "Over the limit: …", "error_kind": KIND, "violation": 0.5})


def spec_of(**parts: Any) -> Spec:
    return parse({"space": {"kind": "nas_bench_201", "preset": "cpu"}, "dataset": {"name": "digits"},
                  "strategy": {"name": "aging_evolution", "population": 4, "sample": 2}, "budget": {"trials": 12},
                  "constraints": {"parameters": 5_000}, **parts})


def number(work: Work) -> int:
    assert isinstance(work, Candidate)
    return int(work.architecture.encoding_id, 16)


def half(work: Work) -> Outcome:
    """Every other architecture is too large; finals are of those that are not."""
    return OVER if number(work) % 2 else Outcome("done", number(work) % 997 / 997, spend={"epochs": 1.0, "seconds": 1.0})


def drive(search: Search, verdict: Any = half, *, backwards: bool = False) -> Search:
    for _ in range(5_000):
        search.ready()
        pending = [work for work in search.items if work.trial not in search.outcomes]
        if not pending:
            assert search.finished
            return search
        work = pending[-1 if backwards else 0]
        search.report(work, verdict(work))
    raise AssertionError("no end")


def own(search: Search) -> list[Work]:
    return [w for w in search.items if isinstance(w, Candidate) and w.final_of is None]


@pytest.mark.parametrize(("limits", "breaks"), [
    ({}, False), ({"parameters": 1_000}, False), ({"parameters": 999}, True), ({"flops": 10_000}, False),
    ({"flops": 9_999}, True), ({"memory": 12_000}, False), ({"memory": 11_999}, True), ({"latency_ms": 0.001}, False)])
def test_formulas_are_checked_at_the_limit(limits: dict[str, Any], breaks: bool) -> None:
    refusal = Constraints(**limits).refusal(COST, 1)
    assert (refusal is not None) == breaks
    if refusal is not None:
        assert refusal.status == "failed" and refusal.metrics["error_kind"] == KIND and refused(refusal)
        assert refusal.metrics["parameters"] == 1_000 and refusal.metrics["flops"] == 10_000


def test_the_reason_names_every_limit_and_how_far_off() -> None:
    refusal = Constraints(parameters=500, flops=8_000).refusal(COST, 1)
    assert refusal is not None and refusal.metrics["violation"] == pytest.approx(1.25)
    assert refusal.metrics["error"] == ("Over the limit: 1,000 parameters where 500 are allowed, "
                                        "10,000 FLOPs where 8,000 are allowed.")


def test_priced_is_what_can_be_refused_before_training() -> None:
    assert not Constraints().priced and not Constraints(latency_ms=1.0).priced
    assert all(Constraints(**{name: 1}).priced for name in ("parameters", "flops", "memory"))


def test_a_trained_network_that_is_too_slow_is_a_failure_that_was_paid_for() -> None:
    outcome = Outcome("done", 0.9, metrics={"latency_ms": 3.0, "curve": [0.9]}, spend={"epochs": 5.0}, artifact="abc")
    judged = Constraints(latency_ms=2.0).judged(outcome)
    assert (judged.status, judged.score, judged.artifact) == ("failed", None, "abc")
    assert judged.metrics["score_reached"] == 0.9 and judged.metrics["curve"] == [0.9]
    assert "3 ms of latency where 2 are allowed" in judged.metrics["error"] and not refused(judged)
    assert Constraints(latency_ms=3.0).judged(outcome) is outcome and Constraints().judged(outcome) is outcome


def test_what_was_timed_and_is_too_slow_is_not_trained() -> None:
    late = Constraints(latency_ms=2.0).late({"latency_ms": 3.0, "latency_device": "cpu"})
    assert late is not None and refused(late) and late.metrics["violation"] == 0.5 and "latency_device" in late.metrics
    assert Constraints(latency_ms=3.0).late({"latency_ms": 3.0}) is None


@pytest.mark.parametrize(("strategy", "estimation", "refuses"), [
    ("random_search", "scratch", False), ("random_search", "proxies", True), ("random_search", "shared", False),
    ("darts", "shared", True), ("smash", "shared", True)])
def test_a_limit_of_the_latency_refuses_what_is_timed_untrained(strategy: str, estimation: str, refuses: bool) -> None:
    parts = {"strategy": {"name": strategy}, "space": {"kind": "darts_cell"}, "estimation": {"name": estimation}}
    assert spec_of(**parts, constraints={"latency_ms": 1.0}).refuses is refuses
    assert not spec_of(**parts, constraints={}).refuses


@pytest.mark.parametrize("order", ["strict", "async"])
@pytest.mark.parametrize("slots", [1, 2, 3, 5])
def test_what_is_refused_is_not_charged_and_the_budget_is_used_up(order: str, slots: int) -> None:
    search = drive(Search(spec_of(execution={"slots": slots, "order": order})))
    trained = [w for w in own(search) if not refused(search.outcomes[w.trial])]
    assert len(trained) == 12 and len(own(search)) > 12
    assert search.refusals.count == summary(search)["refused"] == len(own(search)) - 12


def test_one_trial_of_each_strategy_is_told_of_every_refusal() -> None:
    search = drive(Search(spec_of(strategy={"name": "nsga2", "population": 4})))
    assert set(search.told) >= {w.trial for w in own(search) if refused(search.outcomes[w.trial])}


def test_incumbent_leaderboard_and_finals_hold_only_what_breaks_nothing() -> None:
    search = drive(Search(spec_of(finals={"top": 3})))
    assert search.best is not None and not number(search.best[0]) % 2
    finals = [w for w in search.items if isinstance(w, Candidate) and w.final_of is not None]
    assert len(finals) == 3 and not any(number(w) % 2 for w in finals)
    table = leaderboard(search.spec, [(w, search.outcomes[w.trial]) for w in search.items])
    states = [row["status"] for row in table]
    assert states == sorted(states, key=("done", "failed").index) and states.count("failed") == search.refusals.count


@pytest.mark.parametrize("slots", [1, 3])
def test_strict_order_does_not_depend_on_timing(slots: int) -> None:
    spec = spec_of(execution={"slots": slots})
    one, other = drive(Search(spec)), drive(Search(spec), backwards=True)
    assert [w.document() for w in one.items] == [w.document() for w in other.items]


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("strategy", ["random_search", "aging_evolution", "nsga2"])
def test_restored_at_every_cut_it_goes_on_as_if_never_cut(strategy: str, slots: int) -> None:
    spec = spec_of(strategy={"name": strategy, "preset": "cpu"}, execution={"slots": slots})
    unbroken, cut = drive(Search(spec)), Search(spec)
    while not cut.finished:
        cut.ready()
        state = json.loads(json.dumps(cut.state_dict()))
        cut = Search.restore(spec, [(w, cut.outcomes.get(w.trial)) for w in cut.items], state)
        work = next((w for w in cut.items if w.trial not in cut.outcomes), None)
        if work is not None:
            cut.report(work, half(work))
    assert [w.document() for w in cut.items] == [w.document() for w in unbroken.items]


@pytest.mark.parametrize("budget", [{"trials": 12}, {"trials": None, "epochs": 12}, {"trials": None, "seconds": 9.0}])
def test_a_hopeless_constraint_ends_the_search_with_a_reason(budget: dict[str, Any]) -> None:
    search = Search(spec_of(constraints={"parameters": 1, "patience": 15}, budget=budget))
    drive(search, lambda work: OVER)
    assert len(own(search)) == 15 and search.best is None
    (said,) = [event for event in search.drain() if event.type == "log"]
    assert said.data["text"].startswith("15 proposals in a row were refused: the search gives up. The last one: Over")


def test_patience_counts_only_what_is_in_a_row() -> None:
    search = Search(spec_of(constraints={"parameters": 1, "patience": 2}))
    drive(search, lambda work: OVER if work.trial < 20 and work.trial % 2 else half(replace(work, trial=0))
          if not number(work) % 2 else Outcome("done", 0.1, spend={"epochs": 1.0}))
    assert not search.refusals.hopeless and search.refusals.count >= 10


def test_without_limits_nothing_changes() -> None:
    with_part, without = spec_of(constraints={}), spec_of()
    assert with_part.constraints == Constraints() and without.constraints.parameters == 5_000
    search = drive(Search(with_part))
    assert search.finished and with_part.document()["constraints"] == {
        "parameters": None, "flops": None, "memory": None, "latency_ms": None, "patience": 200}


@pytest.mark.parametrize(("part", "path"), [
    ({"parameters": 0}, "/constraints/parameters"), ({"flops": 1.5}, "/constraints/flops"),
    ({"latency_ms": "fast"}, "/constraints/latency_ms"), ({"size": 3}, "/constraints/size"), (7, "/constraints")])
def test_faults_are_named_with_their_place(part: Any, path: str) -> None:
    with pytest.raises(Invalid) as error:
        spec_of(constraints=part)
    assert [problem.path for problem in error.value.problems] == [path]


def test_nobody_can_time_what_nobody_trains() -> None:
    table = {"space": {"kind": "nas_bench_201", "preset": "table"}, "dataset": {"name": "fashion_mnist"},
             "estimation": {"name": "tabular"}}
    with pytest.raises(Invalid) as error:
        spec_of(**table, constraints={"latency_ms": 1.0}, strategy={"name": "nsga2", "objectives": ["latency"]})
    assert {"/constraints/latency_ms", "/strategy/objectives"} <= {problem.path for problem in error.value.problems}


@pytest.mark.parametrize(("parts", "timed"), [
    ({}, False), ({"constraints": {"latency_ms": 5.0}}, True), ({"estimation": {"name": "scratch", "latency": True}}, True),
    ({"strategy": {"name": "nsga2", "objectives": ["latency"]}}, True), ({"strategy": {"name": "nsga2"}}, False)])
def test_networks_are_timed_only_if_somebody_wants_to_know(parts: dict[str, Any], timed: bool) -> None:
    assert spec_of(**parts).timed == timed
