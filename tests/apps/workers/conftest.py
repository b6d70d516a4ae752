"""A worker process inside the test: threads and scripted children, short times."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from apps.searches import services
from apps.searches.models import Event, Search, Trial
from apps.workers import crew, reconciler, supervisor
from apps.workers import services as workers
from apps.workers.crew import Crew
from apps.workers.models import Slot
from engine import api

CHILD = Path(__file__).with_name("scripted_child.py")
Script = Callable[..., None]
Make = Callable[..., Search]


@pytest.fixture(autouse=True)
def scripted(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Children follow the script; by default every training goes well."""
    settings.NASWEB_CHILD_COMMAND = [sys.executable, str(CHILD)]
    settings.ARTIFACTS = tmp_path / "artifacts"
    path = tmp_path / "script.json"
    monkeypatch.setenv("SCRIPT", str(path))
    for module, name, value in ((supervisor, "GLANCE", 0.05), (supervisor, "BEAT", 0.3), (crew, "LOOK", 0.2),
                                (reconciler, "EVERY", 0.3)):
        monkeypatch.setattr(module, name, value)

    def write(**acts: list[str]) -> None:
        path.write_text(json.dumps({name.removeprefix("trial_"): act for name, act in acts.items()}))

    write()
    return write


@pytest.fixture
def person(transactional_db: None) -> Any:
    return get_user_model().objects.create_user("ada", password="a long pass phrase")


@pytest.fixture
def make(person: Any) -> Make:
    """A search of so many trials, and one final unless told otherwise."""

    def create(trials: int = 4, slots: int = 1, **more: Any) -> Search:
        document = {"version": 1, "name": "test", "space": {"kind": "nas_bench_201", "preset": "cpu"},
                    "strategy": {"name": "random_search"}, "dataset": {"name": "digits"}, "budget": {"trials": trials},
                    "execution": {"slots": slots}, "seed": 3, **more}
        return services.create(person, document)

    return create


@pytest.fixture
def worker(settings: Any, transactional_db: None) -> Iterator[Crew]:
    """A running worker process with two slots."""
    settings.SLOTS = 2
    crew.begin()
    here = crew.here()
    assert here is not None
    yield here
    crew.end()


@pytest.fixture
def slot(transactional_db: None) -> Slot:
    """A slot without anybody who serves it."""
    return workers.enrol(["cpu"], {})[0]


def run(search: Search) -> None:
    """What the nudge does that a web process sends."""
    here = crew.here()
    assert here is not None
    here.thinker.advance(search.pk)
    here.wake()


def until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def state(search: Search) -> str:
    search.refresh_from_db()
    return search.state


def trial(search: Search, number: int) -> Trial:
    return search.trials.get(number=number)


def types(search: Search, number: int | None = None) -> list[str]:
    rows = Event.objects.filter(search=search)
    return list((rows if number is None else rows.filter(trial=number)).order_by("seq").values_list("type", flat=True))


def proposed(search: Search, count: int = 1) -> list[Trial]:
    """Pending trials, as a step of the search would have made them."""
    claimed = services.claim(search.pk)
    assert claimed is not None
    work = [{"type": "candidate", "architecture": {"kind": "nas_bench_201", "genotype": drawn["genotype"]}, "hyper": {},
             "fidelity": {}, "weights": {"source": "scratch", "trial": None, "morphs": []}, "parents": [],
             "origin": {"how": "random"}, "trial": n, "final_of": None, "seed": 0}
            for n, drawn in enumerate(api.sample(search.document["space"], count, 0))]
    services.commit(claimed, {"work": work, "events": [], "state": None, "finished": False}, [])
    return list(search.trials.order_by("number"))


def consistent(search: Search) -> None:
    """What must hold after whatever happened: a gap-free log, every trial ended once, nothing leased."""
    seqs = list(Event.objects.filter(search=search).order_by("seq").values_list("seq", flat=True))
    search.refresh_from_db()
    assert seqs == list(range(1, search.next_seq))
    ended = search.trials.exclude(status__in=("pending", "running"))
    for row in ended:
        assert types(search, row.number).count("trial_finished") == 1
        assert row.lease_owner is None and row.lease_until is None
    assert not Slot.objects.exclude(trial=None).filter(trial__in=ended).exists()


