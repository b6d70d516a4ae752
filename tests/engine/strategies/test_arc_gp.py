"""Arc-kernel GP: what it learns from, what it says, and that it finds what random search does not."""

from __future__ import annotations

import json
from dataclasses import replace
from statistics import mean
from typing import Any

import numpy as np
import pytest

from engine import options
from engine.benchmarks.arena import LandscapeField, play
from engine.benchmarks.landscapes import LANDSCAPES, ConditionalChain, chain_value
from engine.events import Event
from engine.registry import discover
from engine.strategies.arc_gp import ArcGP, Options
from engine.work import Candidate, Outcome

SPACE = ConditionalChain()
CPU = Options(**discover("strategies")["arc_gp"].presets["cpu"])


def searched(strategy: ArcGP, trials: int, score: Any = lambda work: -chain_value(work.architecture),
             said: list[Event] | None = None) -> list[Candidate]:
    """One after another; `score` may give None for a failure."""
    found = []
    for trial in range(trials):
        (asked,) = strategy.ask(1)
        assert isinstance(asked, Candidate)
        work = replace(asked, trial=trial)
        value = score(work)
        events = strategy.tell(work, Outcome("failed") if value is None else Outcome("done", value))
        if said is not None:
            said += events
        found.append(work)
    return found


def test_the_first_are_drawn_and_then_the_process_proposes() -> None:
    works = searched(ArcGP(SPACE, replace(CPU, initial=6), 0), 12)
    assert [work.origin["how"] for work in works] == ["sample"] * 6 + ["process"] * 6
    assert all("predicted" in work.origin and "expects" in work.origin["why"] for work in works[6:])


def test_without_two_different_scores_it_has_nothing_to_learn_from() -> None:
    works = searched(ArcGP(SPACE, replace(CPU, initial=4), 0), 12, lambda work: None if work.trial < 8 else work.trial)
    assert [work.origin["how"] for work in works] == ["sample"] * 10 + ["process"] * 2


def test_nothing_is_proposed_twice() -> None:
    strategy = ArcGP(SPACE, CPU, 0)
    works = searched(strategy, 40)
    assert len({SPACE.canonical(work.architecture) for work in works}) == 40


def test_a_failure_is_learnt_from_as_the_worst_score() -> None:
    """Everything with more than three layers fails: it is left alone."""
    def score(work: Candidate) -> float | None:
        return None if work.architecture.genotype["layers"] > 3 else -chain_value(work.architecture)

    works = searched(ArcGP(SPACE, CPU, 0), 45, score)
    assert mean(work.architecture.genotype["layers"] > 3 for work in works[:10]) >= 0.3
    assert mean(work.architecture.genotype["layers"] > 3 for work in works[20:]) < 0.2


@pytest.mark.parametrize("pending", ["mean", "worst"])
def test_what_is_under_way_is_not_proposed_again_nor_its_twins(pending: str) -> None:
    strategy = ArcGP(SPACE, replace(CPU, pending=pending), 0)
    searched(strategy, 20)
    before = strategy._believed().posterior.predict(np.array([SPACE.vector(SPACE.sample(strategy_stream()).architecture)]))
    asked = [work for work in strategy.ask(5) if isinstance(work, Candidate)]
    assert len({work.architecture.encoding_id for work in asked}) == 5 and len(strategy.waiting) == 5
    posterior = strategy._believed().posterior
    running = posterior.predict(np.array(list(strategy.waiting.values())))
    assert (running.deviations < 0.5 * before.deviations.max()).all()
    for work in asked:
        strategy.tell(replace(work, trial=99), Outcome("failed"))
    assert not strategy.waiting


def strategy_stream() -> Any:
    from random import Random
    return Random(77)


def test_the_memory_is_half_the_best_and_half_the_newest_and_is_shown() -> None:
    strategy, said = ArcGP(SPACE, replace(CPU, memory=12), 0), []
    works = searched(strategy, 40, said=said)
    chosen = [known.trial for known in strategy._believed().fitted]
    order = sorted(range(40), key=lambda at: (chain_value(works[at].architecture), at))
    newest = [trial for trial in range(40) if trial not in order[:6]][-6:]
    assert chosen == sorted(order[:6] + newest)
    assert "Fitted to 12 of 39 outcomes" in works[-1].origin["why"]
    assert said[-1].data.get("fitted", 12) == 12
    assert next(event for event in reversed(said) if "told" in event.data).data["fitted"] == 12


def test_hyperparameters_are_fitted_when_that_is_due_and_outcomes_learnt_from_at_once() -> None:
    strategy = ArcGP(SPACE, replace(CPU, initial=5, refit=10), 0)
    radii, fitted = [], []
    for work in searched(strategy, 27)[5:]:
        assert work.origin["how"] == "process"
    again = ArcGP(SPACE, replace(CPU, initial=5, refit=10), 0)
    for trial in range(27):
        (asked,) = again.ask(1)
        if trial >= 5:
            radii.append(tuple(again.process.radii().values()))
            fitted.append(len(again._believed().fitted))
        again.tell(replace(asked, trial=trial), Outcome("done", -chain_value(asked.architecture)))       # type: ignore[union-attr]
    assert len(set(radii)) == 3 and radii[0] == radii[9] != radii[10]
    assert fitted == list(range(5, 27))


def test_a_search_that_is_taken_up_again_believes_the_same() -> None:
    whole, half = ArcGP(SPACE, CPU, 3), ArcGP(SPACE, CPU, 3)
    works = searched(whole, 27)
    pending = whole.ask(2)
    for work in works:
        half.tell(work, Outcome("done", -chain_value(work.architecture)))
    half.load_state_dict(json.loads(json.dumps(whole.state_dict())))
    assert half.ask(3) == whole.ask(3) and len(half.waiting) == 5 and len(pending) == 2
    assert all(a.equal(b) for a, b in zip(half.process.parameters(), whole.process.parameters(), strict=True))


def test_it_shows_the_kernel_what_matters_and_how_its_predictions_did() -> None:
    said: list[Event] = []
    works = searched(ArcGP(SPACE, CPU, 0), 40, said=said)
    pictures = {picture["title"]: picture for event in said for picture in event.data["pictures"]}
    kernel = pictures["Kernel: how alike two trials are"]
    matrix = np.array(kernel["values"])
    best = sorted(range(40), key=lambda at: (chain_value(works[at].architecture), at))
    assert kernel["rows"] == kernel["columns"] and int(kernel["rows"][0]) in best[:5]
    assert np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1) and matrix.min() >= 0
    assert len(pictures["What matters: radii"]["values"]) == 12
    points = pictures["Predicted and observed"]["points"]
    promised = [work for work in works if "predicted" in work.origin]
    assert len(points) == len(promised)
    for (predicted, observed), work in zip(points, promised, strict=True):
        assert predicted == pytest.approx(work.origin["predicted"], rel=1e-3, abs=1e-9)
        assert observed == pytest.approx(-chain_value(work.architecture), rel=1e-3, abs=1e-9)


def test_why_names_a_trial_that_is_a_parent() -> None:
    for work in searched(ArcGP(SPACE, CPU, 0), 40)[10:]:
        if work.parents:
            assert f"near trial {work.parents[0]}" in work.origin["why"]
        else:
            assert "one of the random points" in work.origin["why"] or work.origin["how"] == "sample"


def test_every_option_of_the_paper_is_its_preset() -> None:
    entry = discover("strategies")["arc_gp"]
    for name, option in options.options_of(entry.options).items():
        if option.paper is not None:
            assert entry.presets["paper"][name] == option.paper


def test_on_the_conditional_chain_it_finds_the_one_best_place() -> None:
    """Random search has 0.05 left after 200 evaluations."""
    ends = [play(LandscapeField("L2"), {"name": "arc_gp", "preset": "cpu"}, seed, 80).incumbent[-1] for seed in range(3)]
    assert mean(ends) <= 0.01 and LANDSCAPES["L2"].optimum == 0.0


def test_what_150_trials_were_fitted_to_serves_the_suggestions_after_it() -> None:
    strategy, generator = ArcGP(SPACE, CPU, 0), np.random.default_rng(0)
    for trial, proposal in enumerate(SPACE.sample_many(strategy_stream(), 150)):
        strategy.tell(Candidate(proposal.architecture, trial=trial), Outcome("done", float(generator.random())))
    strategy.ask(1)
    (first, _), found = strategy.belief or ((0, ()), None)
    assert found is not None and first == len(found.fitted) == strategy.fitted_to == 150
    strategy.ask(4)
    assert strategy.fitted_to == 150 and strategy.belief is not None and strategy.belief[0][0] == 150
