"""What a person can do to a search."""

from __future__ import annotations

from typing import Any

import pytest

from apps.searches import nudge, services
from apps.searches.models import Download, Event, Search
from apps.searches.recorder import Superseded
from apps.searches.states import TABLE, WISHED, State, TransitionError, Wish
from engine import api
from tests.apps.searches.conftest import DOCUMENT, Make, add, in_state

Rung = list[tuple[str, Any]]


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> Rung:
    """The nudges that were sent."""
    bells: Rung = []
    for name in ("advance", "perform", "pack"):
        monkeypatch.setattr(nudge, name, lambda argument, name=name: bells.append((name, argument)))
    return bells


def last(search: Search) -> dict[str, Any]:
    event = Event.objects.filter(search=search).order_by("-seq").first()
    assert event is not None
    return {"event": event.type, **event.data}


def test_create_writes_every_default_out_and_rings(person: Any, rung: Rung) -> None:
    search = services.create(person, DOCUMENT)
    assert search.document["finals"] == {"top": 1, "seeds": 1, "epochs": None}
    assert api.parse(search.document).document() == search.document
    assert (search.state, search.wish, search.owner) == ("queued", "run", person)
    assert rung == [("advance", search.id)]


def test_the_same_key_gives_the_same_search(person: Any, stranger: Any) -> None:
    first = services.create(person, DOCUMENT, "k")
    assert services.create(person, {**DOCUMENT, "name": "again"}, "k") == first
    assert services.create(stranger, DOCUMENT, "k") != first, "keys are each person's own"
    assert services.create(person, DOCUMENT, "other") != first
    assert services.create(person, DOCUMENT) != services.create(person, DOCUMENT)


def test_bad_documents_leave_nothing(person: Any) -> None:
    with pytest.raises(api.Invalid):
        services.create(person, {**DOCUMENT, "budget": {"trials": 0}})
    assert not Search.objects.exists()


def test_a_search_without_a_name_gets_one(person: Any) -> None:
    assert services.create(person, {**DOCUMENT, "name": ""}).name == "Untitled search"


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("wanted", Wish)
def test_wishes_follow_the_table(search: Search, person: Any, state: State, wanted: Wish) -> None:
    in_state(search, state)
    add(search, 0, "running", lease_owner=search.id, lease_until=search.created_at)
    new = TABLE.get((state, WISHED[wanted]))
    if new is None:
        with pytest.raises(TransitionError):
            services.wish(search, wanted, person)
        search.refresh_from_db()
        assert search.state == state and search.wish == "run"
    else:
        services.wish(search, wanted, person)
        assert (search.state, search.wish) == (new, wanted)
        assert last(search) == {"event": "search_state", "state": new, "reason": ""}


@pytest.mark.parametrize(("wanted", "end"), [(Wish.PAUSE, "paused"), (Wish.STOP, "stopped")])
def test_where_nothing_runs_rest_comes_at_once(search: Search, person: Any, wanted: Wish, end: str) -> None:
    in_state(search, "running")
    add(search, 0)
    services.wish(search, wanted, person)
    assert search.state == end
    assert search.trials.get().status == ("cancelled" if end == "stopped" else "pending")
    assert (search.finished_at is not None) == (end == "stopped")


def test_resuming_rings(search: Search, person: Any, rung: Rung) -> None:
    services.wish(search, Wish.PAUSE, person)
    assert rung == [("advance", search.id)], "only from its creation"
    services.wish(search, Wish.RUN, person)
    assert rung[1:] == [("advance", search.id)]


def test_a_clone_is_a_new_search_with_the_same_document(search: Search, stranger: Any) -> None:
    in_state(search, "finished")
    copy = services.clone(search, stranger)
    assert copy.owner == stranger and copy.cloned_from == search and copy.state == "queued"
    assert copy.name == "test (copy)"
    assert {**copy.document, "name": ""} == {**search.document, "name": ""}


def test_a_clone_of_a_long_name_fits(make: Make, person: Any) -> None:
    assert len(services.clone(make(name="n" * 200), person).name) <= 200


def test_extend_raises_the_limit(search: Search, person: Any, rung: Rung) -> None:
    in_state(search, "running")
    services.extend(search, 7, person)
    assert search.document["budget"]["trials"] == 12 and search.state_version == 1
    assert last(search)["text"] == "The budget is now 12 trials."
    assert rung[-1] == ("advance", search.id)


@pytest.mark.parametrize("state", ["stopping", "stopped", "finished", "failed"])
def test_what_ended_is_not_extended(search: Search, person: Any, state: str) -> None:
    in_state(search, state)
    with pytest.raises(TransitionError, match="clone it"):
        services.extend(search, 1, person)


def test_what_cannot_be_extended_says_why(make: Make, person: Any) -> None:
    closing = make()
    Search.objects.filter(pk=closing.pk).update(strategy_state={"closing": True})
    with pytest.raises(TransitionError, match="finals have begun"):
        services.extend(closing, 1, person)
    unlimited = make(budget={"trials": None, "seconds": 100.0})
    with pytest.raises(TransitionError, match="no limit of trials"):
        services.extend(unlimited, 1, person)
    with pytest.raises(api.Invalid):
        services.extend(make(), 2_000_000, person)


def test_archive_is_for_what_ended_and_can_be_undone(search: Search, person: Any) -> None:
    with pytest.raises(TransitionError):
        services.archive(search, person)
    in_state(search, "finished")
    assert services.archive(search, person).archived_at is not None
    assert services.archive(search, person).archived_at is None


@pytest.mark.parametrize("state", ["queued", "paused", "stopped", "finished", "failed"])
def test_delete_removes_rows_and_files(search: Search, person: Any, state: str) -> None:
    in_state(search, state)
    trial = add(search, 0, "done", 0.5)
    trial.folder.mkdir(parents=True)
    (trial.folder / "weights.safetensors").write_bytes(b"x")
    services.delete(search, person)
    assert not Search.objects.filter(pk=search.pk).exists()
    assert not search.folder.exists()


def test_delete_waits_for_what_runs_but_hides_at_once(search: Search, person: Any) -> None:
    in_state(search, "running")
    add(search, 0, "running", lease_owner=search.id, lease_until=search.created_at)
    services.delete(search, person)
    assert not Search.objects.visible_to(person).exists()
    search.refresh_from_db()
    assert search.state == "stopping"
    services.delete(search, person)                 # twice is no error
    search.trials.update(status="cancelled", lease_owner=None, lease_until=None)
    in_state(search, "stopped")
    services.sweep()
    assert not Search.objects.filter(pk=search.pk).exists()


def test_only_trained_networks_can_be_downloaded(search: Search) -> None:
    for number, status in enumerate(("pending", "failed", "cancelled")):
        with pytest.raises(TransitionError, match="no trained network"):
            services.request_download(add(search, number, status))
    assert not Download.objects.exists()


def test_a_download_is_asked_for_once(search: Search, rung: Rung) -> None:
    trial = add(search, 0, "done", 0.5)
    first = services.request_download(trial)
    assert services.request_download(trial) == first
    assert first.state == "wanted" and [bell for bell, _ in rung].count("pack") == 1
    assert last(search) == {"event": "download", "state": "wanted"}


def made(**more: Any) -> dict[str, Any]:
    return {"kind": "exported", "path": "a/0/network.zip", "sha256": "0" * 64, "size": 3, "verified": {"score": 0.5}, **more}


def test_a_download_is_ready_when_it_was_verified(search: Search) -> None:
    trial = add(search, 0, "done", 0.5)
    services.download_made(services.request_download(trial), made())
    download = Download.objects.get()
    assert (download.state, download.size, download.verified) == ("ready", 3, {"score": 0.5})
    assert last(search) == {"event": "download", "state": "ready"}


def test_a_failed_or_lost_download_is_made_again(search: Search, artifacts: Any) -> None:
    trial = add(search, 0, "done", 0.5)
    services.download_made(services.request_download(trial), {"kind": "error", "text": "the score is another"})
    download = Download.objects.get()
    assert (download.state, download.reason) == ("failed", "the score is another")
    again = services.request_download(trial)
    assert (again.state, again.reason) == ("wanted", "")
    services.download_made(again, made())
    assert services.request_download(trial).state == "wanted", "the file is not there"
    services.download_made(Download.objects.get(), made())
    (artifacts / "a" / "0").mkdir(parents=True)
    (artifacts / "a" / "0" / "network.zip").write_bytes(b"zip")
    assert services.request_download(trial).state == "ready"


def test_a_download_of_an_old_token_is_dropped(search: Search) -> None:
    download = services.request_download(add(search, 0, "done", 0.5))
    Download.objects.update(token=5)
    with pytest.raises(Superseded):
        services.download_made(download, made())
    assert Download.objects.get().state == "wanted"


def test_failing_says_why_and_cancels_what_waits(search: Search) -> None:
    add(search, 0)
    services.fail(search.id, "The strategy failed: because")
    search.refresh_from_db()
    assert (search.state, search.reason) == ("failed", "The strategy failed: because")
    assert search.trials.get().status == "cancelled"
    services.fail(search.id, "again")
    search.refresh_from_db()
    assert search.reason == "The strategy failed: because"
