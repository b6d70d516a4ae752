"""The demo searches and the demo arena: real ones, put in once."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from apps.accounts.services import owner
from apps.arena.management.commands.seed_demo import DEMOS
from apps.arena.models import Arena
from apps.searches.models import Search
from apps.searches.services import create
from tests.apps.searches.conftest import DOCUMENT

pytestmark = pytest.mark.django_db


def test_two_searches_for_the_first_owner_once() -> None:
    call_command("seed_demo")
    call_command("seed_demo")
    found = Search.objects.order_by("created_at")
    assert [search.idempotency_key for search in found] == list(DEMOS)
    assert {search.owner for search in found} == {owner()}
    assert {search.state for search in found} == {"queued"} and not any(search.trials.exists() for search in found)


def test_an_arena_of_evolution_against_reinforcement_learning_and_random_search() -> None:
    call_command("seed_demo")
    call_command("seed_demo")
    arena = Arena.objects.get()
    assert arena.document["strategies"] == ["random_search", "aging_evolution", "reinforce"]
    assert arena.owner == owner() and arena.state == "queued" and arena.runs.count() == 30
    assert not arena.runs.exclude(status="pending").exists()


def test_a_missing_one_is_put_back() -> None:
    call_command("seed_demo")
    Search.objects.get(idempotency_key="demo-random").delete()
    call_command("seed_demo")
    assert Search.objects.count() == 2


def test_if_empty_leaves_an_installation_alone_that_is_in_use() -> None:
    create(owner(), DOCUMENT)
    call_command("seed_demo", "--if-empty")
    assert Search.objects.count() == 1
