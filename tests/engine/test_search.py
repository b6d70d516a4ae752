"""The search: order, budget, finals, and restoring at every cut."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.search import Search
from engine.spec import Spec, parse
from engine.work import Candidate, Outcome, Work


def spec_of(**parts: Any) -> Spec:
    return parse({"space": {"kind": "nas_bench_201", "preset": "cpu"}, "dataset": {"name": "digits"},
                  "strategy": {"name": "aging_evolution", "population": 4, "sample": 2}, "budget": {"trials": 12}, **parts})


def score(work: Work) -> Outcome:
    """A made-up truth: a fixed function of the architecture."""
    assert isinstance(work, Candidate)
    return Outcome("done", int(work.architecture.encoding_id, 16) % 10_007 / 10_007, spend={"epochs": 2.0, "seconds": 0.5})


def drive(search: Search, *, backwards: bool = False, steps: int = 10_000) -> Search:
    for _ in range(steps):
        search.ready()
        pending = [work for work in search.items if work.trial not in search.outcomes]
        if not pending:
            return search
        work = pending[-1 if backwards else 0]
        search.report(work, score(work))
    return search


def documents(search: Search) -> list[dict[str, Any]]:
    return [work.document() for work in search.items]


def test_trials_count_from_zero_and_finals_follow() -> None:
    search = drive(Search(spec_of(finals={"top": 2, "seeds": 2})))
    assert [w.trial for w in search.items] == list(range(16)) and search.finished
    finals = [w for w in search.items if isinstance(w, Candidate) and w.final_of is not None]
    assert [w.seed for w in finals] == [0, 1, 0, 1] and len({w.architecture for w in finals}) == 2


def test_finals_retrain_the_best_of_history() -> None:
    search = drive(Search(spec_of()))
    best = max(search.items[:12], key=lambda w: score(w).score or 0)
    final = search.items[12]
    assert isinstance(final, Candidate) and isinstance(best, Candidate) and final.architecture == best.architecture


@pytest.mark.parametrize("slots", [1, 2, 3, 5])
def test_strict_order_does_not_depend_on_timing(slots: int) -> None:
    spec = spec_of(execution={"slots": slots})
    assert documents(drive(Search(spec))) == documents(drive(Search(spec), backwards=True))


@pytest.mark.parametrize("slots", [1, 3])
def test_no_more_trials_are_open_than_there_are_slots(slots: int) -> None:
    search = Search(spec_of(execution={"slots": slots}))
    while not search.finished:
        search.ready()
        pending = [w for w in search.items if w.trial not in search.outcomes]
        assert len(pending) <= slots or search.closing
        if pending:
            search.report(pending[0], score(pending[0]))


@pytest.mark.parametrize("order", ["strict", "async"])
@pytest.mark.parametrize("slots", [1, 3])
def test_restored_at_every_cut_it_goes_on_as_if_never_cut(order: str, slots: int) -> None:
    spec = spec_of(execution={"slots": slots, "order": order})
    unbroken, cut = drive(Search(spec)), Search(spec)
    while not cut.finished:
        cut.ready()
        state = json.loads(json.dumps(cut.state_dict()))
        cut = Search.restore(spec, [(w, cut.outcomes.get(w.trial)) for w in cut.items], state)
        work = next((w for w in cut.items if w.trial not in cut.outcomes), None)
        if work is not None:
            cut.report(work, score(work))
    assert documents(cut) == documents(unbroken)


def test_a_budget_of_epochs_ends_the_search_and_still_a_final_follows() -> None:
    search = drive(Search(spec_of(budget={"trials": None, "epochs": 9})))
    assert len(search.items) == 6 and search.finished          # five trials of two epochs, one final


def test_failed_trials_do_not_stop_a_search_and_none_successful_leaves_no_final() -> None:
    search = Search(spec_of())
    while not search.finished:
        search.ready()
        for work in [w for w in search.items if w.trial not in search.outcomes]:
            search.report(work, Outcome("done", float("nan")))
    assert len(search.items) == 12 and search.best is None


def test_only_a_better_score_makes_an_incumbent() -> None:
    search, said = Search(spec_of()), []
    for value in (0.5, 0.4, 0.5, 0.6):
        work = search.ready()[0]
        said.append([event.type for event in search.report(work, Outcome("done", value))])
    assert said == [["incumbent"], [], [], ["incumbent"]]
