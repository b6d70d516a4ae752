"""Where in a JSON text something stands, as a JSON pointer: for faults that the text has before it is data (RFC 6901)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

OPEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[][{}]', re.DOTALL)
PIECE = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[][{},:]|[^][{},:"\s]+', re.DOTALL)
LONGEST = 80                                    # characters of a key that are told
Steps = list[str | int | None]                  # of each open array the index, of each open object the key once it is known


def pointer(text: str, end: int) -> str:
    """Of what is open, or next, before this character."""
    found = ""
    for start, _, steps in _walk(text):
        if start >= end:
            break
        found = _said(steps)
    return found


def literal(text: str, wanted: str) -> str:
    """Of the first value that is written so: NaN, 1e999."""
    return next((_said(steps) for _, piece, steps in _walk(text) if piece == wanted), "")


def repeated(text: str, key: str) -> str:
    """Of the first key of this name that its object has already."""
    seen: set[str] = set()
    before: Steps = []
    for _, piece, steps in _walk(text):
        named = piece.startswith('"') and steps and steps[-1] == key and before[-1:] == [None] and len(before) == len(steps)
        before = steps.copy()
        if named and (place := _said(steps)) in seen:
            return place
        if named:
            seen.add(_said(steps))
    return ""


def deeper(text: str, most: int) -> str | None:
    """Of the first array or object below `most` others; None where there is none."""
    depth = 0
    for match in OPEN.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        if depth > most:
            return pointer(text, match.start())
    return None


def _walk(text: str) -> Iterator[tuple[int, str, Steps]]:
    """Every piece with its place: where it begins, what it is, and the steps that lead to it (one list that changes)."""
    steps: Steps = []
    for match in PIECE.finditer(text):
        piece = match[0]
        if piece in "]}" and steps:
            steps.pop()
        elif piece == "," and steps:
            steps[-1] = steps[-1] + 1 if isinstance(steps[-1], int) else None
        elif piece.startswith('"') and steps and steps[-1] is None:
            steps[-1] = _key(piece)
        elif piece in "[{":
            steps.append(0 if piece == "[" else None)
        yield match.start(), piece, steps


def _key(piece: str) -> str:
    try:
        return str(json.loads(piece, strict=False))
    except json.JSONDecodeError:                # the text ends, or is broken, within it
        return piece.strip('"')


def _said(steps: Steps) -> str:
    return "".join("/" + str(step)[:LONGEST].replace("~", "~0").replace("/", "~1") for step in steps if step is not None)
