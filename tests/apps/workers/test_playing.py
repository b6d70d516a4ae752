"""The player: real runs in a child, stored one by one; whatever happens to the child or the worker, the arena goes on."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from apps.arena import leases, services
from apps.arena.models import Arena, Run
from apps.workers import playing, reconciler, tasks
from apps.workers import services as workers
from apps.workers.crew import Crew
from apps.workers.models import Turn
from apps.workers.playing import Player
from engine import api
from tests.apps.workers.conftest import until

pytestmark = pytest.mark.django_db(transaction=True)
DOCUMENT = {"field": "landscape:L2", "strategies": ["aging_evolution"], "seeds": 2, "first_seed": 0, "evaluations": 30}


@pytest.fixture
def arena(person: Any) -> Arena:
    return services.create(person, DOCUMENT)


@pytest.fixture
def player(transactional_db: None) -> Iterator[Player]:
    made = Player(uuid4(), threading.Event())
    yield made
    made.nursery.close()


def done(arena: Arena) -> list[int]:
    return list(arena.runs.filter(status="done").values_list("number", flat=True))


def test_what_is_stored_is_the_engines_own_run(player: Player, arena: Arena) -> None:
    assert player.play_next() and done(arena) == [0]
    run = Run.objects.get(arena=arena, number=0)
    assert run.track == api.arena_run(None, "L2", {"name": "random_search"}, 0, 30) and run.seconds > 0


def test_a_worker_plays_an_arena_to_its_end(worker: Crew, arena: Arena) -> None:
    tasks.play(str(arena.pk))
    until(lambda: Arena.objects.get(pk=arena.pk).state == "finished")
    assert done(arena) == [0, 1, 2, 3]


def test_a_killed_child_costs_one_run_which_is_played_again(player: Player, arena: Arena,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    player.play_next()
    child = player.nursery.warm()
    order = child.order

    def killed(*args: Any, **parts: Any) -> str:
        os.kill(child.process.pid, signal.SIGSTOP)
        name = order(*args, **parts)
        os.kill(child.process.pid, signal.SIGKILL)
        return name

    monkeypatch.setattr(child, "order", killed)
    player.play_next()
    lost = Run.objects.get(arena=arena, number=1)
    assert (lost.status, lost.attempt) == ("pending", 1)
    while player.play_next():
        pass
    assert done(arena) == [0, 1, 2, 3] and Arena.objects.get().state == "finished"


def test_a_killed_worker_loses_only_the_run_it_held(player: Player, arena: Arena) -> None:
    """Another worker goes on; what was stored is not played again."""
    player.play_next()
    before = Run.objects.get(arena=arena, number=0)
    gone = workers.enrol(["cpu"], {})[0].worker_id
    assert leases.claim(gone) is not None
    workers.Worker.objects.filter(pk=gone).update(pid=2**22 + 1)
    Turn.objects.all().delete()
    reconciler.reconcile(lambda search_id: None)
    assert Run.objects.get(arena=arena, number=1).attempt == 1
    while player.play_next():
        pass
    assert Arena.objects.get().state == "finished" and Run.objects.get(pk=before.pk).lease_token == before.lease_token


def test_a_strategy_that_cannot_be_played_is_told(player: Player, arena: Arena) -> None:
    Run.objects.filter(strategy="aging_evolution").update(strategy="magic")
    while player.play_next():
        pass
    assert {run.error.split("'")[0] for run in Run.objects.filter(strategy="magic", seed=0)} == {"/strategies: "}


def test_a_run_that_takes_too_long_fails(player: Player, arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(playing.LONGEST, "play", -1.0)
    monkeypatch.setattr(playing, "BEAT", 0.01)
    os.kill(player.nursery.warm().process.pid, signal.SIGSTOP)
    player.play_next()
    assert "takes longer than" in Run.objects.get(arena=arena, number=0).error


def test_an_estimator_is_measured_by_a_child_and_its_progress_is_in_the_log(player: Player, person: Any,
                                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    """What the child says is the engine's; here it is a child's words, for its images may not be there."""
    asked = services.create(person, {"table": "fashion", "estimators": ["spos"], "sample": 20, "epochs": 2, "seed": 0})
    orders: list[tuple[str, Any]] = []

    class Words:
        def order(self, op: str, **parts: Any) -> str:
            orders.append((op, parts["estimators"]))
            return "o"

        def hear(self, order: str, patience: float) -> Iterator[Any]:
            yield {"progress": {"stage": "epochs", "done": 1, "total": 2}}
            yield {"result": {"kind": "played", "track": {"estimators": []}}}

    monkeypatch.setattr(player.nursery, "warm", Words)
    assert player.play_next() and orders == [("correlate", ["spos"])]
    told = list(asked.events.values_list("type", "data"))
    assert ("run_progress", {"strategy": "spos", "stage": "epochs", "done": 1, "total": 2}) in told
    assert Run.objects.get(arena=asked).track == {"estimators": []} and Arena.objects.get().state == "finished"


@pytest.mark.parametrize("how", ["stopped", "closing"])
def test_a_run_that_is_no_longer_wanted_is_dropped(player: Player, arena: Arena, how: str,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "BEAT", 0.01)
    child = player.nursery.warm()
    os.kill(child.process.pid, signal.SIGSTOP)
    beat = leases.beat

    def ended(lease: leases.Lease) -> bool:
        services.stop(arena, arena.owner)
        return beat(lease)

    if how == "stopped":
        monkeypatch.setattr(leases, "beat", ended)
    else:
        player.closing.set()
    player.play_next()
    run = Run.objects.get(arena=arena, number=0)
    assert (run.status, run.attempt) == ("pending", 0) and not child.alive


def test_one_run_that_breaks_does_not_end_the_player(worker: Crew, arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    real, faults = leases.claim, [RuntimeError("the database is away")]

    def claim(worker_id: Any) -> Any:
        if faults:
            raise faults.pop()
        return real(worker_id)

    monkeypatch.setattr(leases, "claim", claim)
    tasks.play(str(arena.pk))
    until(lambda: Arena.objects.get(pk=arena.pk).state == "finished")
