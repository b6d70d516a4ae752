"""The supervisor's hold on a process: back again when it dies, later each time; gone with all its children when stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from nasweb.up import process as module
from nasweb.up.commands import ROOT
from nasweb.up.process import FIRST_WAIT, Process, stop

SLEEP = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
PARENT = f"""
import subprocess, sys, time
print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).pid, flush=True)
time.sleep(60)
"""


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def python(code: str, logs: Path) -> Process:
    made = Process("web", [sys.executable, "-c", code], os.environ, logs)
    made.start()
    return made


def log_of(logs: Path) -> str:
    path = logs / "web.log"
    return path.read_text() if path.exists() else ""


def test_what_dies_is_started_again_and_later_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    flaky = python("raise SystemExit(3)", tmp_path)
    waits = []
    for _ in range(7):
        assert flaky.popen
        flaky.popen.wait(10)
        flaky.watch()
        waits.append(round(flaky.due - clock[0], 3))
        before = flaky.popen
        flaky.watch()
        assert flaky.popen is before            # not before its time
        clock[0] = flaky.due
        flaky.watch()
        assert flaky.popen is not before
    assert waits == [0.5, 1, 2, 4, 8, 10, 10]
    flaky.popen.wait(10)


def test_a_long_life_is_forgiven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steady = python(SLEEP, tmp_path)
    steady.wait = 8.0
    steady.watch()
    assert steady.wait == 8.0
    monkeypatch.setattr(module, "STEADY", 0.0)
    time.sleep(0.01)
    steady.watch()
    assert steady.wait == FIRST_WAIT
    stop([steady], 5)


def test_output_is_prefixed_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = python("print('hello'); print('wörld')", tmp_path)
    assert spoken.popen
    spoken.popen.wait(10)
    until(lambda: "wörld" in log_of(tmp_path))
    assert "web    | hello\n" in capsys.readouterr().out


def test_stop_takes_grandchildren_along(tmp_path: Path) -> None:
    parent = python(PARENT, tmp_path)
    until(lambda: log_of(tmp_path).strip().isdigit())
    grandchild = psutil.Process(int(log_of(tmp_path)))
    stop([parent], 5)
    assert not parent.alive
    until(lambda: not grandchild.is_running())


def test_stop_does_not_wait_for_ever(tmp_path: Path) -> None:
    deaf = python(STUBBORN, tmp_path)
    until(lambda: "deaf" in log_of(tmp_path))
    stop([deaf], 0.5)
    assert deaf.popen is not None and deaf.popen.returncode == -9


def test_stopped_twice_or_dead_already_is_no_error(tmp_path: Path) -> None:
    gone = python("pass", tmp_path)
    assert gone.popen
    gone.popen.wait(10)
    stop([gone], 1)
    stop([gone], 1)


@pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals are Linux's")
def test_processes_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    code = (f"import os, sys, time; from pathlib import Path; from nasweb.up.process import Process; "
            f"p = Process('web', [sys.executable, '-c', {SLEEP!r}], os.environ, Path({str(tmp_path)!r})); p.start(); "
            f"print(p.popen.pid, flush=True); time.sleep(60)")
    supervisor = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout
    child = psutil.Process(int(supervisor.stdout.readline()))
    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.wait(10)
    supervisor.stdout.close()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
