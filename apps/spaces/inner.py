"""The form of spaces that hold another space and training hyperparameters: fields of every kind that may stand inside."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from apps.spaces.fields import Field, said
from apps.spaces.library import saved_by
from engine import api

MOST = 100                                      # saved spaces that are offered
NUMBER = {"low": "The least value.", "high": "The largest value.", "mu": "Middle of the bell (of the logarithm: lognormal).",
          "sigma": "Width of the bell.", "step": "Values are multiples of this; empty: any."}
PRIORS = ["uniform", "log", "normal", "lognormal"]


@dataclass(frozen=True)
class InnerForms:
    """Templates for the page's script. `prefix` is that of the outer space's fields."""

    prefix: str
    user: Any

    @cached_property
    def kinds(self) -> list[dict[str, Any]]:
        """What may stand inside: every kind that holds no training decisions of its own."""
        return [space for space in api.spaces() if "hyper" not in space["offers"]]

    @property
    def kind(self) -> Field:
        names = [space["name"] for space in self.kinds]
        return self._field("architecture/kind", "choice", "Which kind of architectures is searched.", names)

    @property
    def fields(self) -> dict[str, list[Field]]:
        return {space["name"]: [Field(f"{self.prefix}.architecture/{row['name']}", row, said(row["default"], row["type"]))
                                for row in space["options"]] for space in self.kinds}

    @property
    def decision(self) -> list[Field]:
        """The fields of one hyperparameter, of all kinds; `__k__` stands for its number."""
        names = [row["name"] for row in api.training()]
        found = [("name", "choice", "An option of training.", names),
                 ("kind", "choice", "A range of numbers, or choices.", ["real", "integer", "categorical"]),
                 ("choices", "text", "With commas between.", []),
                 *((name, "real", NUMBER[name], []) for name in ("low", "high")),
                 ("prior", "choice", "How values are drawn.", PRIORS),
                 *((name, "real", NUMBER[name], []) for name in ("mu", "sigma", "step"))]
        return [self._field(f"hyper/__k__/{name}", kind, help, bounds) for name, kind, help, bounds in found]

    @property
    def condition(self) -> list[Field]:
        """The fields of one condition, for both tests; the script keeps the names of those that are there."""
        found = [("name", "choice", "The hyperparameter that it speaks of.", [row["name"] for row in api.training()]),
                 ("test", "choice", "What it asks of it.", ["among", "at_least"]),
                 ("among", "text", "Values with commas between.", []),
                 ("at_least", "real", "The least value.", [])]
        return [self._field(f"hyper/__k__/when/__i__/{name}", kind, help, bounds) for name, kind, help, bounds in found]

    def parts(self) -> dict[str, Any]:
        """What the script reads: declarations, saved spaces, what training has."""
        known = {space["name"] for space in self.kinds}
        mine = [space for space in saved_by(self.user)[:MOST] if space.kind in known]
        saved = [{"name": space.name, "document": space.document} for space in mine]
        return {"kinds": self.kinds, "saved": saved, "training": api.training()}

    def _field(self, name: str, kind: str, help: str, bounds: list[str]) -> Field:
        row = {"name": name.rsplit("/", 1)[-1], "type": kind, "help": help, "bounds": bounds, "allowed": "",
               "optional": False, "paper_value": None}
        return Field(f"{self.prefix}.{name}", row, [""])


def inner_forms(entry: Any, prefix: str, user: Any) -> InnerForms | None:
    """None for spaces that hold no other."""
    nested = any(row["type"] == "space" for row in entry["options"])
    return InnerForms(prefix, user) if nested else None
