"""The doorbells: they ring what is here, and nothing where there is no worker."""

from __future__ import annotations

import pytest
from celery import current_app

from apps.searches import nudge
from apps.workers import crew, tasks
from apps.workers.crew import Crew
from tests.apps.workers.conftest import Make, state, until

pytestmark = pytest.mark.django_db(transaction=True)


def test_nudges_name_tasks_that_exist_and_their_queues() -> None:
    assert set(nudge.QUEUES) <= set(current_app.tasks)
    assert {name: route["queue"] for name, route in current_app.conf.task_routes.items()} == {
        name: queue for name, queue in nudge.QUEUES.items() if name in current_app.conf.task_routes}


def test_without_a_worker_in_this_process_nothing_happens(make: Make) -> None:
    search = make()
    tasks.advance(str(search.pk))
    tasks.perform(1)
    assert state(search) == "queued" and crew.here() is None


def test_advance_steps_and_perform_wakes(worker: Crew, make: Make) -> None:
    search = make(trials=1)
    tasks.advance(str(search.pk))
    assert state(search) in ("running", "finished")
    for bell in worker.bells:
        bell.clear()
    tasks.perform(1)
    until(lambda: state(search) == "finished")


def test_the_warning_of_the_end_is_heard(worker: Crew) -> None:
    tasks.hush()
    assert worker.closing.is_set()
