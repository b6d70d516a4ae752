"""The reconciler puts right what messages missed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models.functions import Now

from apps.searches import nudge, services
from apps.searches.models import Download, Search, Trial
from apps.searches.states import Wish
from apps.workers import leases, reconciler
from apps.workers import services as workers
from apps.workers.models import Slot, Turn, Worker
from tests.apps.workers.conftest import Make, proposed, state, trial

pytestmark = pytest.mark.django_db(transaction=True)


def round_of() -> list[UUID]:
    """A round; the searches that it would have advanced."""
    advanced: list[UUID] = []
    Turn.objects.update(due_at=Now())
    assert reconciler.reconcile(advanced.append)
    return advanced


def test_one_process_at_a_time_has_the_turn() -> None:
    assert workers.take_turn("reconcile", 60)
    assert not workers.take_turn("reconcile", 60)
    assert not reconciler.reconcile(lambda search_id: None)
    assert workers.take_turn("another chore", 60)
    Turn.objects.filter(chore="reconcile").update(due_at=Now() - timedelta(seconds=1))
    assert workers.take_turn("reconcile", 60)


def test_silent_leases_end_and_their_slots_are_free(make: Make, slot: Slot) -> None:
    search = make()
    proposed(search, 1)
    leases.claim(slot)
    assert round_of() == []
    Trial.objects.update(lease_until=Now() - timedelta(seconds=1))
    round_of()
    assert (trial(search, 0).status, trial(search, 0).attempt) == ("pending", 1)
    slot.refresh_from_db()
    assert slot.trial_id is None


def test_a_dead_process_of_this_machine_is_not_waited_for(make: Make, slot: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
    search = make()
    proposed(search, 1)
    leases.claim(slot)
    monkeypatch.setattr(workers, "_alive", lambda pid: False)
    round_of()
    assert trial(search, 0).status == "pending"
    assert Worker.objects.get().ended_at is not None


def test_workers_of_other_machines_are_judged_by_their_silence(slot: Slot) -> None:
    Worker.objects.update(host="elsewhere", pid=999_999_999)
    round_of()
    assert Worker.objects.get().ended_at is None
    Worker.objects.update(seen_at=Now() - workers.SILENCE - timedelta(seconds=1))
    round_of()
    assert Worker.objects.get().ended_at is not None
    workers.seen(slot.worker_id)
    assert Worker.objects.get().ended_at is None, "it was only slow"
    Worker.objects.update(ended_at=Now() - workers.MEMORY - timedelta(seconds=1))
    round_of()
    assert not Worker.objects.exists()


def test_a_slot_whose_trial_runs_elsewhere_is_freed(make: Make, slot: Slot) -> None:
    search = make()
    proposed(search, 1)
    leases.claim(slot)
    Trial.objects.update(lease_token=9)
    workers.bury()
    slot.refresh_from_db()
    assert slot.trial_id is None


def test_searches_with_something_to_think_about_are_advanced(make: Make) -> None:
    queued, running, busy, paused = make(), make(), make(), make()
    proposed(busy, 1)
    Search.objects.filter(pk=running.pk).update(state="running")
    services.wish(paused, Wish.PAUSE, paused.owner)
    assert set(round_of()) == {queued.pk, running.pk}


def test_draining_searches_without_running_trials_settle(make: Make) -> None:
    search = make()
    Search.objects.filter(pk=search.pk).update(state="pausing")
    round_of()
    assert state(search) == "paused"


def test_deleted_searches_are_swept(make: Make) -> None:
    search = make()
    Search.objects.filter(pk=search.pk).update(state="stopped", deleted_at=Now())
    round_of()
    assert not Search.objects.exists()


def test_wanted_downloads_are_rung_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[Any] = []
    search = make()
    row = proposed(search, 1)[0]
    download = Download.objects.create(trial=row)
    monkeypatch.setattr(nudge, "pack", rung.append)
    round_of()
    assert rung == [download.pk]
    assert workers.take_download(download.pk) is not None
    round_of()
    assert rung == [download.pk], "somebody builds it"
    Download.objects.update(until=Now() - timedelta(seconds=1))
    round_of()
    assert len(rung) == 2
