"""The promise on real data: thirty random chains on the handwritten digits find a good network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SPEC = {"space": {"kind": "chain", "preset": "cpu"}, "strategy": {"name": "random_search"}, "dataset": {"name": "digits"},
        "estimation": {"name": "scratch", "preset": "cpu"}, "budget": {"trials": 30}, "seed": 0}


@pytest.mark.slow
def test_random_search_of_thirty_chains_reaches_97_percent(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "engine", "run", "-", "--workdir", str(tmp_path / "run"), "--json"],
                          input=json.dumps(SPEC), capture_output=True, text=True, check=True)
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["best"]["score"] >= 0.97
    assert len(last["finals"]) == 1 and last["finals"][0]["test"] > 0.9
