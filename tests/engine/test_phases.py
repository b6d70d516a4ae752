"""The outer layer of weight sharing: epochs in a row, the stop after a failure, the pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from engine.architecture.architecture import Architecture
from engine.phases import Phases, pictures
from engine.work import Candidate, Outcome, SupernetEpoch, Weights

DONE = Outcome("done", 0.5, "shared", payload={"train_loss": 1.0})
POINT = Architecture("nas_bench_201", {"arch": "x"})


def told(phases: Phases, trial: int, outcome: Outcome = DONE) -> bool:
    work = phases.epoch()
    assert work is not None
    return phases.told(replace(work, trial=trial), outcome)


def test_each_epoch_goes_on_where_the_one_before_ended() -> None:
    phases = Phases(3)
    first = phases.epoch()
    assert first == SupernetEpoch(0, {"how": "supernet", "of": 3}) and phases.waiting and phases.epoch() is None
    assert phases.told(replace(first, trial=4), DONE)
    second = phases.epoch(stage=1)
    assert second is not None and second.continues == 4 and second.index == 1 and second.settings == {"stage": 1}


def test_there_are_as_many_as_were_wanted() -> None:
    phases = Phases(2)
    assert told(phases, 0) and not phases.over and told(phases, 1)
    assert phases.over and phases.epoch() is None and phases.reports == {"train_loss": 1.0}


def test_an_epoch_that_failed_is_the_last_and_the_one_before_counts() -> None:
    phases = Phases(9)
    told(phases, 0)
    assert not told(phases, 1, Outcome("failed"))
    assert phases.over and phases.trained == 0 and phases.ranked(POINT) == Candidate(POINT, weights=Weights("shared", 0))


def test_without_a_trained_epoch_nothing_is_ranked() -> None:
    phases = Phases(9)
    told(phases, 0, Outcome("failed"))
    assert phases.over and phases.ranked(POINT) is None


def test_it_can_be_stopped_early() -> None:
    phases = Phases(9)
    told(phases, 0)
    phases.stop()
    assert phases.over and phases.epoch() is None


def test_it_can_be_extended_and_a_replay_without_asking_comes_to_the_same() -> None:
    live, replay = Phases(2), Phases(2)
    for phases, asking in ((live, True), (replay, False)):
        for k in range(2):
            assert not phases.ended
            if asking:
                phases.epoch()
            phases.told(SupernetEpoch(k, trial=k), DONE)
        assert phases.ended
        phases.extend(3)
    assert live.epochs == replay.epochs == 5 and not live.over
    replay.asked = live.asked
    following = SupernetEpoch(2, {"how": "supernet", "of": 5}, continues=1, settings={"a": 1})
    assert live.epoch(a=1) == replay.epoch(a=1) == following


def test_it_can_go_back() -> None:
    phases = Phases(4)
    for k in range(4):
        told(phases, k)
    phases.back(1, 2)
    assert phases.epoch() == SupernetEpoch(4, {"how": "supernet", "of": 6}, continues=1) and phases.epochs == 6


def test_candidates_are_none_of_its_business() -> None:
    phases = Phases(1)
    assert not phases.told(Candidate(POINT), DONE) and phases.heard == 0


def test_pictures_are_drawn_from_the_payload_alone_and_stay_small() -> None:
    table = {"edges": [f"{i} to {j}" for j in range(2, 6) for i in range(j)], "ops": [f"operation_{k}" for k in range(8)]}
    report: dict[str, Any] = {
        "train_loss": 0.5, "valid_loss": 0.75, "skips": 3, "tables": {"normal": table, "reduce": table},
        "alphas": {name: {"softmax": [[0.123456] * 8] * 14, "raw": [[0.1] * 8] * 14} for name in ("normal", "reduce")},
        "entropy": {"normal": [1.0, 2.0], "reduce": [2.0, 2.0]}, "derived": POINT.document(),
        "kept": {"normal": [["1 to 2", "operation_3"]]}}
    events = pictures(SupernetEpoch(0, trial=7), report)
    drawn = {p["title"]: p for event in events for p in event.data["pictures"]}
    assert list(drawn) == ["Loss of the supernet", "Skips of the derived cell", "Mean entropy of an edge", "Alphas: normal",
                           "Alphas: reduce"]
    assert drawn["Loss of the supernet"]["values"] == {"training": 0.5, "validation": 0.75, "gap": 0.25}
    assert drawn["Mean entropy of an edge"]["values"] == {"normal": 1.5, "reduce": 2.0}
    assert drawn["Alphas: normal"]["rows"] == table["edges"] and len(drawn["Alphas: normal"]["values"]) == 14
    assert drawn["Loss of the supernet"]["note"] == "" and "collapse" in drawn["Skips of the derived cell"]["note"]
    assert drawn["Alphas: normal"]["raw"][0][0] == 0.1 and drawn["Alphas: normal"]["kept"] == [[1, 3]]
    assert drawn["Alphas: reduce"]["kept"] == [] and [event.data["epoch"] for event in events] == [1, 1, 1]
    assert events[0].data["derived"] == POINT.document() and all(event.trial == 7 for event in events)
    assert all(len(json.dumps(event.document())) < 4096 for event in events)


def test_figures_say_what_to_do_only_where_they_go_wrong() -> None:
    table = {"edges": ["0 to 1"], "ops": ["none", "skip_connect"]}
    for train, skips, entropy in ((1.0, 1, 0.3), (0.5, 4, 0.69)):
        report = {"train_loss": train, "valid_loss": 1.1, "skips": skips, "entropy": {"cell": [entropy]},
                  "tables": {"cell": table}, "alphas": {}}
        [event] = pictures(SupernetEpoch(0, trial=0), report)
        notes = [picture["note"] for picture in event.data["pictures"]]
        assert all(notes) if skips == 4 else not any(notes)
    assert "memorise" in notes[0] and "collapse" in notes[1] and "close to chance" in notes[2]


def test_the_probability_of_skips_and_none_is_followed_over_all_edges_that_may_have_them() -> None:
    tables = {"normal": {"edges": ["0 to 2", "1 to 2"], "ops": ["none", "skip_connect", "sep_conv_3x3"]},
              "ends": {"edges": ["0 to the output"], "ops": ["no", "yes"]}}
    for shares, warned in (([[0.2, 0.5, 0.3], [0.4, 0.5, 0.1]], False), ([[0.3, 0.6, 0.1], [0.2, 0.6, 0.2]], True)):
        report = {"tables": tables, "alphas": {"normal": {"softmax": shares}, "ends": {"softmax": [[0.5, 0.5]]}}}
        drawn = {p["title"]: p for event in pictures(SupernetEpoch(0, trial=0), report) for p in event.data["pictures"]}
        found = drawn["Probability without weights"]
        assert found["values"] == ({"skips": 0.6, "none": 0.25} if warned else {"skips": 0.5, "none": 0.3})
        told = "85% of the probability, where equal shares would give them 67%"
        assert (told in found["note"]) == warned and bool(found["note"]) == warned


def test_skips_that_no_alphas_chose_are_no_collapse() -> None:
    [event] = pictures(SupernetEpoch(0, trial=0), {"skips": 9})
    assert [picture["note"] for picture in event.data["pictures"]] == [""]


def test_the_edges_that_nodes_weigh_are_one_table_a_cell_and_one_line() -> None:
    joins = {"normal: edges to 2": ["0 to 2", "1 to 2"], "normal: edges to 3": ["0 to 3", "1 to 3", "2 to 3"]}
    report = {"entropy": {"normal: edges to 2": [0.5], "normal: edges to 3": [1.0]},
              "tables": {name: {"edges": ["share"], "ops": ops} for name, ops in joins.items()},
              "alphas": {name: {"softmax": [[1 / len(ops)] * len(ops)]} for name, ops in joins.items()}}
    drawn = {p["title"]: p for event in pictures(SupernetEpoch(0, trial=0), report) for p in event.data["pictures"]}
    assert list(drawn) == ["Mean entropy of an edge", "Edges: normal"]
    assert drawn["Mean entropy of an edge"]["values"] == {"normal edges": 0.75}
    edges = drawn["Edges: normal"]
    assert (edges["rows"], edges["columns"]) == (["to 2", "to 3"], ["0", "1", "2"])
    assert edges["values"] == [[0.5, 0.5, None], [0.3333, 0.3333, 0.3333]]


def test_a_method_without_alphas_shows_its_losses() -> None:
    [event] = pictures(SupernetEpoch(3, trial=3), {"train_loss": 1.0, "valid_loss": 1.0})
    assert [p["title"] for p in event.data["pictures"]] == ["Loss of the supernet"]
    assert pictures(SupernetEpoch(3, trial=3), {}) == []


def test_epochs_gone_back_on_are_asked_again_and_not_behind() -> None:
    phases = Phases(3)
    told(phases, 0)
    told(phases, 1)
    phases.back(0, 1)
    assert (phases.behind, phases.heard, phases.epochs) == (1, 2, 4)
    again = phases.epoch()
    assert again is not None and again.continues == 0
    phases.told(replace(again, trial=2), DONE)
    assert phases.behind == 2 and not phases.ended
