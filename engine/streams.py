"""Streams of a text, read side by side: shared weights that are normalised over a batch need more than one."""

from __future__ import annotations

from itertools import count
from typing import Any

from engine.errors import Problem

FEWEST = 2                                      # streams over which a batch norm can be taken


def portions(characters: int, share: float) -> tuple[int, int]:
    """How many examples the shared weights learn from, and by how many (this share of all) architectures are chosen."""
    held = min(characters - 2, max(2, round(share * characters)))
    return characters - held, held


def too_short(space: Any, characters: int, length: int, share: float) -> Problem | None:
    """Why the shared weights of a space cannot be trained on so many characters of a text, or None."""
    if not getattr(space, "search_norm", False) or (least := min(portions(characters, share))) >= FEWEST * length:
        return None
    if (longest := least // FEWEST) < 2:
        reason = f"leaves one part of {characters:,} characters with {least}, but a batch norm needs {FEWEST} streams"
        return Problem("/estimation/arch_share", reason, "closer to 0.5")
    enough = next(n for n in count(FEWEST * length) if min(portions(n, share)) >= FEWEST * length)
    reason = (f"is too long for {characters:,} characters to learn from: the smaller part of them (for the weights, for the "
              f"architectures) has {least:,}, and the batch norm between shared weights needs {FEWEST} streams side by side")
    return Problem("/dataset/length", reason, f"2 to {longest:,}, or {enough:,} characters to learn from, or no search_norm")
