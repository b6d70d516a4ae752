"""What the engine says when something given to it is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One fault in a document: where (a JSON pointer), why, and what would be right."""

    path: str
    reason: str
    allowed: str = ""

    def document(self) -> dict[str, str]:
        return {"path": self.path, "reason": self.reason, "allowed": self.allowed}

    def under(self, prefix: str) -> Problem:
        return replace(self, path=prefix + self.path)


class Invalid(ValueError):
    """Input that cannot be accepted; carries every problem found, the first one speaks for it."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{p.path or '/'}: {p.reason}" for p in problems))

    def document(self) -> dict[str, Any]:
        """The one-line form that the terminal prints."""
        return {"error": self.problems[0].document()}


class Exhausted(RuntimeError):
    """A finite space has no architecture left to offer."""


class Unavailable(RuntimeError):
    """Something outside is missing (a dataset while offline, a device): the text says what to do."""


class NonFinite(ArithmeticError):
    """A loss or score became NaN or infinite; the trial fails at once."""


class Unscored(ArithmeticError):
    """A proxy that means nothing for this network, or came out as no number: the text says why."""


class Untrained(RuntimeError):
    """Shared weights that scores were wanted of could not be trained: the text says why."""


class Damaged(RuntimeError):
    """A stored artifact does not have the size or hash that was recorded for it."""


def fail(path: str, reason: str, allowed: str = "") -> Invalid:
    return Invalid(Problem(path, reason, allowed))
