"""Text as characters: one alphabet for all texts, the options they share, and the stretch that is kept for the test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.datasets.arrays import Codes, Text
from engine.errors import Unavailable
from engine.options import integer, real

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
ALPHABET = ("\t", "\n", *map(chr, range(32, 127)), UNKNOWN)      # printable ASCII, and one for whatever else there is
LENGTH = 32
TEST = 0.1                                      # the last part of a text
FEWEST = 1000                                   # characters
_PLACES = np.full(128, len(ALPHABET) - 1, np.uint8)
_PLACES[[ord(character) for character in ALPHABET[:-1]]] = range(len(ALPHABET) - 1)


@dataclass(frozen=True)
class Characters:
    """The options that all texts share."""

    characters: int = integer(200_000, low=FEWEST, high=50_000_000, log=True, help="How much of the text is read, at most.")
    length: int = integer(LENGTH, low=2, high=1000, help="Characters that a network reads between two steps (truncated "
                                                         "backpropagation through time); its state lives on.")
    validation: float = real(0.1, low=0.01, high=0.5, help="Last part of the training text, held out to score candidates.")
    train_limit: int | None = integer(None, low=100, high=50_000_000, optional=True,
                                      help="Use at most this many training characters; empty: all.")

    def reading(self, held: Mapping[str, Any]) -> tuple[tuple[int, ...], int]:
        """The shape of an input and the number of classes, of whatever text."""
        return (self.length,), len(ALPHABET)

    def learnt(self, held: Mapping[str, Any]) -> int:
        """How many characters with a next one networks learn from: of an upload that `inspect` told of, else at most."""
        read = min(self.characters, held.get("characters", self.characters))
        return learning(read - round(TEST * read), self.validation, self.train_limit) - 1

    def text(self, read: str) -> Text:
        """What was read, as data. Raises Unavailable if it is too short."""
        codes = encoded(read[:self.characters])
        if len(codes) < FEWEST:
            raise Unavailable(f"the text has {len(codes):,} characters; {FEWEST:,} are the fewest to learn from")
        border = len(codes) - round(TEST * len(codes))
        return Text(codes[:border], codes[border:], ALPHABET, self.length)


def learning(count: int, validation: float, limit: int | None) -> int:
    """How many characters of a text without its test are to learn from; the others are held out, or over the limit."""
    border = count - max(2, round(validation * count))
    return border if limit is None else min(border, limit)


def encoded(text: str) -> Codes:
    """Characters as their places in the alphabet."""
    points = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)
    codes: Codes = _PLACES[np.minimum(points, 127)]
    return codes
