"""The New search form, made from the engine's declarations: fields, presets, and texts back into one document."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine import api

INTEGER = re.compile(r"[+-]?[0-9]{1,17}")               # ASCII only; whatever else stays text, for the engine to refuse
REAL = re.compile(r"[+-]?([0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})([eE][+-]?[0-9]{1,4})?")
LONGEST = 300                                           # characters of a wrong answer that are shown again
TAGS = {"dataset": "name", "space": "kind", "strategy": "name", "estimation": "name"}
FIRST = {"dataset": "digits", "space": "chain", "strategy": "random_search", "estimation": "scratch"}
HEADS = {"name": {"name": "name", "type": "text", "default": "", "allowed": "up to 200 characters", "optional": True,
                  "help": "What the list of searches calls it. Empty: untitled.", "paper_value": None, "bounds": []},
         "seed": {"name": "seed", "type": "integer", "default": 0, "allowed": "a whole number from 0 to 2^53",
                  "help": "Same seed, same search.", "paper_value": None, "bounds": [0, 2**53], "optional": False}}

Given = Mapping[str, list[str]]


def said(value: Any) -> list[str]:
    """A value as the texts that a form holds for it."""
    if isinstance(value, (list, tuple)):
        return ["", *map(str, value)]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return ["" if value is None else str(value)]


def meant(row: Mapping[str, Any], texts: list[str]) -> Any:
    """The value that texts stand for; what cannot be read stays text."""
    choices = {str(choice): choice for choice in row["bounds"]}
    if row["type"] == "subset":
        return [choices.get(text, text) for text in texts if text]
    text = texts[-1].strip() if texts else ""
    if row["type"] == "text":
        return text
    if not text:
        return None
    if row["type"] == "flag":
        return {"true": True, "false": False}.get(text, text)
    if row["type"] == "choice":
        return choices.get(text, text)
    if INTEGER.fullmatch(text) and row["type"] == "integer":
        return int(text)
    return float(text) if row["type"] == "real" and REAL.fullmatch(text) else text


@dataclass
class Field:
    """One option as the page shows it."""

    name: str
    row: Mapping[str, Any]
    texts: list[str]
    errors: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return "f-" + self.name.replace(".", "-")

    @property
    def text(self) -> str:
        return self.texts[-1][:LONGEST] if self.texts else ""

    @property
    def choices(self) -> list[dict[str, Any]]:
        """Each choice with its text and whether it is taken."""
        offered = [True, False] if self.row["type"] == "flag" else self.row["bounds"]
        return [{"text": said(each)[-1], "taken": said(each)[-1] in self.texts} for each in offered]

    @property
    def typed(self) -> str:
        """How the page's script turns its texts into JSON."""
        chosen = self.row["type"] in ("choice", "subset")
        return "numbers" if chosen and all(isinstance(each, (int, float)) for each in self.row["bounds"]) else "words"


@dataclass
class Kind:
    """One dataset, space, strategy or estimation with its fields."""

    group: str
    entry: Mapping[str, Any]
    fields: list[Field]
    chosen: bool
    unfit: str | None = None

    @property
    def presets(self) -> list[str]:
        return list(self.entry["presets"])


class NewSearch:
    """The form. `given` holds the texts by field name; what is left out takes its declared default."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.problems: list[tuple[Field | None, str]] = []
        self.checked: dict[str, Any] | None = None
        self.key = self._key()
        self.chosen = {group: self._one(group, default) for group, default in FIRST.items()}
        listed = {"dataset": api.datasets, "space": api.spaces, "strategy": api.strategies, "estimation": api.estimations}
        self.groups = {group: self._kinds(group, sorted(entries(), key=_later)) for group, entries in listed.items()}
        self.parts = {part: self._fields(part, rows) for part, rows in api.parts().items()}
        self.heads = {name: self._field(name, row) for name, row in HEADS.items()}
        self._mark_unfit()

    @classmethod
    def blank(cls, asked: Mapping[str, str]) -> NewSearch:
        """A new form with every kind's values for a CPU; `asked` (the address) may choose kinds and the name."""
        form = cls({name: [text[:LONGEST]] for name, text in asked.items() if name in (*FIRST, "name")})
        return form.filled(*[f"{kind.group}.{kind.entry['name']}.cpu" for kind in form.kinds()])

    def filled(self, *wanted: str) -> NewSearch:
        """The same form with presets put in, each named group.kind.preset."""
        given = dict(self.given)
        for name, texts in self.presets.items():
            given |= texts if name in wanted else {}
        return NewSearch(given)

    def kinds(self) -> Iterator[Kind]:
        for group in self.groups.values():
            yield from group

    def fields(self) -> Iterator[Field]:
        yield from self.heads.values()
        for kind in self.kinds():
            yield from kind.fields
        for part in self.parts.values():
            yield from part

    def document(self) -> dict[str, Any]:
        """The document that the form stands for, not checked."""
        built: dict[str, Any] = {"version": 1, "name": meant(HEADS["name"], self.heads["name"].texts)}
        for group, tag in TAGS.items():
            kind = next((kind for kind in self.groups[group] if kind.chosen), None)
            built[group] = {tag: self.chosen[group], **(self._values(kind.fields) if kind else {})}
        built |= {part: self._values(fields) for part, fields in self.parts.items()}
        return built | {"seed": meant(HEADS["seed"], self.heads["seed"].texts)}

    @property
    def preview(self) -> str:
        """The document as a person reads it."""
        return json.dumps(self.checked or self.document(), indent=2)

    @property
    def presets(self) -> dict[str, dict[str, list[str]]]:
        """What each preset button puts into which field: the page's script does it without the server."""
        return {f"{kind.group}.{kind.entry['name']}.{preset}": self._texts(kind, values)
                for kind in self.kinds() for preset, values in kind.entry["presets"].items()}

    @staticmethod
    def _texts(kind: Kind, values: Mapping[str, Any]) -> dict[str, list[str]]:
        return {one.name: said(values.get(one.row["name"], one.row["default"])) for one in kind.fields}

    def valid(self) -> bool:
        """Whether the engine accepts it; if not, every fault stands next to its field and in `problems`."""
        try:
            self.checked = api.parse(self.document()).document()
        except api.Invalid as error:
            for problem in error.problems:
                self._refuse(problem)
        return self.checked is not None

    def _refuse(self, problem: api.Problem) -> None:
        found = self._at(problem.path)
        name = found.row["name"].replace("_", " ").capitalize() if found else problem.path
        sentence = _sentence(name, problem).replace(" or null", ", or empty")
        if found:
            found.errors.append(sentence)
        self.problems.append((found, sentence))

    def _at(self, path: str) -> Field | None:
        """The field that a JSON pointer means; for a whole part, its first field."""
        head, *rest = path.strip("/").split("/")
        inside = [head, self.chosen[head], *rest] if head in TAGS else [head, *rest]
        name = ".".join(inside)
        fields = list(self.fields())
        first = next((one for one in fields if one.name.startswith(name + ".")), None)
        return next((one for one in fields if one.name == name), first)

    def _mark_unfit(self) -> None:
        table = api.compatible()
        for kind in self.groups["strategy"]:
            verdict = table[kind.entry["name"]].get(self.chosen["space"], True)
            kind.unfit = None if verdict is True else str(verdict)

    def _kinds(self, group: str, entries: list[dict[str, Any]]) -> list[Kind]:
        return [Kind(group, entry, self._fields(f"{group}.{entry['name']}", entry["options"]),
                     entry["name"] == self.chosen[group]) for entry in entries]

    def _fields(self, prefix: str, rows: list[dict[str, Any]]) -> list[Field]:
        return [self._field(f"{prefix}.{row['name']}", row) for row in rows]

    def _field(self, name: str, row: Mapping[str, Any]) -> Field:
        return Field(name, row, list(self.given[name]) if name in self.given else said(row["default"]))

    @staticmethod
    def _values(fields: list[Field]) -> dict[str, Any]:
        return {one.row["name"]: meant(one.row, one.texts) for one in fields}

    def _one(self, name: str, default: str) -> str:
        return (self.given.get(name) or [default])[-1][:LONGEST]

    def _key(self) -> str:
        """The form's own key: sending it twice makes one search."""
        try:
            return uuid.UUID(self._one("key", "")).hex
        except ValueError:
            return uuid.uuid4().hex


class Pasted:
    """A whole document in JSON, as text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.document: Any = None
        self.problems: list[str] = []

    def valid(self) -> bool:
        try:
            self.document = api.parse(api.parse_text(self.text)).document()
        except api.Invalid as error:
            self.problems = [_sentence(problem.path or "The text", problem) for problem in error.problems]
        return self.document is not None


def _later(entry: Mapping[str, Any]) -> bool:
    """What needs a download comes after what is here."""
    return not entry.get("ready", True)


def _sentence(name: str, problem: api.Problem) -> str:
    text = f"{name} {problem.reason}" + (f"; allowed: {problem.allowed}." if problem.allowed else ".")
    return text.encode("utf-8", "replace").decode()        # a pasted key may hold half a surrogate pair
