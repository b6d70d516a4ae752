"""The form of a new arena: what was answered, what fits where, and each fault next to its field."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.arena import estimates
from apps.arena.document import BASELINE, LIMITS, NAMES, allowed, check
from apps.spaces.fields import LONGEST, Given, field_of, meant, sentence
from engine import api

DEFAULTS = {"field": ["landscape:L2"], "strategies": ["aging_evolution", "reinforce"]}
NUMBERS = {"seeds": (10, "Each strategy is played once with each seed; tests compare runs of equal seeds."),
           "first_seed": (0, "Same seeds, same curves."),
           "evaluations": (200, "Networks that each run may look up.")}

MEASURED = {"sample": (500, "Random networks of the table that are scored."),
            "epochs": (api.EPOCHS, "Of each supernet. Proxies need none."),
            "seed": (0, "Of the networks that are drawn, and of every training.")}
PROPOSED = ("random_sharing", "darts", "parameters", "synflow")


@dataclass(frozen=True)
class Choice:
    """A field or a strategy as the form shows it."""

    name: str
    title: str
    text: str
    taken: bool
    unfit: str = ""


class NewArena:
    """`given` holds the texts by field name."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.problems: list[tuple[str, str]] = []               # id of the place, sentence
        self.errors: dict[str, list[str]] = {"field": [], "strategies": []}
        self.checked: dict[str, Any] | None = None
        self.key = (given.get("key") or [""])[-1][:100] or uuid.uuid4().hex
        self.numbers = [field_of(name, _row(name, LIMITS[name], NUMBERS[name]), given) for name in LIMITS]
        self.known = api.arena_fields()

    @classmethod
    def blank(cls, asked: Mapping[str, str]) -> NewArena:
        """A new form; the address may fill it, as the page of an arena does that is to be played again."""
        given = {name: [text[:LONGEST]] for name, text in asked.items() if name in NAMES}
        if "strategies" in given:
            given["strategies"] = given["strategies"][0].split(",")
        return cls(DEFAULTS | given)

    def document(self) -> dict[str, Any]:
        own = {field.row["name"]: meant(field.row, field.texts) for field in self.numbers}
        return {"field": self.field, "strategies": self.given.get("strategies", []), **own}

    @property
    def field(self) -> str:
        return (self.given.get("field") or [""])[-1]

    @property
    def fields(self) -> list[Choice]:
        cards = {card["name"]: card for card in api.tables()}
        named = [(f"{row['kind']}:{row['name']}", row) for row in self.known]
        return [Choice(name, row["title"], _card(cards.get(row["name"])), name == self.field) for name, row in named]

    @property
    def strategies(self) -> list[Choice]:
        """Random search is not among them: it is always played."""
        taken, fits = self.given.get("strategies", []), self.fits.get(self.field, {})
        return [Choice(entry["name"], entry["title"], entry["summary"], entry["name"] in taken,
                       "" if fits.get(entry["name"], True) is True else str(fits[entry["name"]]))
                for entry in api.strategies() if entry["name"] != BASELINE]

    @property
    def fits(self) -> dict[str, dict[str, bool | str]]:
        """For each field and strategy: true, or why not. The page's script follows the choice with it."""
        return {f"{row['kind']}:{row['name']}": row["strategies"] for row in self.known}

    def valid(self) -> bool:
        try:
            self.checked = check(self.document())
        except api.Invalid as error:
            self.refuse(error)
        return self.checked is not None

    def refuse(self, error: api.Invalid) -> None:
        """Each fault to its place."""
        for problem in error.problems:
            name = problem.path.strip("/")
            number = next((field for field in self.numbers if field.row["name"] == name), None)
            if number is not None:
                self.problems.append((number.id, number.refuse(problem)))
            else:
                text = sentence(name.capitalize(), problem) if name else f"{problem.reason}; {problem.allowed}."
                self.errors.get(name, []).append(text)
                self.problems.append((f"f-{name}" if name else "", text))


class NewComparison:
    """Which estimators are measured anew on a table."""

    def __init__(self, table: str, given: Given) -> None:
        self.table, self.given = table, given
        self.problems: list[tuple[str, str]] = []
        self.checked: dict[str, Any] | None = None
        self.key = (given.get("key") or [""])[-1][:100] or uuid.uuid4().hex
        self.numbers = [field_of(name, _row(name, bounds, MEASURED[name]), given)
                        for name, bounds in estimates.LIMITS.items()]

    @property
    def choices(self) -> list[Choice]:
        taken = self.given.get("estimators", []) if self.given else PROPOSED
        return [Choice(row["name"], row["title"], row["says"], row["name"] in taken) for row in api.estimators()]

    def valid(self) -> bool:
        own = {field.row["name"]: meant(field.row, field.texts) for field in self.numbers}
        self.checked = {"table": self.table, "estimators": self.given.get("estimators", []), **own}
        try:
            estimates.check(self.checked)
        except api.Invalid as error:
            self.refuse(error)
        return not self.problems

    def refuse(self, error: api.Invalid) -> None:
        for problem in error.problems:
            name = problem.path.strip("/")
            number = next((field for field in self.numbers if field.row["name"] == name), None)
            text = number.refuse(problem) if number else sentence(name.capitalize(), problem)
            self.problems.append((number.id if number else f"f-{name}" if name else "", text))


def _row(name: str, bounds: tuple[int, int], about: tuple[int, str]) -> dict[str, Any]:
    default, text = about
    return {"name": name, "type": "integer", "default": default, "allowed": allowed(*bounds), "help": text,
            "paper_value": None, "bounds": list(bounds), "optional": False}


def _card(card: Mapping[str, Any] | None) -> str:
    """What a table holds by now; a landscape has its value everywhere."""
    if card is None:
        return "A function with a known optimum: every network can be evaluated."
    found, recipe = card["completeness"], card["recipe"]
    part = "" if found["share"] == 1 else " What is not measured yet counts as a failed evaluation."
    data = api.entry("datasets", recipe["dataset"]).title
    return (f"{data} at {recipe['side']}×{recipe['side']}: {found['share']:.1%} of {found['networks']:,} networks "
            f"× {recipe['seeds']} seeds measured, {found['strings_that_answer']:,} of {found['strings']:,} strings "
            f"answer.{part}")


