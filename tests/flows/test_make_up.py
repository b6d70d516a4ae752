"""The supervisor with real processes: it comes up, keeps everything alive, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import psutil
import pytest

from nasweb.up import embedded
from tests.house.sources import ROOT

pytestmark = pytest.mark.slow
READY = 60.0


class Up:
    """One `python -m nasweb.up` on a data folder of its own."""

    def __init__(self, home: Path, port: int, **environment: str) -> None:
        self.home, self.log = home, home.with_suffix(".log")
        own = {"NASWEB_HOME": str(home), "NASWEB_PORT": str(port), "PYTHONUNBUFFERED": "1"}
        self.environment = {**os.environ, **own, **environment}
        for name in ("REDIS_URL", "DATABASE_URL", "DJANGO_SETTINGS_MODULE"):
            if name not in environment:
                self.environment.pop(name, None)
        self.start()

    def start(self) -> None:
        with self.log.open("w") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "nasweb.up"], cwd=ROOT, env=self.environment, stdout=log,
                                            stderr=subprocess.STDOUT, start_new_session=True)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True,
                              timeout=60)

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def ready(self) -> str:
        """The one-time link."""
        until(lambda: any(line.startswith("Ready:") for line in self.lines) or self.process.poll() is not None, READY)
        links = [line for line in self.lines if line.startswith("Ready:")]
        assert len(links) == 1, "\n".join(self.lines)
        return links[0].removeprefix("Ready:").strip()

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def part(self, words: str) -> psutil.Process | None:
        return next((each for each in self.family() if words in command(each)), None)

    def interrupt(self) -> float:
        """Ctrl-C; how long it took."""
        begun = time.monotonic()
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(25)
        return time.monotonic() - begun


def command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:                        # gone, or a zombie not yet collected
        return ""


def until(true: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def get(link: str, browser: urllib.request.OpenerDirector | None = None) -> tuple[int, str]:
    try:
        with (browser or urllib.request.build_opener()).open(link, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


@pytest.fixture
def busy() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def up(tmp_path: Path, busy: int) -> Iterator[Up]:
    started = Up(tmp_path / "home", busy)
    yield started
    if started.process.poll() is None:
        started.interrupt()


def test_comes_up_lets_in_once_heals_and_leaves_nothing(up: Up, busy: int) -> None:
    link = up.ready()
    port = int(link.split(":")[2].split("/")[0])
    assert port > busy
    assert f"up     | port {busy} is busy" in up.lines

    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    assert get(link, browser)[0] == 200
    assert get(link)[0] == 410                  # for anybody else
    assert get(up.run("manage.py", "sign_in_link").stdout.strip())[0] == 200

    for words in ("daphne", "celery", "redis-server"):
        victim = up.part(words)
        assert victim, words
        victim.kill()
        until(lambda words=words, pid=victim.pid: (found := up.part(words)) and found.pid != pid)
    until(lambda: get(f"http://127.0.0.1:{port}/healthz") == (200, '{"database": "ok", "redis": "ok"}'))
    assert get(f"http://127.0.0.1:{port}/", browser)[0] == 200      # still signed in

    family = up.family()
    assert up.interrupt() < 12
    until(lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in family), 5)
    assert up.process.returncode == 0
    assert not (up.home / "run" / "redis.url").exists()


def test_second_start_keeps_data_and_needs_the_first_to_end(up: Up) -> None:
    up.ready()
    second = up.run("-m", "nasweb.up")
    assert second.returncode == 1
    assert f"already runs on {up.home} (process {up.process.pid})" in second.stderr
    key = (up.home / "secret_key").read_text()
    down = up.run("-m", "nasweb.up", "down")
    assert down.stdout.strip() == "stopped"
    up.process.wait(5)
    assert up.run("-m", "nasweb.up", "down").stdout.strip() == "nothing runs here"
    up.start()
    up.ready()
    assert (up.home / "secret_key").read_text() == key


def test_killed_supervisor_takes_its_processes_along(up: Up) -> None:
    up.ready()
    family = up.family()
    assert len(family) >= 3
    up.process.kill()
    up.process.wait(5)
    until(lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in family), 25)
    announced = up.home / "run" / "redis.url"
    folder = Path(announced.read_text().removeprefix("unix://")).parent
    embedded.sweep(announced)                   # as the next start does
    assert not folder.exists()


def test_interrupt_while_starting_stops_at_once(tmp_path: Path) -> None:
    early = Up(tmp_path / "home", 18_000)
    until(lambda: (tmp_path / "home" / "run" / "redis.url").exists(), 20)
    family = early.family()
    assert early.interrupt() < 12
    assert not any(line.startswith("Ready:") for line in early.lines)
    until(lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in family), 5)


def test_unreachable_redis_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    lost = Up(tmp_path / "home", 18_000, REDIS_URL="redis://:hush@127.0.0.1:1/0")
    assert lost.process.wait(30) == 1
    text = "\n".join(lost.lines)
    assert "Redis at redis://…@127.0.0.1:1/0 cannot be used" in text
    assert "hush" not in text
