"""Options as form fields, made from the engine's declarations: values to texts and texts back to values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine import api

INTEGER = re.compile(r"[+-]?[0-9]{1,17}")               # ASCII only; whatever else stays text, for the engine to refuse
REAL = re.compile(r"[+-]?([0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})([eE][+-]?[0-9]{1,4})?")
LONGEST = 300                                           # characters of a wrong answer that are shown again
STRUCTURED = ("space", "decisions")                     # options whose value is JSON: shown as JSON

Given = Mapping[str, list[str]]


def said(value: Any, kind: str = "") -> list[str]:
    """A value as the texts that a form holds for it."""
    if kind in STRUCTURED:
        return ["" if value is None else json.dumps(value, indent=2, ensure_ascii=False)]
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
    if row["type"] in STRUCTURED:
        return _structure(text)
    if row["type"] == "flag":
        return {"true": True, "false": False}.get(text, text)
    if row["type"] == "choice":
        return choices.get(text, text)
    if INTEGER.fullmatch(text) and row["type"] == "integer":
        return int(text)
    return float(text) if row["type"] == "real" and REAL.fullmatch(text) else text


def _structure(text: str) -> Any:
    try:
        return api.parse_text(text)
    except api.Invalid:
        return text


def sentence(name: str, problem: api.Problem) -> str:
    """A fault as a person reads it."""
    text = f"{name} {problem.reason}" + (f"; allowed: {problem.allowed}." if problem.allowed else ".")
    return text.encode("utf-8", "replace").decode()        # a pasted key may hold half a surrogate pair


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
        longest = None if self.structured else LONGEST
        return self.texts[-1][:longest] if self.texts else ""

    @property
    def structured(self) -> bool:
        return self.row["type"] in STRUCTURED

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

    def refuse(self, problem: api.Problem) -> str:
        """Take note of a fault; gives its sentence."""
        name = self.row["name"].replace("_", " ").capitalize()
        text = sentence(name, problem).replace(" or null", ", or empty")
        self.errors.append(text)
        return text


def fields_of(prefix: str, rows: list[dict[str, Any]], given: Given) -> list[Field]:
    """The options as fields; what is not given takes its declared default."""
    return [field_of(f"{prefix}.{row['name']}", row, given) for row in rows]


def field_of(name: str, row: Mapping[str, Any], given: Given) -> Field:
    return Field(name, row, list(given[name]) if name in given else said(row["default"], row["type"]))


def values_of(fields: list[Field]) -> dict[str, Any]:
    return {one.row["name"]: meant(one.row, one.texts) for one in fields}


def texts_of(prefix: str, rows: list[dict[str, Any]], values: Mapping[str, Any]) -> dict[str, list[str]]:
    """What a preset or a document puts into the fields."""
    return {f"{prefix}.{row['name']}": said(values.get(row["name"], row["default"]), row["type"]) for row in rows}


def field_at(fields: list[Field], steps: list[str]) -> Field | None:
    """The field at these steps of a document, or the one that holds the place; for a whole part, its first field."""
    for end in range(len(steps), 0, -1):
        name = ".".join(steps[:end])
        exact = next((one for one in fields if one.name == name), None)
        inside = next((one for one in fields if one.name.startswith(name + ".")), None) if end == len(steps) else None
        if exact or inside:
            return exact or inside
    return None
