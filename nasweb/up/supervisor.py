"""`make up`: prepares the data folder, runs Redis, web and worker, says when one can come in, stops all on Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from nasweb.up import commands, embedded, log, ports
from nasweb.up.process import Process, leash, stop

PATIENCE = 120.0                # seconds until the web process must answer for the first time
GRACE = 8.0                     # seconds that web and worker get to end their slices


class Failed(Exception):
    """It cannot go on; the text is for the person at the terminal."""


class Supervisor:
    """Everything that `make up` starts. All processes are started by the main thread (see `leash`)."""

    def __init__(self, home: Path, instance: str, host: str, port: int) -> None:
        self.home, self.instance, self.host, self.wished = home, instance, host, port
        self.run_folder, self.logs = home / "run", home / "logs"
        self.asked_to_stop = threading.Event()
        self.processes: list[Process] = []
        self.redis: embedded.Choice | None = None
        for folder in (self.run_folder, self.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.asked_to_stop.set())
        lock = self._lock()
        try:
            self._bring_up()
            while not self.asked_to_stop.wait(0.2):
                self._watch()
            return 0
        except Failed as failure:
            log.say("up", str(failure))
            return 0 if self.asked_to_stop.is_set() else 1
        finally:
            self._bring_down()
            os.close(lock)

    def _lock(self) -> int:
        """One supervisor per data folder; the lock ends with the process, however it ends."""
        handle = os.open(self.run_folder / "up.pid", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"nasweb already runs on {self.home} (process {os.read(handle, 20).decode().strip()}); "
                             "`make down` stops it, NASWEB_HOME names another folder") from None
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        return handle

    def _bring_up(self) -> None:
        self._start_redis()
        self._command("migrate", "--noinput", "--verbosity", "0")
        port = self._port()
        web = self._start("web", commands.web(self.host, port))
        self._start("worker", commands.worker())
        if os.environ.get("NASWEB_DEMO", "1") != "0":
            self._command("seed_demo", "--if-empty")
        self._answering(web, port)
        (self.run_folder / "address").write_text(f"http://{self._visible_host()}:{port}")
        link = self._command("sign_in_link", quiet=True)
        log.say("up", f"data in {self.home}; Ctrl-C stops everything")
        log.say("up", "the link below signs you in, once (`make link` prints another)")
        log.shout(f"Ready: {link}")

    def _start_redis(self) -> None:
        embedded.sweep(self.run_folder / "redis.url")
        try:
            self.redis = embedded.choose(os.environ.get("REDIS_URL", "").strip(), self.instance)
        except embedded.Unusable as error:
            raise Failed(str(error)) from None
        log.say("redis", self.redis.notice)
        if self.redis.command:
            self._start("redis", list(self.redis.command))
            if not embedded.wait(self.redis.url):
                raise Failed("the embedded Redis did not start; set REDIS_URL to one that runs")
        os.environ["REDIS_URL"] = self.redis.url
        announced = self.run_folder / "redis.url"               # single commands beside us find it here
        announced.touch(mode=0o600)
        announced.write_text(self.redis.url)

    def _port(self) -> int:
        try:
            port, busy = ports.take(self.host, self.wished)
        except OSError as error:
            raise Failed(str(error)) from None
        for taken in busy:
            log.say("up", f"port {taken} is busy")
        if busy:
            log.say("up", f"taking port {port} (NASWEB_PORT chooses another)")
        return port

    def _visible_host(self) -> str:
        if self.host in ("0.0.0.0", "::", "127.0.0.1"):     # noqa: S104 - compared, not bound
            return "127.0.0.1"
        return f"[{self.host}]" if ":" in self.host else self.host

    def _start(self, name: str, command: list[str]) -> Process:
        process = Process(name, command, commands.environment(name), self.logs)
        process.start()
        self.processes.append(process)
        return process

    def _watch(self) -> None:
        for process in self.processes:
            process.watch()

    def _command(self, *arguments: str, quiet: bool = False) -> str:
        """One of Django's commands, to its end; its last line. Ctrl-C ends it too."""
        lines: list[str] = []
        popen = subprocess.Popen(
            commands.manage(*arguments), env=commands.environment("command"), cwd=commands.ROOT, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=None if quiet else subprocess.STDOUT,
            start_new_session=True, preexec_fn=leash)
        assert popen.stdout is not None
        if quiet:
            reader = threading.Thread(target=lambda: lines.extend(popen.stdout), daemon=True)     # type: ignore[arg-type]
            reader.start()
        else:
            reader = log.follow("up", popen.stdout, self.logs, lines.append)
        while popen.poll() is None:
            if self.asked_to_stop.wait(0.05):
                popen.terminate()
                popen.wait(5)
                raise Failed("stopped")
            self._watch()
        reader.join(5)
        if popen.returncode:
            raise Failed(f"`manage.py {arguments[0]}` failed with status {popen.returncode}")
        return lines[-1].strip() if lines else ""

    def _answering(self, web: Process, port: int) -> None:
        url = f"http://{self._visible_host()}:{port}/healthz"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.asked_to_stop.wait(0.1):
                raise Failed("stopped")
            self._watch()
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (OSError, urllib.error.URLError):
                continue
        raise Failed(f"the web process did not answer within {PATIENCE:g} s; see {self.logs / 'web.log'}")

    def _bring_down(self) -> None:
        log.say("up", "stopping")
        first = [process for process in self.processes if process.name != "redis"]
        stop(first, GRACE)
        stop([process for process in self.processes if process.name == "redis"], 2)
        for name in ("redis.url", "address"):
            (self.run_folder / name).unlink(missing_ok=True)
        if self.redis and self.redis.folder:
            shutil.rmtree(self.redis.folder, ignore_errors=True)
        log.say("up", "stopped")
