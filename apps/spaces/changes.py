"""What differs between two documents, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ABSENT = object()


@dataclass(frozen=True)
class Change:
    """One field: its place in words, what it was and is; of lists what went and what came."""

    path: tuple[str, ...]
    before: Any
    after: Any
    removed: tuple[Any, ...] = ()
    added: tuple[Any, ...] = ()

    @property
    def place(self) -> str:
        return " › ".join(step.replace("_", " ") for step in self.path).capitalize()

    @property
    def is_list(self) -> bool:
        return isinstance(self.before, list) and isinstance(self.after, list)

    @property
    def reordered(self) -> bool:
        return self.is_list and not self.removed and not self.added


def changes(before: Any, after: Any, path: tuple[str, ...] = ()) -> Iterator[Change]:
    """In the order of the newer document, what is gone last."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in (*after, *(key for key in before if key not in after)):
            yield from changes(before.get(key, ABSENT), after.get(key, ABSENT), (*path, str(key)))
    elif isinstance(before, list) and isinstance(after, list):
        if before != after:
            yield Change(path, before, after, tuple(e for e in before if e not in after),
                         tuple(e for e in after if e not in before))
    elif before != after or type(before) is not type(after):
        yield Change(path, None if before is ABSENT else before, None if after is ABSENT else after)
