"""Work that is cut at every step, each time as if in a fresh process, until it comes to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.estimation import shared
from engine.estimation.context import Interrupted


def to_the_end(work: Callable[[], Any]) -> tuple[Any, int]:
    """What it gives in the end, and how often it was cut. No supernet stays in memory from one piece to the next."""
    cuts = 0
    while True:
        shared._resident.clear()
        try:
            return work(), cuts
        except Interrupted:
            cuts += 1
