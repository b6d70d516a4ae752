"""A worker at work: searches run, pause, stop and survive what happens to their children."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Any

import pytest

from apps.searches import selectors, services
from apps.searches.models import Event, Search
from apps.searches.states import Wish
from apps.workers import crew, leases, reconciler, supervisor
from apps.workers import services as workers
from apps.workers.crew import Crew
from apps.workers.models import Slot, Worker
from tests.apps.workers.conftest import Make, Script, consistent, proposed, run, state, trial, types, until

pytestmark = pytest.mark.django_db(transaction=True)


def epochs(search: Search, number: int) -> list[str]:
    return (trial(search, number).folder / "epochs.log").read_text().split()


def starts(search: Search, number: int) -> list[int]:
    return [int(pid) for pid in (trial(search, number).folder / "starts.log").read_text().split()]


def test_a_search_runs_to_its_end(worker: Crew, make: Make) -> None:
    search = make(trials=4)
    run(search)
    until(lambda: state(search) == "finished")
    assert [row.status for row in search.trials.all()] == ["done"] * 5, "four trials and a final"
    assert search.trials.get(number=4).final_of is not None
    assert search.spent_seconds == pytest.approx(5 * 0.4)
    assert search.started_at and search.finished_at and search.started_at <= search.finished_at
    counted = Counter(types(search))
    assert counted["trial_proposed"] == counted["trial_started"] == counted["trial_finished"] == 5
    assert counted["epoch"] == 20 and counted["search_started"] == counted["search_finished"] == 1
    assert types(search)[-1] == "search_finished"
    consistent(search)


def test_the_incumbent_only_gets_better(worker: Crew, make: Make) -> None:
    search = make(trials=8)
    run(search)
    until(lambda: state(search) == "finished")
    told = Event.objects.filter(search=search, type="incumbent").order_by("seq")
    scores = list(told.values_list("data__score", flat=True))
    assert scores == sorted(set(scores)) and len(scores) > 1
    best = selectors.incumbent(search)
    assert best is not None and best.score == scores[-1]


def test_two_slots_work_at_once_and_the_order_of_proposals_does_not_depend_on_it(worker: Crew, make: Make) -> None:
    strategy = {"name": "aging_evolution", "population": 3, "sample": 2}
    first, second = (make(trials=8, slots=2, strategy=strategy) for _ in range(2))
    for search in (first, second):
        run(search)
    until(lambda: state(first) == state(second) == "finished", 40)
    genotypes = [[row.work["architecture"]["genotype"] for row in search.trials.all()] for search in (first, second)]
    assert genotypes[0] == genotypes[1]
    consistent(first)
    consistent(second)


def test_pause_keeps_what_was_trained_and_resume_goes_on(worker: Crew, make: Make, scripted: Script) -> None:
    scripted(default=["slow"])
    search = make(trials=2)
    run(search)
    until(lambda: types(search, 0).count("epoch") >= 1)
    services.wish(search, Wish.PAUSE, search.owner)
    until(lambda: state(search) == "paused", 5)
    row = trial(search, 0)
    assert (row.status, row.attempt) == ("pending", 0)
    assert not Slot.objects.exclude(trial=None).exists()
    services.wish(search, Wish.RUN, search.owner)
    assert state(search) == "queued"
    scripted(default=["train"])
    run(search)
    until(lambda: state(search) == "finished")
    assert epochs(search, 0) == ["1", "2", "3", "4"], "no epoch twice, none left out"
    assert len(starts(search, 0)) == 2
    consistent(search)


def test_stop_cancels_what_is_left(worker: Crew, make: Make, scripted: Script) -> None:
    scripted(default=["slow"])
    search = make(trials=4, slots=2)
    run(search)
    until(lambda: search.trials.filter(status="running").count() == 2)
    services.wish(search, Wish.STOP, search.owner)
    until(lambda: state(search) == "stopped", 5)
    assert {row.status for row in search.trials.all()} == {"cancelled"}
    consistent(search)


def test_a_lost_child_costs_an_attempt_and_no_epoch(worker: Crew, make: Make, scripted: Script) -> None:
    scripted(trial_0=["die", "train"])
    search = make(trials=1)
    run(search)
    until(lambda: state(search) == "finished")
    assert trial(search, 0).attempt == 1
    assert epochs(search, 0) == ["1", "2", "3", "4"]
    assert len(set(starts(search, 0))) == 2, "another child went on"
    consistent(search)


def test_a_killed_child_costs_no_epoch_either(worker: Crew, make: Make, scripted: Script) -> None:
    scripted(trial_0=["slow", "train"])
    search = make(trials=1)
    run(search)
    until(lambda: types(search, 0).count("epoch") >= 1)
    os.kill(starts(search, 0)[0], signal.SIGKILL)
    until(lambda: state(search) == "finished")
    assert epochs(search, 0) == ["1", "2", "3", "4"]
    assert Event.objects.filter(search=search, type="log", data__level="warning").count() == 1
    consistent(search)


def test_poison_fails_after_three_attempts_and_the_search_goes_on(worker: Crew, make: Make, scripted: Script) -> None:
    scripted(trial_1=["poison"])
    search = make(trials=3)
    run(search)
    until(lambda: state(search) == "finished")
    row = trial(search, 1)
    assert (row.status, row.attempt, row.outcome and row.outcome["metrics"]["error_kind"]) == ("failed", 3, "poison")
    assert len(starts(search, 1)) == 3
    assert trial(search, 2).status == "done"
    consistent(search)


def test_failures_are_outcomes(worker: Crew, make: Make, scripted: Script) -> None:
    scripted(trial_0=["error"], trial_1=["nan"], trial_2=["nothing"])
    search = make(trials=4)
    run(search)
    until(lambda: state(search) == "finished")
    rows = list(search.trials.order_by("number")[:4])
    assert [row.status for row in rows] == ["failed", "failed", "failed", "done"]
    assert [row.attempt for row in rows] == [0, 0, 0, 0], "an outcome is no lost attempt"
    assert rows[0].outcome["metrics"]["error"] == "it is error"
    consistent(search)


def test_a_search_in_which_nothing_succeeds_fails(worker: Crew, make: Make, scripted: Script) -> None:
    scripted(default=["error"])
    search = make(trials=2)
    run(search)
    until(lambda: state(search) == "failed")
    assert search.reason == "No trial succeeded."


def test_missing_data_pauses_the_search_and_says_why(worker: Crew, make: Make, scripted: Script) -> None:
    scripted(default=["unavailable"])
    search = make(trials=2)
    run(search)
    until(lambda: state(search) == "paused")
    assert search.reason == "it is unavailable" and search.wish == "pause"
    assert trial(search, 0).status == "pending"
    scripted(default=["train"])
    services.wish(search, Wish.RUN, search.owner)
    run(search)
    until(lambda: state(search) == "finished")
    consistent(search)


def test_a_deaf_child_is_ended(worker: Crew, make: Make, scripted: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "GRACE", 0.3)
    scripted(trial_0=["deaf"])
    search = make(trials=1)
    run(search)
    until(lambda: types(search, 0).count("epoch") >= 1)
    services.wish(search, Wish.PAUSE, search.owner)
    until(lambda: state(search) == "paused", 5)
    assert trial(search, 0).attempt == 0


def test_a_silent_child_is_ended_and_another_goes_on(worker: Crew, make: Make, scripted: Script,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SILENCE", 0.5)
    scripted(trial_0=["hang", "train"])
    search = make(trials=1)
    run(search)
    until(lambda: state(search) == "finished")
    assert trial(search, 0).attempt == 1
    assert epochs(search, 0) == ["1", "2", "3", "4"]


def test_whoever_lost_the_lease_ends_its_child_and_writes_nothing(worker: Crew, make: Make, scripted: Script) -> None:
    scripted(trial_0=["hang", "train"])
    search = make(trials=1)
    run(search)
    until(lambda: types(search, 0).count("epoch") >= 1)
    row = trial(search, 0)
    pid = starts(search, 0)[0]
    leases.lose(leases.Lease(row.pk, search.pk, 0, row.lease_token, None), "a test took it")
    until(lambda: state(search) == "finished")
    until(lambda: not _alive(pid))
    assert types(search, 0).count("epoch") == 4
    consistent(search)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_delete_stops_what_runs_and_removes_the_files(worker: Crew, make: Make, scripted: Script) -> None:
    scripted(default=["slow"])
    search = make(trials=2)
    run(search)
    until(lambda: types(search, 0).count("epoch") >= 1)
    folder = search.folder
    assert folder.is_dir()
    services.delete(search, search.owner)
    assert not Search.objects.visible_to(search.owner).exists()
    until(lambda: not Search.objects.filter(pk=search.pk).exists(), 5)
    assert not folder.exists()


def test_the_end_of_a_worker_gives_its_trials_back(settings: Any, make: Make, scripted: Script) -> None:
    scripted(default=["slow", "train"])
    search = make(trials=1)
    crew.begin()
    run(search)
    until(lambda: types(search, 0).count("epoch") >= 1)
    crew.end()
    row = trial(search, 0)
    assert (row.status, row.attempt) == ("pending", 0)
    assert Worker.objects.filter(ended_at=None).count() == 0
    crew.begin()
    try:
        until(lambda: state(search) == "finished")
    finally:
        crew.end()
    assert epochs(search, 0) == ["1", "2", "3", "4"]
    consistent(search)


def test_what_a_dead_process_left_is_taken_over_at_once(make: Make, slot: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only when its leases have run out: that would take fifteen seconds."""
    search = make(trials=1)
    proposed(search)
    assert leases.claim(slot) is not None
    monkeypatch.setattr(workers, "_alive", lambda pid: False)
    monkeypatch.setattr(reconciler, "EVERY", 60.0)
    crew.begin()
    try:
        until(lambda: trial(search, 0).status == "done", 10)
    finally:
        crew.end()
    assert trial(search, 0).attempt == 1


def test_without_any_message_the_work_is_found(worker: Crew, make: Make) -> None:
    search = make(trials=2)
    until(lambda: state(search) == "finished")
    consistent(search)


def test_extending_allows_more_trials_until_the_finals_begin(worker: Crew, make: Make, scripted: Script) -> None:
    scripted(trial_1=["slow"])
    search = make(trials=2)
    run(search)
    until(lambda: search.trials.filter(number=1, status="running").exists())
    services.extend(search, 2, search.owner)
    until(lambda: state(search) == "finished")
    assert search.trials.filter(final_of=None, status="done").count() == 4
    with pytest.raises(services.TransitionError):
        services.extend(search, 1, search.owner)
