"""NASBOT: what it proposes and why, what is pending, what it shows, and that it beats random search where it should."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from engine.architecture.architecture import Proposal
from engine.benchmarks.arena import field_of, play
from engine.benchmarks.landscapes import NETWORKS, graph_value
from engine.events import Event
from engine.spaces.modifiers import MASSES, OWN
from engine.spec import incompatible
from engine.strategies.nasbot import Nasbot, Options
from engine.work import Candidate, Outcome

QUICK = Options(initial=6, evaluations=15, structure="one", history=40, draws=8)


def score(work: Candidate) -> float:
    return -graph_value(work.architecture, NETWORKS)


def searched(trials: int, chosen: Options = QUICK, seed: int = 0, failing: Any = lambda trial: False
             ) -> tuple[Nasbot, list[Candidate], list[Event]]:
    strategy, works, events = Nasbot(NETWORKS, chosen, seed), [], []
    for trial in range(trials):
        (asked,) = strategy.ask(1)
        work = replace(asked, trial=trial)
        works.append(work)
        events += strategy.tell(work, Outcome("failed") if failing(trial) else Outcome("done", score(work)))
    return strategy, works, events


def test_the_first_are_random_and_the_rest_are_the_models() -> None:
    _, works, _ = searched(10)
    assert [work.origin["how"] for work in works] == ["sample"] * 6 + ["model"] * 4
    assert all("why" in work.origin for work in works)


def test_it_says_where_a_proposal_comes_from_and_what_was_done() -> None:
    _, works, _ = searched(20)
    told = [work for work in works if work.parents]
    assert told
    for work in told:
        assert set(work.origin["modifiers"]) <= {*MASSES, OWN} and work.origin["modifiers"]
        assert f"Reached from trial {work.parents[0]} by: " in work.origin["why"]
        assert "nearest known network is trial" in work.origin["why"]


def test_no_network_is_proposed_twice() -> None:
    _, works, _ = searched(25)
    assert len({NETWORKS.canonical(work.architecture) for work in works}) == 25


def test_without_a_success_it_goes_on_drawing() -> None:
    _, works, _ = searched(12, failing=lambda trial: True)
    assert {work.origin["how"] for work in works} == {"sample"}


def test_a_failure_is_learnt_from_as_the_worst() -> None:
    strategy, _, _ = searched(14, failing=lambda trial: trial % 3 == 0)
    assert strategy.model is not None and strategy.model.values.min() == strategy.model.values[0]


def test_the_choice_has_the_largest_gain_of_all_that_was_looked_at_and_is_new() -> None:
    strategy, works, _ = searched(12)
    known = {strategy._name(Proposal(work.architecture)) for work in works}
    model = strategy._modelled()
    members = strategy._evolved(model, Random(5), 15)
    chosen = strategy._promising(Random(5))
    assert chosen is not None
    new = [member.value for member in members if strategy._name(member.what) not in known]
    assert model.gains([Proposal(chosen.architecture)])[0] == pytest.approx(max(new))
    assert max(new) >= max(member.value for member in members[12:22] if strategy._name(member.what) not in known)


def test_slots_do_not_crowd() -> None:
    """What is pending counts as if it turned out as expected: the next proposals are others, and promise less."""
    strategy, _, _ = searched(12)
    asked = strategy.ask(4)
    assert len({NETWORKS.canonical(work.architecture) for work in asked if isinstance(work, Candidate)}) == 4
    assert len(strategy.pending) == 4 and strategy.model is not None
    told = asked[1]
    assert isinstance(told, Candidate)
    strategy.tell(replace(told, trial=99), Outcome("done", score(told)))
    assert len(strategy.pending) == 3


def test_pending_proposals_survive_a_restart() -> None:
    strategy, works, _ = searched(9)
    asked = strategy.ask(2)
    again = Nasbot(NETWORKS, QUICK, 0)
    for work in works:
        again.tell(work, Outcome("done", score(work)))
    again.load_state_dict(strategy.state_dict())
    assert [proposal.architecture for proposal in again.pending] == [
        work.architecture for work in asked if isinstance(work, Candidate)]
    assert again.ask(2) == strategy.ask(2)


def test_refits_do_not_depend_on_when_the_model_was_built() -> None:
    """Parameters are those of the last fit, which is every `refit` trials, whoever computes them when."""
    strategy, works, _ = searched(18)
    again = Nasbot(NETWORKS, QUICK, 0)
    for work in works:
        again.tell(work, Outcome("done", score(work)))
    again.load_state_dict(strategy.state_dict())
    assert again._modelled().kernel == strategy._modelled().kernel
    assert again.model is not None and again.model.fitted_at == 13


def test_the_history_that_is_fitted_is_bounded_and_shown() -> None:
    strategy, works, events = searched(30, replace(QUICK, history=12))
    assert strategy.model is not None and len(strategy.model.members) == 12
    assert "Fitted to 12 of 29 trials" in works[-1].origin["why"]
    notes = [picture["note"] for event in events for picture in event.data["pictures"] if picture["picture"] == "heat"]
    assert any("of the 12 trials that the model is fitted to" in note for note in notes)


def test_it_shows_distances_kernel_and_predictions() -> None:
    _, works, events = searched(20)
    titles = {picture["title"]: picture for event in events for picture in event.data["pictures"]}
    assert set(titles) == {"Distance between networks", "Kernel matrix", "Predicted and observed"}
    matrix = titles["Kernel matrix"]["values"]
    assert all(matrix[at][at] == pytest.approx(1.0) for at in range(len(matrix)))
    assert all(titles["Distance between networks"]["values"][at][at] == 0 for at in range(len(matrix)))
    assert len(titles["Predicted and observed"]["points"]) == 14
    assert titles["Predicted and observed"]["points"][-1] == pytest.approx(
        [works[-1].origin["predicted"], score(works[-1])], rel=1e-3)


def test_it_needs_graphs() -> None:
    assert all(incompatible("nasbot", space) is None for space in ("chain", "multi_branch", "mlp", "cell"))


@pytest.mark.slow
def test_on_network_graphs_it_beats_random_search() -> None:
    """Eight seeds of the comparison in `benchmarks/nasbot_vs_random.py`."""
    field = field_of(None, "L3")
    mine, random = ([play(field, strategy, seed, 50).incumbent[-1] for seed in range(8)]
                    for strategy in ({"name": "nasbot", "preset": "cpu"}, {"name": "random_search"}))
    assert sum(a < b for a, b in zip(mine, random, strict=True)) >= 6
    assert sum(mine) < sum(random)
