"""One supervised process: started in a session of its own, restarted with back-off, stopped with all it started."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from nasweb.up import log
from nasweb.up.commands import ROOT

FIRST_WAIT, LONGEST_WAIT, STEADY = 0.5, 10.0, 30.0
PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl if os.uname().sysname == "Linux" else None


def leash() -> None:
    """In the child, before exec: end when the supervisor is killed. (It must be started by the main thread.)"""
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """Call `watch` often, from the main thread."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], logs: Path) -> None:
        self.name, self.command, self.environment, self.logs = name, list(command), dict(environment), logs
        self.wait, self.due, self.started = FIRST_WAIT, 0.0, 0.0
        self.popen: subprocess.Popen[str] | None = None

    @property
    def alive(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    def start(self) -> None:
        self.started = time.monotonic()
        self.popen = subprocess.Popen(
            self.command, env=self.environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True, preexec_fn=leash)
        assert self.popen.stdout is not None
        log.follow(self.name, self.popen.stdout, self.logs)

    def watch(self) -> None:
        """Start again what died, later each time, soon again once it has run for a while."""
        now = time.monotonic()
        if self.alive:
            if now - self.started > STEADY:
                self.wait = FIRST_WAIT
        elif self.popen is None or (self.due and now >= self.due):
            self.due = 0.0
            self.start()
        elif not self.due:
            log.say(self.name, f"ended with status {self.popen.returncode}; starting again in {self.wait:g} s")
            self.due, self.wait = now + self.wait, min(2 * self.wait, LONGEST_WAIT)


def stop(processes: Sequence[Process], seconds: float) -> None:
    """Ask all politely at once; after `seconds` end what is left, grandchildren included."""
    running = [process for process in processes if process.alive]
    family = [member for process in running for member in _family(process)]
    for process in running:
        _signal(process.popen.pid, signal.SIGTERM)      # type: ignore[union-attr]
    deadline = time.monotonic() + seconds
    while any(process.alive for process in running) and time.monotonic() < deadline:
        time.sleep(0.05)
        family.extend(member for process in running for member in _family(process))
    for process in running:
        if process.alive:
            log.say(process.name, f"did not end within {seconds:g} s")
            process.popen.kill()                        # type: ignore[union-attr]
        process.popen.wait()                            # type: ignore[union-attr]
    psutil.wait_procs(set(family), timeout=0.5)
    for member in set(family):
        try:
            member.kill()                               # psutil checks the start time: never a stranger with the same number
        except psutil.Error:
            pass


def _family(process: Process) -> list[psutil.Process]:
    try:
        return psutil.Process(process.popen.pid).children(recursive=True)   # type: ignore[union-attr]
    except psutil.Error:
        return []


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
