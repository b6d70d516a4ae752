"""The page of workers: who is there, and of strangers' trials only that a slot is busy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from apps.searches import services
from apps.searches.models import Trial
from apps.workers import selectors
from apps.workers.models import Slot, Worker

DOCUMENT = {"name": "secret plan", "space": {"kind": "chain"}, "strategy": {"name": "random_search"},
            "dataset": {"name": "digits"}}


def browser_of(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def ada(db: None) -> Any:
    return get_user_model().objects.create_user("ada", password="a long pass phrase")


@pytest.fixture
def busy(ada: Any) -> Slot:
    """A worker with two slots, one of which trains a trial of ada's."""
    worker = Worker.objects.create(host="<b>host", pid=7, facts={"torch": "2.14", "cores": 4}, seen_at=timezone.now())
    trial = Trial.objects.create(search=services.create(ada, DOCUMENT), number=3, work={}, status="running",
                                 lease_owner=worker.id, lease_until=timezone.now())
    Slot.objects.create(worker=worker, index=1, device="cuda:0")
    return Slot.objects.create(worker=worker, index=0, device="cpu", trial=trial)


def test_a_worker_shows_its_slots_and_facts(ada: Any, busy: Slot) -> None:
    text = browser_of(ada).get("/workers/").content.decode()
    for words in ("&lt;b&gt;host, process 7",
                  "Slot 0, cpu", "trial 3 of secret plan", "Slot 1, cuda:0", "idle", "2.14", ">here<"):
        assert words in text
    assert "2 slots: 1 busy" in text


def test_of_a_strangers_trial_only_that_the_slot_is_busy(busy: Slot) -> None:
    bob = get_user_model().objects.create_user("bob", password="a long pass phrase")
    text = browser_of(bob).get("/workers/").content.decode()
    assert "secret plan" not in text
    assert "<dd>busy</dd>" in text


def test_a_silent_worker_is_not_counted(ada: Any, busy: Slot) -> None:
    Worker.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
    assert selectors.summary() == {"workers": 0, "slots": 0, "busy": 0}
    text = browser_of(ada).get("/workers/").content.decode()
    assert ">silent<" in text
    assert "no worker" in text


def test_without_workers_the_page_says_what_to_do(ada: Any, client: Client) -> None:
    assert "make up" in browser_of(ada).get("/workers/").content.decode()
    assert client.get("/workers/").status_code == 302
    assert browser_of(ada).post("/workers/").status_code == 405
