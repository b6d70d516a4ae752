"""kill -9 of child, worker, web and Redis in mid-search: every trial is done once, to the bits of the unbroken run."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.journal import Journal
from tests.flows.test_make_up import Up, command, until
from tests.house.sources import ROOT

pytestmark = pytest.mark.slow

DOCUMENT = {"name": "Faults", "space": {"kind": "chain", "preset": "cpu"}, "dataset": {"name": "digits"},
            "strategy": {"name": "aging_evolution", "population": 3, "sample": 2}, "budget": {"trials": 8},
            "estimation": {"name": "scratch", "preset": "cpu", "epochs": 8}, "seed": 3}
CREATE = """
import json, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "nasweb.settings"
import django
django.setup()
from apps.accounts.services import owner
from apps.searches import services
print(services.create(owner(), json.loads(sys.argv[1]), "faults").pk)
"""


class Watched:
    """A search of a running nasweb, read straight from its database."""

    def __init__(self, up: Up) -> None:
        made = up.run("-c", CREATE, json.dumps(DOCUMENT))
        assert made.returncode == 0, made.stderr
        self.key = made.stdout.strip().splitlines()[-1].replace("-", "")
        self.path = up.home / "nasweb.sqlite3"

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.path, timeout=10)
        try:
            return connection.execute(query, {"key": self.key}).fetchall()
        finally:
            connection.close()

    def done(self) -> int:
        return int(self.ask("SELECT count(*) FROM searches_trial WHERE search_id = :key AND status = 'done'")[0][0])

    @property
    def state(self) -> str:
        return str(self.ask("SELECT state FROM searches_search WHERE id = :key")[0][0])


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    started = Up(tmp_path_factory.mktemp("faults") / "home", 18_600, NASWEB_DEMO="0")
    yield started
    if started.process.poll() is None:
        started.interrupt()


def kill(up: Up, words: str) -> None:
    """Kill -9 the first process of this kind; a child may be between two lives."""
    until(lambda: up.part(words) is not None, 40)
    victim = up.part(words)
    if victim is not None:
        assert words in command(victim)
        victim.kill()


def unbroken(folder: Path) -> dict[int, dict[str, Any]]:
    """The same document in the terminal's loop, nothing killed."""
    subprocess.run([sys.executable, "-m", "engine", "run", "-", "--workdir", str(folder), "--json"], cwd=ROOT, check=True,
                   input=json.dumps(DOCUMENT), text=True, capture_output=True, timeout=200)
    journal, _ = Journal.open(folder)
    return {number: outcome.document() for number, outcome in journal.outcomes.items()}


def test_a_search_survives_the_death_of_each_part(up: Up, tmp_path: Path) -> None:
    up.ready()
    watched = Watched(up)
    until(lambda: watched.done() >= 1, 240)
    for words in ("engine.child", "celery", "redis-server", "daphne"):
        kill(up, words)
        after = watched.done()
        until(lambda after=after: watched.done() > after or watched.state == "finished", 240)
        time.sleep(0.3)                             # into the middle of a training
    until(lambda: watched.state == "finished", 120)

    expected = unbroken(tmp_path / "run")
    rows = watched.ask("SELECT number, status, outcome FROM searches_trial WHERE search_id = :key ORDER BY number")
    assert [row[0] for row in rows] == sorted(expected) and {row[1] for row in rows} == {"done"}
    for number, _, outcome in rows:
        stored = json.loads(outcome)
        assert (stored["score"], stored["artifact"]) == (expected[number]["score"], expected[number]["artifact"])

    finished = watched.ask("SELECT trial, count(*) FROM searches_event WHERE search_id = :key"
                           " AND type = 'trial_finished' GROUP BY trial")
    assert dict(finished) == dict.fromkeys(expected, 1)
    seqs = [row[0] for row in watched.ask("SELECT seq FROM searches_event WHERE search_id = :key ORDER BY seq")]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    leases = watched.ask("SELECT count(*) FROM searches_trial WHERE search_id = :key AND lease_until IS NOT NULL")
    assert leases == [(0,)]
