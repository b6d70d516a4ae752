"""Readable logs: every line says who speaks; each speaker also keeps a file."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

WIDTH = 6
LARGEST = 5 * 1024 * 1024
COLOURS = {"up": "1", "redis": "35", "web": "36", "worker": "32"}
_lock = threading.Lock()


def say(speaker: str, line: str) -> None:
    name = f"{speaker:{WIDTH}}"
    if sys.stdout.isatty():
        name = f"\033[{COLOURS.get(speaker, '33')}m{name}\033[0m"
    shout(f"{name} | {line}")


def shout(line: str) -> None:
    """A line without a prefix. A terminal that went away must not take the searches with it."""
    try:
        with _lock:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    except (OSError, ValueError):
        pass


def follow(speaker: str, stream: IO[str], folder: Path, seen: Callable[[str], None] | None = None) -> threading.Thread:
    """Copies a process's output, line by line, until it ends."""
    path = folder / f"{speaker}.log"
    thread = threading.Thread(target=_copy, args=(speaker, stream, path, seen), name=f"log-{speaker}", daemon=True)
    thread.start()
    return thread


def _copy(speaker: str, stream: IO[str], path: Path, seen: Callable[[str], None] | None) -> None:
    if path.exists() and path.stat().st_size > LARGEST:
        path.replace(path.with_suffix(".log.1"))
    with stream, path.open("a", buffering=1, errors="replace") as file:
        for line in stream:
            line = line.rstrip()
            if line:
                file.write(line + "\n")
                say(speaker, line)
                if seen:
                    seen(line)
