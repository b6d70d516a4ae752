"""The one source of the commands that run web and worker, under `make up` and in containers alike."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LARGEST_FRAME = 65_536          # the socket only goes down: what comes up is small or refused
SPARE_THREADS = 4               # beside one thread per slot: nudges that return at once


def manage(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *arguments]


def web(host: str, port: int) -> list[str]:
    return [sys.executable, "-m", "daphne", "-v", "0", "--no-server-name", "-b", host, "-p", str(port),
            "--ping-interval", "20", "--ping-timeout", "30", "--application-close-timeout", "3",
            "--websocket-max-message-size", str(LARGEST_FRAME), "--websocket-max-frame-size", str(LARGEST_FRAME),
            "nasweb.asgi:application"]


def worker() -> list[str]:
    threads = max(int(os.environ.get("NASWEB_SLOTS") or 0), os.cpu_count() or 1) + SPARE_THREADS
    return [sys.executable, "-m", "celery", "-A", "nasweb", "--quiet", "worker", "-Q", "advance,perform", "-n", "nasweb@%h",
            "--pool", "threads", "--concurrency", str(threads), "--without-gossip", "--without-mingle", "--loglevel", "INFO"]


def environment(role: str) -> dict[str, str]:
    """This process's environment, told what it is. SIGTERM lets the worker end its slices at a checkpoint."""
    return {**os.environ, "NASWEB_ROLE": role, "PYTHONUNBUFFERED": "1", "REMAP_SIGTERM": "SIGQUIT",
            "DJANGO_SETTINGS_MODULE": "nasweb.settings"}
