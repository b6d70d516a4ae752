"""The space editor's form: the fields of one kind and the same document as JSON; whichever was edited last counts."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from apps.spaces.fields import Field, Given, field_at, fields_of, sentence, texts_of, values_of
from apps.spaces.models import SpaceDefinition
from engine import api

LONGEST_NAME = 200
ONE_LINE = 100                                  # characters that a nested value may have on a line of its own
HEADS = {"name": "The name", "note": "The note"}


class SpaceForm:
    """`given` holds texts by field name, as in the form of a new search; `view` says which of the views counts."""

    def __init__(self, kind: str, given: Given) -> None:
        self.entry: Mapping[str, Any] = api.entry("spaces", kind).document()
        self.kind, self.prefix = kind, f"space.{kind}"
        self.typed = self._one("document", given)               # the JSON as it was typed
        self.by_json = self._one("view", given) == "json"
        self.problems: list[tuple[Field | None, str]] = []
        self.checked: dict[str, Any] | None = None
        self.faults: list[api.Problem] = []
        self.heads = {name: self._one(name, given).strip() for name in HEADS}
        self.key = _key(self._one("key", given))
        seen = self._one("seen", given)
        self.seen = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else 0
        self.fields = fields_of(self.prefix, list(self.entry["options"]), self._given(given))

    @classmethod
    def of(cls, document: Mapping[str, Any], name: str = "", seen: int = 0) -> SpaceForm:
        """The form of a document that the engine accepts."""
        kind = str(document["kind"])
        texts = texts_of(f"space.{kind}", api.entry("spaces", kind).document()["options"], document)
        return cls(kind, {**texts, "name": [name], "seen": [str(seen)]})

    def filled(self, preset: str) -> SpaceForm:
        """The same form with a preset put in. Raises api.Invalid for an unknown one."""
        written = api.space_document({"kind": self.kind, "preset": preset})
        form = SpaceForm.of(written, self.heads["name"], self.seen)
        form.heads, form.key = self.heads, self.key
        return form

    def document(self) -> Any:
        """The document that the form stands for, not checked. Raises api.Invalid where the JSON cannot be read."""
        if self.by_json:
            return api.parse_text(self.typed)
        return {"kind": self.kind, **values_of(self.fields)}

    @property
    def preview(self) -> str:
        """The document as the JSON view shows it."""
        return self.typed if self.by_json else pretty(self.document())

    @property
    def presets(self) -> list[str]:
        return list(self.entry["presets"])

    def valid(self) -> bool:
        """Whether the engine accepts it; if not, every fault stands next to its field and in `problems`."""
        for name, text in self.heads.items():
            if len(text) > LONGEST_NAME or not text.isprintable():
                text = f"{HEADS[name]} is longer than {LONGEST_NAME} characters or holds control characters."
                self.problems.append((None, text))
        try:
            found = api.space_document(self.document())
            if found["kind"] != self.kind:
                raise api.Invalid(api.Problem("/kind", "is another kind of space; import it instead", self.kind))
        except api.Invalid as error:
            self.faults = list(error.problems)
            self.problems += [self._placed(problem) for problem in error.problems]
        else:
            self.checked = found
        return not self.problems

    def _placed(self, problem: api.Problem) -> tuple[Field | None, str]:
        place = field_at(self.fields, [self.prefix, *problem.path.strip("/").split("/")]) if problem.path else None
        return place, place.refuse(problem) if place else sentence(problem.path or "The document", problem)

    def _given(self, given: Given) -> Given:
        """What the fields show: where the JSON counts and can be read, its values."""
        if not self.by_json:
            return given
        try:
            typed = api.parse_text(self.typed)
            written = api.space_document(typed)
        except api.Invalid:
            return given
        return texts_of(self.prefix, list(self.entry["options"]), written) if written["kind"] == self.kind else given

    @staticmethod
    def _one(name: str, given: Given) -> str:
        return (given.get(name) or [""])[-1]


def pretty(value: Any, indent: str = "") -> str:
    """JSON with one option a line; only long nested values take more: as `pretty` in static/js/spaces/document.js."""
    inside = f"{indent}  "
    if isinstance(value, list):
        rows, (first, last) = [_value(each, inside) for each in value], "[]"
    else:
        rows, (first, last) = [f"{_flat(name)}: {_value(each, inside)}" for name, each in value.items()], "{}"
    return first + "\n" + ",\n".join(inside + row for row in rows) + f"\n{indent}{last}"


def _value(value: Any, indent: str) -> str:
    text = _flat(value)
    nested = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(e, (dict, list)) for e in value))
    return pretty(value, indent) if nested and len(text) > ONE_LINE else text


def _flat(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _key(text: str) -> uuid.UUID:
    """A new definition's own key: sending the form twice makes one."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.uuid4()


def form_of(definition: SpaceDefinition) -> SpaceForm:
    return SpaceForm.of(definition.document, definition.name, definition.number)
