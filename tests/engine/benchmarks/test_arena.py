"""The arena: real searches on known answers, compared fairly."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import pytest

from engine import api
from engine.benchmarks import tables
from engine.benchmarks.arena import (
    LandscapeField,
    TableField,
    arena,
    field_of,
    label,
    play,
    summary,
)
from engine.benchmarks.landscapes import LANDSCAPES
from engine.benchmarks.statistics import holm
from engine.benchmarks.tracks import track
from engine.errors import Invalid
from engine.estimation.tabular import Options
from engine.perform import perform, trial_seed
from engine.search import Search
from engine.spec import Part, parse
from engine.work import Candidate
from tests.engine.benchmarks.tiny import built, tiny

__all__ = ["built", "tiny"]
RANDOM, EVOLUTION = {"name": "random_search"}, {"name": "aging_evolution"}
L2 = LandscapeField("L2")


def test_evolution_and_random_search_reproduce_the_sheet() -> None:
    """Mean of the best of 20 seeds after 50, 100 and 200 evaluations; acceptance of evolution at 200: 0.012."""
    found = arena(L2, [RANDOM, EVOLUTION], range(20), 200)
    random, evolution = found["strategies"]
    at = [random["curve"]["evaluations"].index(n) for n in (49, 99, 200)]
    assert [random["curve"]["mean"][n] for n in at] == pytest.approx([0.076, 0.064, 0.059], abs=0.015)
    assert [evolution["curve"]["mean"][n] for n in at] == pytest.approx([0.059, 0.018, 0.0045], abs=0.015)
    assert evolution["regret"]["mean"] <= 0.012 and evolution["p_against_random"] < 0.01
    assert random["p_against_random"] is None and evolution["mean_rank"] < random["mean_rank"]
    assert evolution["p_holm"] == evolution["p_against_random"] and "Holm" not in found["words"][0]
    assert "lower than that of random search" in found["words"][0] and "more than chance explains" in found["words"][0]


def test_a_run_is_the_search_that_anybody_would_run() -> None:
    """The same proposals as a plain loop over the engine's search, and the answer by observed score."""
    field = LandscapeField("L1")
    run = play(field, EVOLUTION, 4, 60)
    spec = api.parse({"space": {"kind": "chain"}, "strategy": EVOLUTION, "dataset": {"name": "digits"}, "seed": 4})
    strategy = api.entry("strategies", "aging_evolution").factory(field.space, spec.strategy.options, 4)
    best, regrets = -1e9, []
    for trial in range(60):
        (asked,) = strategy.ask(1)
        work = Candidate(asked.architecture, parents=asked.parents, origin=asked.origin, trial=trial)
        outcome = field.outcome(work, 4)
        strategy.tell(work, outcome)
        if outcome.score > best:
            best, regret = outcome.score, field.regret(work.architecture)
        regrets.append(regret)
    assert run.incumbent == regrets and run.cost == [float(n) for n in range(1, 61)]


def test_the_answer_is_the_best_observed_not_the_best_true() -> None:
    runs = [play(LandscapeField("L1"), RANDOM, seed, 300) for seed in range(6)]
    assert any(later > earlier for run in runs for earlier, later in pairwise(run.incumbent))
    assert all(run.incumbent[-1] >= min(value for value in run.newest if value is not None) for run in runs)


def test_seeds_are_pairs_and_repeat() -> None:
    once, again = (arena(L2, [EVOLUTION], range(3, 6), 40) for _ in range(2))
    assert once == again and once["seeds"] == [3, 4, 5]
    alone = arena(L2, [EVOLUTION], [4], 40)["strategies"][0]["final"]
    assert once["strategies"][0]["final"][1] == alone[0]


def test_random_search_is_played_even_if_nobody_asked() -> None:
    both, only = arena(L2, [RANDOM, EVOLUTION], range(5), 60), arena(L2, [EVOLUTION], range(5), 60)
    assert [row["strategy"] for row in only["strategies"]] == ["aging_evolution"]
    assert only["strategies"][0]["p_against_random"] == both["strategies"][1]["p_against_random"]


def test_options_beside_the_name_make_another_contestant() -> None:
    other = {"name": "aging_evolution", "population": 5, "sample": 2}
    found = arena(L2, [EVOLUTION, other], range(2), 30)
    assert [row["strategy"] for row in found["strategies"]] == [label(EVOLUTION), label(other)]
    assert label(other) == "aging_evolution (population=5, sample=2)"


def test_several_strategies_are_corrected_for_being_several() -> None:
    other = {"name": "aging_evolution", "population": 5, "sample": 2}
    found = arena(L2, [EVOLUTION, other], range(6), 60)
    raw = [row["p_against_random"] for row in found["strategies"]]
    assert [row["p_holm"] for row in found["strategies"]] == holm(raw) and min(holm(raw)) == pytest.approx(2 * min(raw))
    assert all("corrected by Holm for 2 comparisons" in sentence for sentence in found["words"])


def test_progress_is_told() -> None:
    seen: list[tuple[int, int]] = []
    arena(L2, [EVOLUTION], range(3), 10, lambda done, total: seen.append((done, total)))
    assert seen == [(n, 6) for n in range(1, 7)]


@pytest.mark.parametrize(("strategies", "reason"), [
    ([{"name": "magic"}], "is not known"), ([{"name": "aging_evolution", "sample": 0}], "below"),
    ([{"name": "aging_evolution", "colour": 1}], "not a known option")])
def test_what_cannot_be_played_is_said_before_anything_runs(strategies: list[dict[str, object]], reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        arena(L2, strategies, [0], 10)


def test_a_strategy_that_does_not_fit_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    field = LandscapeField("L2")
    monkeypatch.setattr(field, "offers", frozenset({"parameters"}))
    with pytest.raises(Invalid, match="aging_evolution needs mutate, which is not offered here"):
        arena(field, [EVOLUTION], [0], 10)


@pytest.mark.parametrize(("table", "landscape"), [(None, None), ("tiny", "L2"), ("none", None), (None, "L9")])
def test_one_field_is_named(tiny: Path, table: str | None, landscape: str | None) -> None:
    with pytest.raises(Invalid):
        field_of(table, landscape)


def test_an_exhausted_strategy_keeps_its_answer(tiny: Path) -> None:
    """Fewer networks than evaluations: the curve goes on level."""
    run = play(LandscapeField("L2"), {"name": "random_search", "dedup": True}, 0, 50)
    assert len(run.incumbent) == 50


def test_on_a_table_outcomes_are_those_of_the_estimation(tiny: Path) -> None:
    field = TableField("tiny")
    table = field.table
    spec = parse({"space": dict(table.description["space"]), "strategy": RANDOM, "dataset": {"name": "digits"}, "seed": 5})
    spec = replace(spec, estimation=Part("tabular", Options("tiny")))
    for number, text in enumerate(table.networks):
        work = Candidate(spec.space.parse({"arch": text}), trial=number)
        played = field.outcome(work, 5)
        looked = perform(spec, work, tiny.parent / "work", tiny, "cpu", emit=lambda event: None, stop=lambda: False)
        assert played.score == looked.score and played.spend == looked.spend
        assert {key: looked.metrics[key] for key in played.metrics} == played.metrics and len(played.metrics) == 2
        short = field.outcome(replace(work, fidelity={"epochs": 1}), 5)
        assert short.score == looked.metrics["curve"][0] and short.spend == {"epochs": 1.0}
        assert not field.outcome(replace(work, fidelity={"epochs": 3}), 5).ok
        assert looked.metrics["table_seed"] == trial_seed(spec, work) % 2
        assert field.regret(work.architecture) == pytest.approx(table.best_test - fmean(
            m.test for m in table.measurements(number)))


def test_on_a_table_what_is_not_there_fails_and_the_search_goes_on(tiny: Path) -> None:
    found = arena(TableField("tiny"), [RANDOM], range(2), 30)
    (row,) = found["strategies"]
    assert found["completeness"]["share"] == 1 and 0 <= row["regret"]["mean"] <= TableField("tiny").nothing
    json.dumps(found, allow_nan=False)


def test_a_table_without_a_measurement_is_no_field(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny").mkdir()
    for name in ("card.json", "index.json.xz"):
        (tmp_path / "tiny" / name).write_bytes((tiny / name).read_bytes())
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    with pytest.raises(Invalid, match="nothing of the table tiny is measured yet"):
        TableField("tiny")
    assert "tiny" not in {field["name"] for field in api.arena_fields()}


def test_everything_is_data() -> None:
    for name in LANDSCAPES:
        json.dumps(arena(LandscapeField(name), [RANDOM], range(2), 25), allow_nan=False)


def test_a_summary_of_runs_from_elsewhere_is_the_same() -> None:
    """What the web plays piece by piece comes together as one call would have it."""
    whole = arena(L2, [RANDOM, EVOLUTION], range(3), 30)
    runs = {strategy["name"]: [track(play(L2, strategy, seed, 30), L2.nothing) for seed in range(3)]
            for strategy in (RANDOM, EVOLUTION)}
    assert summary(L2, runs, runs["random_search"], range(3), 30) == whole


def test_the_same_piece_by_piece_as_data() -> None:
    whole = api.arena(None, "L2", [RANDOM, EVOLUTION], range(3), 30)
    pieces = {strategy["name"]: [json.loads(json.dumps(api.arena_run(None, "L2", strategy, seed, 30))) for seed in range(3)]
              for strategy in (RANDOM, EVOLUTION)}
    assert api.arena_summary(None, "L2", pieces, pieces["random_search"], range(3), 30) == whole


def test_what_can_be_chosen(tiny: Path) -> None:
    listed = {field["name"]: field for field in api.arena_fields()}
    assert set(listed) == {"tiny", *LANDSCAPES} and listed["tiny"]["kind"] == "table"
    for field in listed.values():
        assert field["title"] and field["strategies"]["random_search"] is True
        assert set(field["strategies"]) == {entry["name"] for entry in api.strategies()}


def test_no_search_is_kept_waiting_by_finals() -> None:
    search = Search(api.parse({"space": {"kind": "chain"}, "strategy": RANDOM, "dataset": {"name": "digits"}}))
    assert search.ready()
    assert len(play(L2, RANDOM, 0, 20).cost) == 20
