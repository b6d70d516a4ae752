"""Checkpoints that survive kill -9 and notice damage: the only place that loads what torch has saved.

A file's name is its manifest: step, size and SHA-256 of its bytes. So one rename publishes bytes and manifest
together, and there is no moment in which one exists without the other.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.errors import Damaged

FORMAT = 1
KEEP = 2                                        # the newest, and the one before in case the newest is damaged
NAME = re.compile(r"step-(\d{12})-(\d+)-([0-9a-f]{64})\.pt")


@dataclass(frozen=True)
class Saved:
    """A checkpoint on disk, as its name tells it."""

    path: Path
    step: int
    size: int
    sha256: str


class Checkpoints:
    """The checkpoints of one training, in a folder of its own. The state is a plain dict of tensors and JSON values."""

    def __init__(self, folder: Path, rejected: Callable[[str, str], None] = lambda name, reason: None) -> None:
        self.folder, self.rejected = folder, rejected

    def save(self, state: dict[str, Any], step: int) -> Saved:
        """Write, publish, and let all but the newest go. Raises OSError where the disk is full."""
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, **state}, buffer)
        content = buffer.getvalue()
        sha256 = hashlib.sha256(content).hexdigest()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        saved = Saved(self.folder / f"step-{step:012d}-{len(content)}-{sha256}.pt", step, len(content), sha256)
        write(saved.path, content)
        for old in self.all()[KEEP:]:
            old.path.unlink(missing_ok=True)
        for leftover in self.folder.glob("*.tmp"):
            leftover.unlink(missing_ok=True)
        return saved

    def all(self) -> list[Saved]:
        """Newest first."""
        found = []
        for path in self.folder.glob("step-*.pt"):
            if match := NAME.fullmatch(path.name):
                found.append(Saved(path, int(match[1]), int(match[2]), match[3]))
        return sorted(found, key=lambda saved: saved.step, reverse=True)

    def latest(self, device: str = "cpu") -> dict[str, Any] | None:
        """The newest sound state, or None. A damaged file is reported and removed, and the one before is taken."""
        for saved in self.all():
            try:
                return load(saved, device)
            except Damaged as error:
                self.rejected(saved.path.name, str(error))
                saved.path.unlink(missing_ok=True)
        return None


def load(saved: Saved, device: str = "cpu") -> dict[str, Any]:
    """Raises Damaged if the bytes are not those that were saved."""
    content = saved.path.read_bytes()
    if len(content) != saved.size:
        raise Damaged(f"{saved.path.name} has {len(content)} bytes instead of {saved.size}")
    if hashlib.sha256(content).hexdigest() != saved.sha256:
        raise Damaged(f"{saved.path.name} does not have the recorded hash")
    state: dict[str, Any] = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    if state.pop("format", None) != FORMAT:
        raise Damaged(f"{saved.path.name} has another format than {FORMAT}")
    return state


def write(path: Path, content: bytes) -> str:
    """Replace a file so that a reader, or a crash, sees the old bytes or the new ones. Gives their SHA-256."""
    temporary = path.with_name(f"{path.name[:200]}.{os.getpid()}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return hashlib.sha256(content).hexdigest()
