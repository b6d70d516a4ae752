"""Runs are claimed once, given back, lost, and written only by whoever holds them."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from apps.arena import leases
from apps.arena.models import Arena, Run
from apps.arena.recorder import Superseded, record
from tests.apps.arena.conftest import WORKER, Make, play, track

pytestmark = pytest.mark.django_db


def claimed() -> leases.Lease:
    lease = leases.claim(WORKER)
    assert lease is not None
    return lease


def run_of(lease: leases.Lease) -> Run:
    return Run.objects.get(pk=lease.run_id)


def test_a_claim_says_what_to_play(arena: Arena) -> None:
    lease = claimed()
    assert lease.order == {"table": None, "landscape": "L2", "strategy": {"name": "random_search"}, "seed": 5,
                           "evaluations": 40}
    assert run_of(lease).lease_owner == WORKER and claimed().run_id != lease.run_id


def test_nothing_waits_where_there_is_no_arena(db: None) -> None:
    assert leases.claim(WORKER) is None


def test_arenas_take_turns(make: Make) -> None:
    first, second = make(), make()
    assert [claimed().arena_id for _ in range(4)] == [first.pk, second.pk] * 2


def test_a_run_that_was_stored_is_never_played_again(arena: Arena) -> None:
    played = [lease.run_id for lease in play(9)]
    assert len(set(played)) == 9 and leases.claim(WORKER) is None


def test_what_a_dead_worker_held_is_played_by_another(arena: Arena) -> None:
    done = play(2)
    lost = claimed()
    assert leases.expire([uuid4()]) == []
    assert [lease.run_id for lease in leases.expire([WORKER])] == [lost.run_id]
    again = claimed()
    assert again.run_id == lost.run_id and again.token == lost.token + 1 and run_of(again).attempt == 1
    with pytest.raises(Superseded):
        leases.finish(lost, track(0.5), 0.1)
    assert not leases.beat(lost) and leases.beat(again)
    leases.finish(again, track(0.5), 0.1)
    assert all(run_of(lease).status == "done" for lease in (*done, again))


def test_silence_loses_a_run_and_the_third_time_it_fails(arena: Arena) -> None:
    for attempt in range(leases.MOST_ATTEMPTS):
        lease = claimed()
        assert run_of(lease).attempt == attempt and lease.order["strategy"]["name"] == "random_search"
        Run.objects.filter(pk=lease.run_id).update(lease_until=Now() - timedelta(seconds=1))
        leases.expire([])
    assert run_of(lease).status == "failed" and "lost 3 times" in run_of(lease).error


def test_given_back_is_nobodys_fault(arena: Arena) -> None:
    lease = claimed()
    leases.give_back(lease)
    assert (run_of(lease).status, run_of(lease).attempt, run_of(lease).lease_owner) == ("pending", 0, None)


def test_the_log_takes_only_events_of_arenas(arena: Arena) -> None:
    with pytest.raises(ValueError, match="no event of an arena"):
        record(arena.pk, lambda locked: [{"event": "epoch"}])
    with pytest.raises(Superseded):
        record(uuid4(), lambda locked: [])
    assert record(arena.pk, lambda locked: []) == 1
