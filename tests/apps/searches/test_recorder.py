"""The log: gap-free, in order, whole or not at all."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from django.db import connection
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks

from apps.searches import broadcast
from apps.searches.models import Event, Search
from apps.searches.recorder import Superseded, record
from tests.apps.searches.conftest import Make


def log(search: Search) -> list[tuple[int, str]]:
    return list(Event.objects.filter(search=search).order_by("seq").values_list("seq", "type"))


def line(text: str) -> dict[str, Any]:
    return {"event": "log", "level": "info", "text": text}


def test_seqs_follow_each_other(search: Search) -> None:
    assert log(search) == [(1, "search_state")]
    assert record(search.id, [line("a"), line("b")]) == 3
    assert record(search.id, [line("c")]) == 4
    assert [seq for seq, _ in log(search)] == [1, 2, 3, 4]


def test_nothing_to_record_takes_no_seq(search: Search) -> None:
    assert record(search.id, []) == 1
    assert record(search.id, [line("a")]) == 2


def test_the_document_is_taken_apart(search: Search) -> None:
    record(search.id, [{"event": "epoch", "trial": 3, "epoch": 2, "score": 0.5}])
    row = Event.objects.get(search=search, seq=2)
    assert (row.type, row.trial, row.data) == ("epoch", 3, {"epoch": 2, "score": 0.5})


def test_numbers_that_json_does_not_have_become_null(search: Search) -> None:
    deep = [{"loss": float("inf")}, (1.5, -float("inf"))]
    record(search.id, [{"event": "epoch", "trial": 0, "score": float("nan"), "deep": deep}])
    assert Event.objects.get(search=search, seq=2).data == {"score": None, "deep": [{"loss": None}, [1.5, None]]}


def test_unknown_types_are_refused_whole(search: Search) -> None:
    with pytest.raises(ValueError, match="unknown event type"):
        record(search.id, [line("a"), {"event": "gossip"}])
    assert record(search.id, []) == 1


def test_rows_and_events_are_one_transaction(search: Search) -> None:
    def rename(locked: Search) -> list[dict[str, Any]]:
        Search.objects.filter(pk=locked.pk).update(name="other")
        return [line("from rows")]

    assert record(search.id, [line("first")], rename) == 3
    assert [row.data["text"] for row in Event.objects.filter(search=search, type="log")] == ["first", "from rows"]

    def refuse(locked: Search) -> list[dict[str, Any]]:
        Search.objects.filter(pk=locked.pk).update(name="never")
        raise Superseded

    with pytest.raises(Superseded):
        record(search.id, [line("lost")], refuse)
    search.refresh_from_db()
    assert search.name == "other" and search.next_seq == 4


@pytest.mark.django_db
def test_a_search_that_is_gone_is_no_error_of_ours() -> None:
    with pytest.raises(Superseded):
        record(uuid.uuid4(), [line("a")])


def test_the_hint_follows_the_commit(search: Search, monkeypatch: pytest.MonkeyPatch,
                                     django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> None:
    hints: list[tuple[Any, int]] = []
    monkeypatch.setattr(broadcast, "hint", lambda search_id, seq: hints.append((search_id, seq)))
    with django_capture_on_commit_callbacks(execute=True):
        record(search.id, [line("a"), line("b")])
        assert hints == []
    assert hints == [(search.id, 3)]
    with django_capture_on_commit_callbacks(execute=True):
        record(search.id, [])
    assert len(hints) == 1, "nothing new, no hint"


@pytest.mark.django_db(transaction=True)
def test_many_writers_leave_no_gap(make: Make) -> None:
    search, other = make(), make()

    def write(number: int) -> None:
        for turn in range(10):
            record((search if number % 2 else other).id, [line(f"{number}-{turn}-{n}") for n in range(1 + turn % 3)])
        connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in (search, other):
        one.refresh_from_db()
        seqs = [seq for seq, _ in log(one)]
        assert seqs == list(range(1, one.next_seq)) and len(seqs) == 1 + 3 * 19
        texts = [row.data["text"] for row in Event.objects.filter(search=one, type="log").order_by("seq")]
        for number in range(6):
            own = [text for text in texts if text.startswith(f"{number}-")]
            assert own == sorted(own, key=lambda text: [int(part) for part in text.split("-")]), "each keeps its order"


def test_a_dead_broker_is_counted_not_raised(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise ConnectionError("no redis")

    monkeypatch.setattr(broadcast, "_send", broken)
    before = broadcast.lost
    broadcast.hint(search.id, 1)
    assert broadcast.lost == before + 1
