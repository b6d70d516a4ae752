"""Reading searches: what is mine, in which order, and up to which seq."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.http import Http404
from django.utils import timezone

from apps.searches import recorder, selectors
from apps.searches.models import Search
from tests.apps.searches.conftest import Make, add, add_epoch, in_state


def test_what_is_not_mine_is_not_there(search: Search, person: Any, stranger: Any) -> None:
    assert selectors.visible_search(person, search.pk) == search
    for user, key in ((stranger, search.pk), (person, uuid.uuid4())):
        with pytest.raises(Http404):
            selectors.visible_search(user, key)
    Search.objects.update(deleted_at=timezone.now())
    with pytest.raises(Http404):
        selectors.visible_search(person, search.pk)


def test_a_superuser_sees_everything_and_nobody_nothing(search: Search) -> None:
    root = get_user_model().objects.create_superuser("root", password="a long pass phrase")
    assert selectors.visible_search(root, search.pk) == search
    assert not Search.objects.filter(owner=AnonymousUser().pk).exists()


def test_trials_are_found_by_number(search: Search, person: Any, stranger: Any) -> None:
    trial = add(search, 0)
    assert selectors.visible_trial(person, search.pk, 0) == trial
    for user, number in ((person, 1), (person, 10**30), (stranger, 0)):
        with pytest.raises(Http404):
            selectors.visible_trial(user, search.pk, number)


def test_the_list_counts_own_trials_and_takes_the_best(make: Make, person: Any, stranger: Any) -> None:
    first, second = make(), make()
    add(first, 0, "done", 0.5)
    add(first, 1, "done", 0.75)
    add(first, 2, "failed")
    add(first, 3, "done", 0.9, final_of=1)
    found = {search.pk: search for search in selectors.searches_of(person)}
    assert (found[first.pk].trials_done, found[first.pk].best_score) == (2, 0.75)
    assert (found[second.pk].trials_done, found[second.pk].best_score) == (0, None)
    assert [search.pk for search in selectors.searches_of(person)] == [second.pk, first.pk], "newest first"
    assert not selectors.searches_of(stranger)


def test_archived_ones_are_apart(search: Search, person: Any) -> None:
    in_state(search, "finished")
    Search.objects.update(archived_at=timezone.now())
    assert not selectors.searches_of(person)
    assert list(selectors.searches_of(person, archived=True)) == [search]


def test_the_leaderboard_ranks_and_never_mixes_kinds(search: Search) -> None:
    add(search, 0, "done", 0.99, score_kind="proxy")
    add(search, 1, "failed")
    add(search, 2, "done", 0.5)
    add(search, 3, "pruned", 0.95)
    add(search, 4, "done", 0.8)
    add(search, 5, "done", 0.8)
    add(search, 6, "running", lease_owner=search.id, lease_until=timezone.now())
    assert [trial.number for trial in selectors.leaderboard(search)] == [4, 5, 2, 0, 3, 1]
    assert [trial.number for trial in selectors.leaderboard(search, 2, after=1)] == [5, 2]
    best = selectors.incumbent(search)
    assert best is not None and best.number == 4 and "architecture" in best.work


def test_epochs_of_shared_weights_are_no_networks(search: Search, person: Any) -> None:
    """Whatever they score: not on the leaderboard, not the incumbent, not counted as trained."""
    add_epoch(search, 0)
    assert selectors.incumbent(search) is None and selectors.leaderboard(search) == []
    add(search, 1, "done", 0.5, score_kind="shared")
    best = selectors.incumbent(search)
    assert best is not None and best.number == 1 and [t.number for t in selectors.leaderboard(search)] == [1]
    [listed] = selectors.searches_of(person)
    assert listed.trials_done == 1 and listed.best_score == 0.5
    assert [row["encoding_id"] for row in selectors.rows(search)] == ["", "e1"]


def test_no_incumbent_without_a_success(search: Search) -> None:
    add(search, 0, "failed")
    assert selectors.incumbent(search) is None


def test_events_come_in_pages(search: Search) -> None:
    recorder.record(search.id, [{"event": "log", "text": str(n)} for n in range(5)])
    page = selectors.events_after(search, 2, 2)
    assert [event["seq"] for event in page] == [3, 4]
    assert set(page[0]) == {"seq", "type", "trial", "data", "at"} and page[0]["data"] == {"text": "1"}
    assert selectors.events_after(search, 6, 10) == []


def epoch(trial: int, number: int, score: float) -> dict[str, Any]:
    return {"event": "epoch", "trial": trial, "epoch": number, "score": score}


def test_curves_survive_a_resume(search: Search) -> None:
    recorder.record(search.id, [{"event": "trial_started", "trial": 0, "epoch": 0}, epoch(0, 1, 0.1), epoch(1, 1, 0.5),
                                epoch(0, 2, 0.2), epoch(0, 3, 0.9), {"event": "trial_started", "trial": 0, "epoch": 2},
                                epoch(0, 3, 0.3)])
    assert selectors.curves(search) == {0: [0.1, 0.2, 0.3], 1: [0.5]}


def test_the_snapshot_holds_up_to_its_seq(search: Search) -> None:
    add(search, 0, "done", 0.5)
    add(search, 1, "failed")
    last = recorder.record(search.id, [epoch(0, 1, 0.5)])
    page = selectors.snapshot(search)
    assert (page["seq"], page["state"], page["incumbent"]) == (last, "queued", {"trial": 0})
    assert page["spec"] == search.document and page["curves"] == {0: [0.5]}
    rows = page["trials"]
    assert [(row["number"], row["status"], row["score"], row["error"]) for row in rows] == [
        (0, "done", 0.5, None), (1, "failed", None, "it broke")]
    assert rows[0]["origin"] == {"how": "random"} and rows[0]["parents"] == []


def test_a_search_waits_for_a_step_when_something_is_untold_or_nothing_is_under_way(search: Search) -> None:
    assert selectors.waiting(search)
    add(search, 0)
    assert not selectors.waiting(search)
    done = add(search, 1, "done", 0.5)
    assert selectors.waiting(search)
    done.told_at = timezone.now()
    done.save()
    assert not selectors.waiting(search)


def test_a_network_is_drawn_for_the_input_that_it_was_trained_on(search: Search) -> None:
    """An uploaded table has its own width; what is declared of its kind is only a stand-in until a trial has ended."""
    trial = add(search, 0)
    declared = selectors.reading(trial)
    assert declared == ([1, 8, 8], 10)
    trial.outcome = {"metrics": {"input": [3, 16, 16], "classes": 4}}
    assert selectors.reading(trial) == ([3, 16, 16], 4)


def test_events_of_a_trial_are_thinned_out_together_and_alarms_stay(search: Search) -> None:
    def said(trial: int, **more: Any) -> list[dict[str, Any]]:
        return [{"event": "strategy", "trial": trial, "pictures": [{"title": title}], **more} for title in ("A", "B")]

    for trial in range(301):
        recorder.record(search.pk, said(trial, **({"alarm": "Stop."} if trial == 1 else {})))
    shown = selectors.insights(search)
    told = [one["trial"] for one in shown]
    assert told[:6] == [0, 0, 1, 1, 3, 3] and told[-2:] == [300, 300] and len(told) == 204


def test_pictures_of_the_strategy_are_thinned_out_and_the_newest_stays(search: Search) -> None:
    for number in range(450):
        recorder.record(search.pk, [{"event": "strategy", "trial": number, "pictures": [{"picture": "bars", "title": "A"}]}])
    recorder.record(search.pk, [{"event": "strategy", "trial": 450, "born": 450}])
    shown = selectors.insights(search)
    assert 200 <= len(shown) <= 300 and shown[-1]["trial"] == 449
    assert [one["seq"] for one in shown] == sorted(one["seq"] for one in shown)
