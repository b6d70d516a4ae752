"""Arenas of a person that nobody plays unless a test does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from apps.arena import leases, services
from apps.arena.models import Arena

DOCUMENT = {"field": "landscape:L2", "strategies": ["aging_evolution", "local_search"], "seeds": 3, "first_seed": 5,
            "evaluations": 40}
WORKER = uuid4()
Make = Callable[..., Arena]


@pytest.fixture
def make(person: Any) -> Make:
    def create(**more: Any) -> Arena:
        return services.create(person, {**DOCUMENT, **more})

    return create


@pytest.fixture
def arena(make: Make) -> Arena:
    return make()


def track(regret: float, evaluations: int = 40) -> dict[str, Any]:
    """A run that knew its answer at once."""
    at = list(range(1, evaluations + 1))
    return {"evaluations": at, "incumbent": [regret] * evaluations, "recent": [2 * regret] * evaluations,
            "cost": [float(n) for n in at]}


def play(count: int = 1, regret: float | None = None, worker: UUID = WORKER) -> list[leases.Lease]:
    """Play the next runs by hand: random search does badly, the others better by the seed."""
    played = []
    for _ in range(count):
        lease = leases.claim(worker)
        assert lease is not None
        name, seed = lease.order["strategy"]["name"], lease.order["seed"]
        mine = {"random_search": 0.5, "aging_evolution": 0.1}.get(name, 0.2) + seed / 1000
        leases.finish(lease, track(mine if regret is None else regret), 0.25)
        played.append(lease)
    return played


def logged(arena: Arena) -> list[tuple[int, str]]:
    return list(arena.events.values_list("seq", "type"))
