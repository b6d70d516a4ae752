"""Leases: one holder at a time, and nothing is written by whoever no longer is it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.models import F
from django.db.models.functions import Now

from apps.searches import services
from apps.searches.models import Search, Trial
from apps.searches.recorder import Superseded
from apps.searches.states import Wish
from apps.workers import leases
from apps.workers import services as workers
from apps.workers.models import Slot
from engine import api
from tests.apps.workers.conftest import Make, consistent, proposed, state, types

pytestmark = pytest.mark.django_db(transaction=True)
OUTCOME = api.Outcome("done", 0.5, metrics={"parameters": 7, "flops": 70}, spend={"seconds": 2.0, "epochs": 1.0})


def finish(search: Search, lease: leases.Lease, outcome: api.Outcome = OUTCOME) -> None:
    work = search.trials.get(number=lease.number).work
    leases.finish(lease, api.parse(search.document), api.work_from(work), outcome)


def held(slot: Slot) -> leases.Lease:
    lease = leases.claim(slot)
    assert lease is not None
    return lease


def silence(lease: leases.Lease) -> None:
    """As if no heartbeat had come for long."""
    Trial.objects.filter(pk=lease.trial_id).update(lease_until=Now() - timedelta(seconds=1))


def test_a_claim_takes_the_oldest_trial_and_the_slot(make: Make, slot: Slot) -> None:
    trials = proposed(make(), 2)
    lease = held(slot)
    assert (lease.number, lease.token) == (0, 1)
    trials[0].refresh_from_db()
    slot.refresh_from_db()
    assert trials[0].status == "running" and trials[0].lease_owner == slot.worker_id
    assert slot.trial_id == trials[0].pk and slot.token == 1
    assert leases.claim(slot) is None, "the slot is taken"


def test_nothing_to_claim_leaves_the_slot_free(make: Make, slot: Slot) -> None:
    search = make()
    assert leases.claim(slot) is None
    proposed(search, 1)
    services.wish(search, Wish.PAUSE, search.owner)
    assert leases.claim(slot) is None, "a paused search starts nothing"
    slot.refresh_from_db()
    assert slot.trial_id is None


def test_many_at_once_get_different_trials(make: Make, settings: Any) -> None:
    proposed(make(), 5)
    slots = workers.enrol(["cpu"] * 8, {})
    got: list[leases.Lease | None] = []
    barrier = threading.Barrier(len(slots))

    def take(slot: Slot) -> None:
        barrier.wait()
        got.append(leases.claim(slot))
        connection.close()

    threads = [threading.Thread(target=take, args=(slot,)) for slot in slots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    leased = [lease for lease in got if lease is not None]
    # Who loses a race for one trial tries the next; with equal numbers of losers and trials some may find none left.
    assert len({lease.trial_id for lease in leased}) == len(leased) == 5
    assert Slot.objects.exclude(trial=None).count() == 5


def test_a_beat_prolongs_only_the_own_lease(make: Make, slot: Slot) -> None:
    proposed(make(), 1)
    lease = held(slot)
    silence(lease)
    assert leases.beat(lease)
    assert leases.expire() == []
    leases.lose(lease, "gone")
    assert not leases.beat(lease)
    again = held(slot)
    assert again.token == lease.token + 1
    assert leases.beat(again) and not leases.beat(lease)


def test_finish_writes_everything_at_once(make: Make, slot: Slot) -> None:
    search = make()
    proposed(search, 1)
    lease = held(slot)
    finish(search, lease)
    row = search.trials.get()
    assert (row.status, row.score, row.parameters, row.flops, row.seconds) == ("done", 0.5, 7, 70, 2.0)
    assert row.canonical_id and row.finished_at and row.told_at is None
    search.refresh_from_db()
    assert search.spent_seconds == 2.0
    assert types(search, 0) == ["trial_finished", "incumbent"]
    slot.refresh_from_db()
    assert slot.trial_id is None
    consistent(search)


@pytest.mark.parametrize("write", [
    lambda search, lease: finish(search, lease),
    lambda search, lease: leases.note(lease, [{"event": "epoch", "trial": 0}]),
    lambda search, lease: leases.give_back(lease),
    lambda search, lease: leases.lose(lease, "gone"),
    lambda search, lease: leases.hold_up(lease, "no data"),
], ids=["finish", "note", "give_back", "lose", "hold_up"])
def test_an_old_token_writes_nothing(make: Make, slot: Slot, write: Any) -> None:
    search = make()
    proposed(search, 1)
    old = held(slot)
    leases.give_back(old)
    new = held(slot)
    before = types(search), list(search.trials.values()), state(search)
    with pytest.raises(Superseded):
        write(search, old)
    assert (types(search), list(search.trials.values()), state(search)) == before
    finish(search, new)
    with pytest.raises(Superseded):
        write(search, new)
    assert types(search).count("trial_finished") == 1
    consistent(search)


def test_expired_leases_go_back_and_poison_fails(make: Make, slot: Slot) -> None:
    search = make()
    proposed(search, 1)
    for attempt in (1, 2):
        silence(held(slot))
        assert [lease.number for lease in leases.expire()] == [0]
        row = search.trials.get()
        assert (row.status, row.attempt) == ("pending", attempt)
    silence(held(slot))
    leases.expire()
    row = search.trials.get()
    assert (row.status, row.attempt) == ("failed", 3)
    assert row.outcome is not None and row.outcome["metrics"]["error_kind"] == "poison"
    assert leases.claim(slot) is None
    consistent(search)


def test_the_leases_of_a_dead_worker_end_at_once(make: Make, slot: Slot) -> None:
    search = make()
    proposed(search, 1)
    held(slot)
    assert leases.expire() == []
    assert len(leases.expire([slot.worker_id])) == 1
    assert search.trials.get().attempt == 1


def test_what_beats_is_not_expired_by_a_late_reconciler(make: Make, slot: Slot) -> None:
    search = make()
    proposed(search, 1)
    lease = held(slot)
    with pytest.raises(Superseded):
        leases.lose(lease, "late", expired=True)
    assert search.trials.get().status == "running"


def test_an_interruption_during_a_stop_cancels_and_settles(make: Make, slot: Slot) -> None:
    search = make()
    proposed(search, 2)
    lease = held(slot)
    services.wish(search, Wish.STOP, search.owner)
    assert state(search) == "stopping"
    leases.give_back(lease)
    assert state(search) == "stopped"
    assert [row.status for row in search.trials.all()] == ["cancelled", "cancelled"]
    consistent(search)


def test_an_outcome_that_comes_while_pausing_counts(make: Make, slot: Slot) -> None:
    search = make()
    proposed(search, 2)
    lease = held(slot)
    services.wish(search, Wish.PAUSE, search.owner)
    finish(search, lease)
    assert state(search) == "paused"
    assert [row.status for row in search.trials.all()] == ["done", "pending"]


def test_equal_scores_and_other_kinds_are_no_new_incumbent(make: Make, slot: Slot) -> None:
    search = make()
    proposed(search, 3)
    finish(search, held(slot))
    finish(search, held(slot))
    finish(search, held(slot), api.Outcome("done", 0.9, "proxy", metrics={"parameters": 7, "flops": 70}))
    assert types(search).count("incumbent") == 2, "the first of each kind"


def test_the_database_itself_refuses_a_lease_without_an_owner(make: Make) -> None:
    proposed(make(), 1)
    with pytest.raises(IntegrityError):
        Trial.objects.update(status="running")
    with pytest.raises(IntegrityError):
        Trial.objects.update(status="done", lease_token=F("lease_token") + 1)


def test_an_epoch_of_shared_weights_is_never_the_incumbent(make: Make, slot: Slot) -> None:
    search = make()
    proposed(search, 2)
    lease = held(slot)
    spec, outcome = api.parse(search.document), api.Outcome("done", 0.99, "shared")
    work = api.work_from({"type": "supernet_epoch", "index": 0, "origin": {}, "trial": lease.number})
    Trial.objects.filter(pk=lease.trial_id).update(encoding_id="")
    leases.finish(lease, spec, work, outcome)
    assert "incumbent" not in types(search)
    finish(search, held(slot), api.Outcome("done", 0.5, "shared"))
    assert types(search).count("incumbent") == 1, "the epoch's score is not compared with"
