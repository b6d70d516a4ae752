"""The two ways to derive: options, the epochs between removals, what is shown, and where there are no edges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.derivation import DeriveOptions, answers, tuning, why
from engine.errors import Invalid
from engine.options import options_of
from engine.registry import discover
from engine.run import run
from engine.search import Search
from engine.spec import parse
from engine.strategies.darts import Options
from engine.training.sharing import SharingPlan
from engine.work import Candidate, SupernetEpoch
from tests.engine.cutting import to_the_end

TABLES = {"normal": {"edges": [f"{i} to {j}" for j in range(2, 6) for i in range(j)],
                     "ops": [f"operation_{k}" for k in range(8)]}}


def test_the_defaults_are_those_of_the_papers() -> None:
    o = DeriveOptions()
    assert (o.derivation, o.tuning_epochs, o.tuning_rate) == ("magnitude", 10, 0.1)
    assert all(option.paper == getattr(o, name) for name, option in options_of(DeriveOptions).items())


def test_every_method_with_alphas_has_them() -> None:
    wanted = set(options_of(DeriveOptions))
    having = {name for name, entry in discover("strategies").items() if wanted <= set(options_of(entry.options))}
    assert {"darts", "darts_minus", "gdas", "pc_darts"} <= having


def test_a_round_begins_with_removals_and_goes_on_with_epochs_at_a_tenth_of_the_rate() -> None:
    options = Options(tuning_epochs=3, lr=0.05, last_lr=0.001)
    found = [tuning(options, 7, number, 4) for number in range(12)]
    assert [each.get("round") for each in found] == [k for r in range(4) for k in (r, None, None)]
    assert all(each["tuning"] and each["plan"] == found[0]["plan"] for each in found)
    plan = SharingPlan(**{"epochs": 7, "batch_size": 8, "lr": 0.05, "last_lr": 0.001, "momentum": 0.9, "weight_decay": 0.0,
                          "clip": None, "seed": 0, **found[0]["plan"]})
    assert plan.rate(7) == pytest.approx(0.005) and plan.rate(13) == pytest.approx(0.003) and plan.rate(19) == 0.001
    assert tuning(Options(tuning_rate=0.01, lr=0.05), 7, 0, 4)["plan"]["last_lr"] == 0.0005     # never upwards


def test_answers_are_shown_after_the_epochs_that_ask() -> None:
    report: dict[str, Any] = {"tables": TABLES, "agreed": 3, "answered": 14, "rounds": 17,
                              "without": {"normal": [[None] + [0.123456] * 7 + [0.9] for _ in range(14)]}}
    assert answers(SupernetEpoch(4, trial=4), report) == []
    first, second = answers(SupernetEpoch(5, trial=5, settings={"round": 2}), report)
    assert first.data["pictures"][0]["values"] == {"agreed": 3, "decisions": 14}
    [picture] = second.data["pictures"]
    assert picture["columns"][-1] == "edge" and picture["values"][0][:2] == [None, 0.1235] and len(picture["rows"]) == 14
    assert all(len(json.dumps(event.data)) < 4096 for event in (first, second))
    report["without"]["normal"] = [[*row[:-1], None] for row in report["without"]["normal"]]        # no edge was asked about
    [picture] = answers(SupernetEpoch(5, trial=5, settings={"round": 2}), report)[1].data["pictures"]
    assert picture["columns"] == TABLES["normal"]["ops"] and "whole edge" not in picture["note"]
    assert "3 of 14" in why(report)


@pytest.mark.parametrize(("kind", "fine"), [("darts_cell", True), ("nas_bench_201", True), ("enas_micro", False)])
def test_it_is_refused_where_there_are_no_such_edges(kind: str, fine: bool) -> None:
    document = {"space": {"kind": kind, "preset": "cpu"}, "dataset": {"name": "digits"},
                "strategy": {"name": "darts", "preset": "cpu", "derivation": "perturbation"}}
    if fine:
        assert parse(document).strategy.options.derivation == "perturbation"
        return
    with pytest.raises(Invalid) as caught:
        parse(document)
    assert [problem.path for problem in caught.value.problems] == ["/strategy/derivation"]
    assert parse({**document, "strategy": {"name": "darts", "preset": "cpu"}})


def test_a_search_with_removals_cut_at_every_step_is_the_unbroken_one(tmp_path: Path) -> None:
    """In fresh processes, as it were; a removal is a step like any other."""
    spec = parse({"space": {"kind": "darts_cell", "preset": "cpu", "nodes": 2, "layers": 1, "channels": 2,
                            "ops": ["none", "skip_connect", "max_pool_3x3"]},
                  "dataset": {"name": "digits", "train_limit": 64},
                  "strategy": {"name": "pc_darts", "preset": "cpu", "epochs": 1, "alpha_after": 0, "tuning_epochs": 1,
                               "derivation": "perturbation"},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1, "checkpoint_seconds": 0.0}})

    def searched(name: str, **more: Any) -> Search:
        return run(spec, tmp_path / name, tmp_path / "data", "cpu", lambda event: None, **more)

    whole = searched("whole")
    cut, cuts = to_the_end(lambda: searched("cut", stop=lambda: True))
    assert cuts > 5 * 4 and [w.document() for w in cut.items] == [w.document() for w in whole.items]
    for trial, outcome in whole.outcomes.items():
        assert outcome.ok and (cut.outcomes[trial].score, cut.outcomes[trial].payload) == (outcome.score, outcome.payload)
    epochs = [work for work in whole.items if isinstance(work, SupernetEpoch)]
    assert [work.settings.get("round") for work in epochs] == [None, *range(6)]         # five edges, then the second node
    ranked, final = whole.items[len(epochs):]
    assert isinstance(ranked, Candidate) and isinstance(final, Candidate) and "rounds of removals" in ranked.origin["why"]
    last = whole.outcomes[len(epochs) - 1].payload
    assert last["derived"] == ranked.architecture.document() and whole.outcomes[final.trial].score_kind == "scratch"
    assert last["answered"] == 10 and all(None not in row[1:-1] for rows in last["without"].values() for row in rows)
    assert sum(row[-1] is not None for row in last["without"]["reduce"]) == 3
