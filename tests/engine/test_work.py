"""Work and outcomes: they survive JSON, and a score that is no number is a failure."""

from __future__ import annotations

import json
import math

import pytest

from engine.architecture.architecture import Architecture
from engine.events import Event
from engine.work import Candidate, Outcome, SupernetEpoch, Weights, Work, work_from

POINT = Architecture("chain", {"layers": 1})


@pytest.mark.parametrize("work", [
    Candidate(POINT), SupernetEpoch(3, {"how": "plain"}, 4), SupernetEpoch(1, continues=0, settings={"layers": 5}),
    Candidate(POINT, {"lr": 0.1}, {"epochs": 3}, Weights("inherit", 4, ({"op": "widen"},)), (1, 2), {"how": "morph"},
              7, 5, 1),
])
def test_work_is_the_same_after_a_trip_through_json(work: Work) -> None:
    assert work_from(json.loads(json.dumps(work.document()))) == work


def test_an_outcome_is_the_same_after_a_trip_through_json() -> None:
    outcome = Outcome("done", 0.5, "scratch", {"parameters": 3}, {"seconds": 1.0}, "ab", {"alpha": [1.0]})
    assert Outcome.from_document(json.loads(json.dumps(outcome.document()))) == outcome


@pytest.mark.parametrize("score", [None, math.nan, math.inf, -math.inf])
def test_no_finite_score_is_a_failure_never_a_score(score: float | None) -> None:
    outcome = Outcome("done", score, metrics={"parameters": 3})
    assert not outcome.ok and outcome.status == "failed" and outcome.score is None
    assert outcome.metrics == {"parameters": 3, "error": "non_finite"}


def test_pruned_is_not_ok_but_keeps_its_score() -> None:
    assert Outcome("pruned", 0.3).score == 0.3 and not Outcome("pruned", 0.3).ok


def test_the_encoding_id_knows_no_key_order() -> None:
    one, other = Architecture("k", {"a": 1, "b": 2}), Architecture("k", {"b": 2, "a": 1})
    assert one.encoding_id == other.encoding_id and len({one, other}) == 1
    assert one.encoding_id != Architecture("l", {"a": 1, "b": 2}).encoding_id


def test_only_known_events_can_be_made() -> None:
    assert Event("log", data={"text": "x"}).document() == {"event": "log", "text": "x"}
    assert Event("epoch", 3).document() == {"event": "epoch", "trial": 3}
    with pytest.raises(ValueError, match="unknown event"):
        Event("epochs")
