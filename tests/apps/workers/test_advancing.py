"""Steps of a search: claimed, thought, committed once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from apps.searches import services
from apps.searches.models import Search
from apps.searches.recorder import Superseded
from apps.searches.states import Wish
from apps.workers import leases
from apps.workers.advancing import Thinker
from apps.workers.models import Slot
from engine import api
from tests.apps.workers.conftest import Make, consistent, state, types

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def thinker() -> Iterator[Thinker]:
    thinker = Thinker()
    yield thinker
    thinker.close()


def finish_next(slot: Slot, score: float = 0.5) -> None:
    """Do the next waiting trial by hand."""
    lease = leases.claim(slot)
    assert lease is not None
    search = Search.objects.get(pk=lease.search_id)
    metrics = {"parameters": 7, "flops": 70, "curve": [score]}
    outcome = api.Outcome("done", score, metrics=metrics, spend={"seconds": 1.0, "epochs": 1.0})
    leases.finish(lease, api.parse(search.document), api.work_from(search.trials.get(number=lease.number).work), outcome)


def genotypes(search: Search) -> list[Any]:
    return [row.work["architecture"]["genotype"] for row in search.trials.order_by("number")]


def test_the_first_step_starts_the_search(make: Make, thinker: Thinker) -> None:
    search = make(trials=4, slots=2)
    thinker.advance(search.pk)
    assert state(search) == "running" and search.started_at is not None
    assert search.state_version == 1 and search.thinking_until is None
    assert [row.status for row in search.trials.all()] == ["pending", "pending"]
    assert types(search) == ["search_state", "search_started", "search_state", "trial_proposed", "trial_proposed"]
    consistent(search)


def test_outcomes_are_told_once(make: Make, thinker: Thinker, slot: Slot) -> None:
    search = make(trials=3)
    thinker.advance(search.pk)
    finish_next(slot)
    assert search.trials.get(number=0).told_at is None
    thinker.advance(search.pk)
    told = search.trials.get(number=0).told_at
    assert told is not None and search.trials.count() == 2
    thinker.advance(search.pk)
    assert search.trials.get(number=0).told_at == told and search.trials.count() == 2


def test_a_replayed_strategy_thinks_the_same_as_a_resident_one(make: Make, slot: Slot) -> None:
    assert _evolved(make, slot, cold=True) == _evolved(make, slot, cold=False)


def _evolved(make: Make, slot: Slot, cold: bool) -> list[Any]:
    """What a search proposes; `cold`: the child forgets the strategy before each step."""
    search = make(trials=9, strategy={"name": "aging_evolution", "population": 3, "sample": 2})
    thinker, scores = Thinker(), [0.5, 0.7, 0.6, 0.65, 0.72, 0.8, 0.3, 0.78, 0.9, 0.91]
    try:
        thinker.advance(search.pk)
        while state(search) == "running":
            finish_next(slot, scores[search.trials.filter(status="done").count()])
            if cold:
                thinker.resident.clear()
            thinker.advance(search.pk)
    finally:
        thinker.close()
    assert state(search) == "finished"
    return genotypes(search)


def test_a_killed_thinker_is_replaced(make: Make, thinker: Thinker, slot: Slot) -> None:
    search = make(trials=3)
    thinker.advance(search.pk)
    finish_next(slot)
    assert thinker.nursery.child is not None
    os.kill(thinker.nursery.child.process.pid, signal.SIGKILL)
    thinker.advance(search.pk)
    assert search.trials.count() == 2 and state(search) == "running"


def test_only_one_thinks_and_an_old_claim_commits_nothing(make: Make) -> None:
    search = make()
    first = services.claim(search.pk)
    assert first is not None
    assert services.claim(search.pk) is None, "somebody thinks already"
    services.thought_over(first)
    second = services.claim(search.pk)
    assert second is not None and second.advance_token == first.advance_token + 1
    thought = {"work": [], "events": [], "state": {"told": 0}, "finished": False}
    with pytest.raises(Superseded):
        services.commit(first, thought, [])
    assert not services.still_thinking(first) and services.still_thinking(second)
    services.commit(second, thought, [])
    with pytest.raises(Superseded):
        services.commit(second, thought, [])
    assert state(search) == "running" and search.state_version == 1


def test_a_thought_of_a_search_that_was_paused_meanwhile_is_not_taken(make: Make) -> None:
    search = make()
    claimed = services.claim(search.pk)
    assert claimed is not None
    services.wish(search, Wish.PAUSE, search.owner)
    with pytest.raises(Superseded):
        services.commit(claimed, {"work": [], "events": [], "state": None, "finished": False}, [])
    assert state(search) == "paused" and types(search) == ["search_state", "search_state"]


def test_a_thought_under_an_older_budget_is_not_taken(make: Make, thinker: Thinker, slot: Slot) -> None:
    search = make(trials=2)
    thinker.advance(search.pk)
    claimed = services.claim(search.pk)
    assert claimed is not None
    services.extend(search, 5, search.owner)
    with pytest.raises(Superseded):
        services.commit(claimed, {"work": [], "events": [], "state": None, "finished": False}, [])
    services.thought_over(claimed)
    for _ in range(7):
        finish_next(slot)
        thinker.advance(search.pk)
    assert search.trials.filter(final_of=None).count() == 7 and search.trials.filter(final_of__isnull=False).count() == 1


def test_a_strategy_that_cannot_think_fails_the_search_with_its_words(make: Make, thinker: Thinker) -> None:
    search = make()
    Search.objects.filter(pk=search.pk).update(document={**search.document, "strategy": {"name": "no_such"}})
    thinker.advance(search.pk)
    assert state(search) == "failed"
    assert "no_such" in search.reason or "not known" in search.reason
    consistent(search)


def test_a_child_that_cannot_start_fails_the_search_after_three_tries(make: Make, settings: Any) -> None:
    settings.NASWEB_CHILD_COMMAND = ["/bin/false"]
    search, thinker = make(), Thinker()
    thinker.advance(search.pk)
    assert state(search) == "failed" and "could not think" in search.reason


def test_the_end_is_told_with_what_came_out(make: Make, thinker: Thinker, slot: Slot) -> None:
    search = make(trials=1)
    thinker.advance(search.pk)
    finish_next(slot, 0.7)
    thinker.advance(search.pk)
    finish_next(slot, 0.8)
    thinker.advance(search.pk)
    assert state(search) == "finished"
    last = search.events.order_by("-seq").first()
    assert last is not None and last.type == "search_finished"
    assert last.data["best"]["trial"] == 1 and last.data["finals"][0]["final_of"] == 0
