"""The writer: in order, few transactions, patient with the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError

from apps.searches import recorder
from apps.searches.models import Event
from apps.searches.recorder import Superseded
from apps.workers import leases, writer
from apps.workers.leases import Lease
from apps.workers.models import Slot
from apps.workers.writer import Entry, Writer
from tests.apps.workers.conftest import Make, proposed, types, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pen(transactional_db: None) -> Iterator[Writer]:
    pen = Writer()
    yield pen
    pen.end()
    assert not pen.thread.is_alive()


@pytest.fixture
def lease(make: Make, slot: Slot) -> Lease:
    proposed(make(), 1)
    lease = leases.claim(slot)
    assert lease is not None
    return lease


def epoch(number: int) -> dict[str, Any]:
    return {"event": "epoch", "trial": 0, "epoch": number, "score": 0.5}


def test_the_last_write_comes_after_everything_before_it(pen: Writer, lease: Lease) -> None:
    for number in range(1, 21):
        pen.put(lease, epoch(number))
    pen.close(lease, lambda: leases.give_back(lease))
    rows = Event.objects.filter(search_id=lease.search_id, type="epoch").order_by("seq")
    assert [row.data["epoch"] for row in rows] == list(range(1, 21))


def test_what_comes_together_is_written_together(pen: Writer, lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    note = leases.note

    def slow(held: Lease, events: list[Any]) -> None:
        batches.append(len(events))
        note(held, events)

    monkeypatch.setattr(leases, "note", slow)
    for number in range(1, 101):
        pen.put(lease, epoch(number))
    pen.close(lease, lambda: leases.give_back(lease))
    assert sum(batches) == 100 and len(batches) < 60


def test_events_of_several_trials_keep_their_places() -> None:
    first, second = (Lease(n, None, n, 1, None) for n in (1, 2))    # type: ignore[arg-type]
    batch = [Entry(first, [{"a": 1}]), Entry(first, [{"a": 2}]), Entry(second, [{"b": 1}]), Entry(first, last=lambda: None),
             Entry(first, [{"a": 3}])]
    joined = writer._joined(batch)
    assert [(entry.lease.number, entry.events) for entry in joined] == [
        (1, [{"a": 1}, {"a": 2}]), (2, [{"b": 1}]), (1, []), (1, [{"a": 3}])]


def test_a_lost_lease_is_known_and_writes_nothing(pen: Writer, lease: Lease) -> None:
    leases.lose(lease, "gone")
    before = types(leases.Search.objects.get(pk=lease.search_id))
    pen.put(lease, epoch(1))
    until(lambda: lease in pen.lost)
    with pytest.raises(Superseded):
        pen.close(lease, lambda: leases.give_back(lease))
    assert types(leases.Search.objects.get(pk=lease.search_id)) == before
    assert lease not in pen.lost, "it is over, nobody asks any more"


def test_a_database_that_is_away_is_waited_for(pen: Writer, lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PAUSE", 0.01)
    failures, record = [3], recorder.record

    def shaky(*arguments: Any) -> int:
        if failures[0]:
            failures[0] -= 1
            raise OperationalError("the database is starting up")
        return record(*arguments)

    monkeypatch.setattr(recorder, "record", shaky)
    pen.put(lease, epoch(1))
    pen.close(lease, lambda: leases.give_back(lease))
    assert Event.objects.filter(search_id=lease.search_id, type="epoch").count() == 1


def test_a_database_that_stays_away_costs_the_lease(pen: Writer, lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> int:
        raise OperationalError("no such host")

    monkeypatch.setattr(writer, "PAUSE", 0.01)
    monkeypatch.setattr(writer, "PATIENCE", 0.05)
    monkeypatch.setattr(recorder, "record", gone)
    with pytest.raises(OperationalError):
        pen.close(lease, lambda: leases.give_back(lease))


def test_one_bad_event_does_not_end_the_writer(pen: Writer, lease: Lease) -> None:
    with pytest.raises(ValueError, match="unknown event type"):
        pen.close(lease, lambda: leases.note(lease, [{"event": "gossip"}]))
    pen.put(lease, epoch(1))
    pen.close(lease, lambda: leases.give_back(lease))
    assert Event.objects.filter(search_id=lease.search_id, type="epoch").count() == 1
