"""The cursor: the last `seq` a page has seen, as it stands in a URL."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

LARGEST = 2**63 - 1
DIGITS = re.compile(r"[0-9]{1,19}")


def parse(text: str | None) -> int | None:
    """A whole number from 0 to 2^63 - 1; None for everything else. Nothing given means from the start."""
    if text is None:
        return 0
    if not DIGITS.fullmatch(text):
        return None
    value = int(text)
    return value if value <= LARGEST else None


def from_query(query: bytes, name: str) -> int | None:
    """The cursor of a socket's query string."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=None)
    values = [value for key, value in pairs if key == name]
    return parse(values[-1] if values else None)
