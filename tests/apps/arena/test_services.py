"""Arenas are made once, stopped, deleted, and end as what they are."""

from __future__ import annotations

from typing import Any

import pytest

from apps.arena import leases, services
from apps.arena.models import Arena, Event, Run
from engine import api
from tests.apps.arena.conftest import DOCUMENT, WORKER, Make, logged, play

pytestmark = pytest.mark.django_db


def state(arena: Arena) -> str:
    arena.refresh_from_db()
    return arena.state


def test_an_arena_has_a_run_for_each_strategy_and_seed_seed_by_seed(arena: Arena) -> None:
    runs = list(arena.runs.values_list("seed", "strategy"))
    names = ["random_search", "aging_evolution", "local_search"]
    assert runs == [(seed, name) for seed in (5, 6, 7) for name in names]
    assert arena.state == "queued" and logged(arena) == [(1, "arena_state")]


def test_the_same_key_gives_the_same_arena(person: Any) -> None:
    first, second = (services.create(person, DOCUMENT, "key") for _ in range(2))
    assert first.pk == second.pk and Arena.objects.count() == 1 and Run.objects.count() == 9


def test_one_person_cannot_fill_the_machine(make: Make, stranger: Any) -> None:
    made = [make() for _ in range(services.MOST_AT_ONCE)]
    with pytest.raises(api.Invalid, match="still going on"):
        make()
    services.create(stranger, DOCUMENT)
    services.stop(made[0], made[0].owner)
    make()


def test_it_runs_from_the_first_claim_to_the_last_result(arena: Arena) -> None:
    play(1)
    assert state(arena) == "running" and arena.started_at is not None
    play(7)
    assert state(arena) == "running" and arena.finished_at is None
    play(1)
    assert state(arena) == "finished" and arena.finished_at is not None
    assert [seq for seq, _ in logged(arena)] == list(range(1, 13)) and arena.next_seq == 13
    last = Event.objects.get(arena=arena, seq=11)
    assert last.data["ended"] == last.data["total"] == 9


def test_a_strategy_that_fails_leaves_the_others_in(arena: Arena) -> None:
    play(2)
    broken = leases.claim(WORKER)
    assert broken is not None and broken.order["strategy"]["name"] == "local_search"
    leases.fail(broken, "it divides by zero")
    assert arena.runs.filter(strategy="local_search", status="failed").count() == 3, "its other seeds are not tried"
    play(4)
    assert state(arena) == "finished"


def test_nothing_to_compare_is_a_failure_with_its_reason(arena: Arena) -> None:
    for name in ("aging_evolution", "local_search"):
        while (lease := leases.claim(WORKER)) is not None and lease.order["strategy"]["name"] != name:
            leases.finish(lease, {"incumbent": []}, 0.1)
        leases.fail(lease, f"{name} broke")
    play(2)
    assert state(arena) == "failed" and "No strategy could be played" in arena.reason


def test_without_random_search_nothing_is_compared(make: Make) -> None:
    arena = make(strategies=["aging_evolution"], seeds=2)
    lease = leases.claim(WORKER)
    leases.fail(lease, "no memory")
    play(2)
    assert state(arena) == "failed" and arena.reason == "Random search failed: no memory"


def test_stop_ends_it_and_nothing_more_is_claimed(arena: Arena) -> None:
    lease = leases.claim(WORKER)
    services.stop(arena, arena.owner)
    assert state(arena) == "stopped" and leases.claim(WORKER) is None and not leases.beat(lease)
    leases.finish(lease, {"incumbent": [0.1]}, 0.1)
    assert not arena.runs.filter(status__in=("done", "running")).exists() and logged(arena)[-1][1] == "arena_state"
    with pytest.raises(services.Ended, match="stopped already"):
        services.stop(arena, arena.owner)


def test_delete_takes_everything_with_it(arena: Arena) -> None:
    play(2)
    services.delete(arena, arena.owner)
    assert not Arena.objects.exists() and not Run.objects.exists() and not Event.objects.exists()
