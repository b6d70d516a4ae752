"""Heirs: the best of a ranking, once all of it was heard of, each once."""

from __future__ import annotations

import json

from engine.architecture.architecture import Architecture
from engine.heirs import Heirs
from engine.work import Candidate, Outcome, SupernetEpoch, Weights


def point(name: str) -> Architecture:
    return Architecture("made_up", {"name": name})


def ranked(name: str, trial: int, source: str = "shared") -> Candidate:
    return Candidate(point(name), weights=Weights(source, 5), trial=trial)      # type: ignore[arg-type]


def told(heirs: Heirs, **scores: float) -> int:
    for trial, (name, score) in enumerate(scores.items(), 6):
        heirs.told(ranked(name, trial), Outcome("done", score, "shared"))
    return len(scores)


def names(heirs: Heirs, slots: int, count: int) -> list[str]:
    return [work.architecture.genotype["name"] for work in heirs.ask(slots, count) if isinstance(work, Candidate)]


def test_the_best_inherit_from_the_supernet_that_ranked_them() -> None:
    heirs = Heirs(2, 3)
    [first, second] = heirs.ask(9, told(heirs, a=0.1, b=0.9, c=0.5))
    assert isinstance(first, Candidate) and isinstance(second, Candidate)
    assert (first.architecture, second.architecture) == (point("b"), point("c"))
    assert first.weights == second.weights == Weights("inherit", 5) and first.parents == (7,)
    assert first.fidelity == {"epochs": 3} and first.origin["how"] == "inherited" and "3 epochs" in first.origin["why"]
    assert heirs.ask(9, 3) == []


def test_of_equals_the_earlier_comes_first_and_none_comes_twice() -> None:
    heirs = Heirs(3, 0)
    count = told(heirs, a=0.5, b=0.5, c=0.2)
    heirs.told(ranked("b", 20), Outcome("done", 0.9, "shared"))
    assert names(heirs, 9, count + 1) == ["b", "a", "c"]


def test_it_waits_for_all_of_the_ranking_failures_among_it() -> None:
    heirs = Heirs(1, 1)
    count = told(heirs, a=0.5) + 1
    assert heirs.ask(1, count) == []
    heirs.told(ranked("b", 9), Outcome("failed"))
    assert names(heirs, 1, count) == ["a"]


def test_what_was_not_ranked_with_shared_weights_is_no_part_of_it() -> None:
    heirs = Heirs(5, 1)
    for work in (ranked("a", 1, "scratch"), ranked("b", 2, "inherit"), SupernetEpoch(0, trial=3)):
        heirs.told(work, Outcome("done", 0.9))
    assert heirs.heard == 0 and heirs.ask(5, 0) == []


def test_one_slot_at_a_time_is_the_same_and_its_state_is_a_number() -> None:
    heirs = Heirs(3, 1)
    count = told(heirs, a=0.1, b=0.9, c=0.5, d=0.7)
    assert [names(heirs, 1, count) for _ in range(4)] == [["b"], ["d"], ["c"], []]
    assert json.dumps(heirs.asked) == "3"


def test_without_epochs_it_says_that_nothing_is_trained() -> None:
    heirs = Heirs(1, 0)
    [work] = heirs.ask(1, told(heirs, a=0.25))
    assert isinstance(work, Candidate) and work.fidelity == {"epochs": 0}
    assert work.origin["why"] == ("Trial 6 has the shared score 0.2500; here it is a network of its own with the weights it "
                                  "had, scored as it is.")
