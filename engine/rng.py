"""Random streams by purpose and number, all from the one seed of a document."""

from __future__ import annotations

import hashlib
import random


def stream_seed(seed: int, purpose: str, *numbers: int) -> int:
    """A 63-bit seed that depends on nothing but its arguments (not on what ran before)."""
    text = ":".join([str(seed), purpose, *map(str, numbers)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stream(seed: int, purpose: str, *numbers: int) -> random.Random:
    """The stream for one purpose, e.g. `stream(0, "trial", 17)`."""
    return random.Random(stream_seed(seed, purpose, *numbers))
