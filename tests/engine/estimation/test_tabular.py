"""Looking up: curves by fidelity, seeds by trial, clear reasons for what is not there, whole searches from a document."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.table import shards
from engine.benchmarks import tables
from engine.benchmarks.tables import MISSING
from engine.errors import Invalid
from engine.estimation import tabular
from engine.events import Event
from engine.options import options_of
from engine.perform import perform
from engine.registry import discover
from engine.run import run
from engine.spec import Part, Spec, parse
from engine.work import Candidate, Outcome, Weights
from tests.engine.benchmarks.tiny import built, tiny

__all__ = ["built", "tiny"]
DOCUMENT = {"space": {"kind": "nas_bench_201", "channels": 4, "layers": 1}, "strategy": {"name": "random_search"},
            "dataset": {"name": "digits"}, "budget": {"trials": 6}, "seed": 3}


@pytest.fixture
def spec(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Spec:
    """A search that reads the tiny table."""
    choices = replace(options_of(tabular.Options)["table"], choices=("tiny",))
    field = tabular.Options.__dataclass_fields__["table"]
    monkeypatch.setattr(field, "metadata", {"option": choices})
    return parse({**DOCUMENT, "estimation": {"name": "tabular", "table": "tiny"}})


def candidate(text: str, **more: Any) -> Candidate:
    return Candidate(parse(DOCUMENT).space.parse({"arch": text}), **{"trial": 0, **more})


def looked_up(spec: Spec, work: Candidate, folder: Path) -> tuple[Outcome, list[Event]]:
    events: list[Event] = []
    outcome = perform(spec, work, folder / "work", folder / "no data", "cpu", emit=events.append, stop=lambda: False)
    return outcome, events


def known() -> str:
    return tables.load("tiny").networks[0]


def test_the_score_is_one_measured_training(spec: Spec, tmp_path: Path) -> None:
    outcome, events = looked_up(spec, candidate(known()), tmp_path)
    measured = tables.load("tiny").measurements(0)[outcome.metrics["table_seed"]]
    assert outcome.ok and outcome.score_kind == "tabular" and outcome.score == measured.validation[-1]
    assert outcome.metrics["curve"] == list(measured.validation) and "test" not in outcome.metrics
    assert outcome.metrics["parameters"] == tables.load("tiny").parameters[0]
    assert outcome.metrics["flops"] == tables.load("tiny").flops[0]
    assert outcome.spend == {"epochs": 2.0} and outcome.artifact is None
    assert [event.type for event in events] == ["trial_started", "epoch", "epoch"]
    assert [event.data["score"] for event in events[1:]] == outcome.metrics["curve"]


def test_another_string_of_the_network_answers_alike(spec: Spec, tmp_path: Path) -> None:
    table = tables.load("tiny")
    shared = Counter(table.network_of.values())
    for number, text in enumerate(table.networks):
        twins = [other for other, of in table.network_of.items() if of == number]
        assert len(twins) == shared[number]
        assert {looked_up(spec, candidate(other), tmp_path)[0].score for other in twins[:3]} == {
            looked_up(spec, candidate(text), tmp_path)[0].score}


def test_the_trial_draws_the_seed(spec: Spec, tmp_path: Path) -> None:
    drawn = [looked_up(spec, candidate(known(), trial=t), tmp_path)[0].metrics["table_seed"] for t in range(40)]
    again = [looked_up(spec, candidate(known(), trial=t), tmp_path)[0].metrics["table_seed"] for t in range(40)]
    assert drawn == again and set(drawn) == {0, 1} and 8 <= sum(drawn) <= 32


def test_finals_take_the_seeds_in_turn_and_read_the_test_accuracy(spec: Spec, tmp_path: Path) -> None:
    measured = tables.load("tiny").measurements(0)
    for seed in (0, 1):
        outcome, _ = looked_up(spec, candidate(known(), final_of=0, seed=seed), tmp_path)
        assert outcome.metrics["test"] == measured[seed].test and outcome.metrics["table_seed"] == seed


def test_a_fidelity_reads_the_curve_and_spends_its_share(spec: Spec, tmp_path: Path) -> None:
    whole, _ = looked_up(spec, candidate(known()), tmp_path)
    part, events = looked_up(spec, candidate(known(), fidelity={"epochs": 1}), tmp_path)
    assert part.score == whole.metrics["curve"][0] and part.spend == {"epochs": 1.0} and len(events) == 2
    short = replace(spec, estimation=Part("tabular", tabular.Options("tiny", epochs=1)))
    assert looked_up(short, candidate(known()), tmp_path)[0].score == part.score


def test_a_calibrated_table_spends_simulated_seconds(spec: Spec, tiny: Path, tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "tables" / "tiny"
    copy.mkdir(parents=True)
    for path in tiny.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    networks = tables.load("tiny").networks
    shards.write_packed(copy / "speed.json.xz", {"epoch_seconds": [0.25 + n for n in range(len(networks))]})
    monkeypatch.setattr(tables, "ROOT", copy.parent)
    assert looked_up(spec, candidate(networks[0]), tmp_path)[0].spend == {"epochs": 2.0, "seconds": 0.5}
    half, _ = looked_up(spec, candidate(networks[1], fidelity={"epochs": 1}), tmp_path)
    assert half.spend == {"epochs": 1.0, "seconds": 1.25}


@pytest.mark.parametrize(("more", "reason"), [
    ({"fidelity": {"epochs": 3}}, "3 is not what was measured"), ({"weights": Weights("inherit", 0)}, "no inherit weights")])
def test_what_a_table_cannot_do_fails_with_the_reason(spec: Spec, tmp_path: Path, more: dict[str, Any], reason: str) -> None:
    outcome, _ = looked_up(spec, candidate(known(), **more), tmp_path)
    assert not outcome.ok and outcome.metrics["error_kind"] == "not_measured" and reason in outcome.metrics["error"]


def test_an_architecture_that_is_not_there_fails_with_the_reason(spec: Spec, tmp_path: Path) -> None:
    table = tables.load("tiny")
    stranger = next(text for text, number in table.network_of.items() if number == MISSING)
    outcome, events = looked_up(spec, candidate(stranger), tmp_path)
    assert outcome.status == "failed" and "is not in the table tiny" in outcome.metrics["error"] and not events


@pytest.mark.parametrize(("change", "path", "allowed"), [
    ({"space": {"kind": "nas_bench_201", "channels": 8, "layers": 1}}, "/space/channels", "4"),
    ({"space": {"kind": "nas_bench_201", "channels": 4, "layers": 2}}, "/space/layers", "1"),
    ({"space": {"kind": "chain", "preset": "cpu"}}, "/space/kind", "nas_bench_201"),
    ({"dataset": {"name": "mnist"}}, "/dataset/name", "digits"),
    ({"estimation": {"name": "tabular", "table": "tiny", "epochs": 3}}, "/estimation/epochs",
     "a whole number from 1 to 2 or null"),
    ({"estimation": {"name": "tabular", "table": "huge"}}, "/estimation/table", "one of tiny")])
def test_a_document_that_asks_for_something_else_is_refused(spec: Spec, change: dict[str, Any], path: str,
                                                            allowed: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse({**DOCUMENT, "estimation": {"name": "tabular", "table": "tiny"}, **change})
    problem = caught.value.problems[0]
    assert (problem.path, problem.allowed) == (path, allowed)


def test_a_search_runs_from_a_document_without_its_images(spec: Spec, tmp_path: Path) -> None:
    """Only the networks of the table answer; the others fail, and the search ends as any other."""
    events: list[Event] = []
    search = run(spec, tmp_path / "search", tmp_path / "no data", "cpu", events.append)
    assert search.finished and len([w for w in search.items if w.final_of is None]) == 6
    assert all(o.ok or o.metrics["error_kind"] == "not_measured" for o in search.outcomes.values())
    assert not (tmp_path / "no data").exists()
    json.dumps([event.document() for event in events], allow_nan=False)


def test_it_declares_that_it_trains_nothing() -> None:
    declared = discover("estimation")
    assert not declared["tabular"].facts["trains"] and declared["scratch"].facts["trains"]
