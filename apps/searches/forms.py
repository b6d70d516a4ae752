"""The New search form, made from the engine's declarations: fields, presets, and texts back into one document."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.searches.offers import OFFERED, Offer
from apps.spaces.fields import LONGEST, Field, Given, field_at, field_of, fields_of, meant, sentence, texts_of, values_of
from engine import api

TAGS = {"dataset": "name", "space": "kind", "strategy": "name", "estimation": "name"}
FIRST = {"dataset": "digits", "space": "chain", "strategy": "random_search", "estimation": "scratch"}
HEADS = {"name": {"name": "name", "type": "text", "default": "", "allowed": "up to 200 characters", "optional": True,
                  "help": "What the list of searches calls it. Empty: untitled.", "paper_value": None, "bounds": []},
         "seed": {"name": "seed", "type": "integer", "default": 0, "allowed": "a whole number from 0 to 2^53",
                  "help": "Same seed, same search.", "paper_value": None, "bounds": [0, 2**53], "optional": False}}


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

    @property
    def uploaded(self) -> bool:
        """Whether it reads a person's own file."""
        return any(option["name"] == "sha256" for option in self.entry["options"])

    @property
    def structured(self) -> bool:
        """Whether a field of it holds JSON."""
        return any(field.structured for field in self.fields)

    @property
    def prefix(self) -> str:
        return f"{self.group}.{self.entry['name']}"


class NewSearch:
    """The form. `given` holds the texts by field name; what is left out takes its declared default."""

    def __init__(self, given: Given, offers: Sequence[Offer] = ()) -> None:
        self.given, self.offers = given, offers
        self.problems: list[tuple[Field | None, str]] = []
        self.checked: dict[str, Any] | None = None
        self.key = self._key()
        self.chosen = {group: self._one(group, default) for group, default in FIRST.items()}
        listed = {"dataset": api.datasets, "space": api.spaces, "strategy": api.strategies, "estimation": api.estimations}
        self.groups = {group: self._kinds(group, sorted(entries(), key=_later)) for group, entries in listed.items()}
        self.parts = {part: fields_of(part, rows, given) for part, rows in api.parts().items()}
        self.heads = {name: field_of(name, row, given) for name, row in HEADS.items()}
        self._mark_unfit()

    @classmethod
    def blank(cls, asked: Mapping[str, str], offers: Sequence[Offer] = ()) -> NewSearch:
        """A new form with every kind's values for a CPU; `asked` (the address) may choose kinds, the name and offers."""
        form = cls({name: [text[:LONGEST]] for name, text in asked.items() if name in (*FIRST, "name")}, offers)
        form = form.filled(*[f"{kind.group}.{kind.entry['name']}.cpu" for kind in form.kinds()])
        form = form.filled(*[f"{kind}.{asked[kind]}" for kind in OFFERED if kind in asked])
        form = form if "estimation" in asked else form._well_estimated()
        return form if {"dataset", "upload"} & set(asked) else form._on_readable_data()

    @classmethod
    def around(cls, edited: Given, offers: Sequence[Offer] = ()) -> NewSearch:
        """A new form with the space that another page's form holds, and with all that was `kept` for it there."""
        own = {name: texts for name, texts in edited.items()
               if name in ("space", "name") or name.startswith("space.") or "kept" in edited and name != "key"}
        return cls({**cls.blank({}).given, **own}, offers)._on_readable_data()

    def filled(self, *wanted: str) -> NewSearch:
        """The same form with presets put in, each named group.kind.preset."""
        given = dict(self.given)
        for name, texts in self.presets.items():
            given |= texts if name in wanted else {}
        return NewSearch(given, self.offers)

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
            built[group] = {tag: self.chosen[group], **(values_of(kind.fields) if kind else {})}
        built |= {part: values_of(fields) for part, fields in self.parts.items()}
        return built | {"seed": meant(HEADS["seed"], self.heads["seed"].texts)}

    @property
    def preview(self) -> str:
        """The document as a person reads it."""
        return json.dumps(self.checked or self.document(), indent=2)

    @property
    def presets(self) -> dict[str, dict[str, list[str]]]:
        """What each button of a preset or an offer puts into which field: the page's script does it without the server."""
        own = {f"{kind.prefix}.{preset}": texts_of(kind.prefix, kind.entry["options"], values)
               for kind in self.kinds() for preset, values in kind.entry["presets"].items()}
        return own | {offer.name: offer.texts for offer in self.offers}

    @property
    def saved(self) -> dict[str, list[Offer]]:
        """The person's own things by the part of the document that they fill."""
        return {group: [offer for offer in self.offers if offer.group == group] for group in FIRST}

    def valid(self) -> bool:
        """Whether the engine accepts it; if not, every fault stands next to its field and in `problems`."""
        try:
            self.checked = api.parse(self.document()).document()
        except api.Invalid as error:
            self.refuse(error)
        return self.checked is not None

    def refuse(self, error: api.Invalid) -> None:
        for problem in error.problems:
            found = self._at(problem.path)
            chosen = next((f"The {group}" for group, tag in TAGS.items() if problem.path == f"/{group}/{tag}"), problem.path)
            self.problems.append((found, found.refuse(problem) if found else sentence(chosen, problem)))

    def _at(self, path: str) -> Field | None:
        """The field that a JSON pointer means; for a whole part, its first field."""
        head, *rest = path.strip("/").split("/")
        return field_at(list(self.fields()), [head, self.chosen[head], *rest] if head in TAGS else [head, *rest])

    def _mark_unfit(self) -> None:
        fits, reads = api.compatible(), api.readable().get(self.chosen["space"], {})
        does = api.performed().get(self.chosen["strategy"], {})
        for kind in (*self.groups["strategy"], *self.groups["dataset"], *self.groups["estimation"]):
            name = kind.entry["name"]
            table = {"dataset": reads, "estimation": does}.get(kind.group) or {name: fits.get(name, {}).get(
                self.chosen["space"], True)}
            verdict = table.get(name, True)
            kind.unfit = None if verdict is True else str(verdict)

    def _on_readable_data(self) -> NewSearch:
        """The same form with the smallest dataset that the space can read, where the chosen one is none of those."""
        if not any(kind.chosen and kind.unfit for kind in self.groups["dataset"]):
            return self
        fitting = [kind.entry for kind in self.groups["dataset"] if not kind.unfit and not kind.uploaded]
        smallest = min(fitting, key=lambda entry: (not entry["ready"], math.prod(entry["shape"])))
        return NewSearch({**self.given, "dataset": [smallest["name"]]}, self.offers)

    def _well_estimated(self) -> NewSearch:
        """The same form with an estimation that does what the strategy asks for, where the chosen one does not."""
        if not any(kind.chosen and kind.unfit for kind in self.groups["estimation"]):
            return self
        fitting = [kind.entry["name"] for kind in self.groups["estimation"] if not kind.unfit]
        return NewSearch({**self.given, "estimation": fitting[:1]}, self.offers)

    def _kinds(self, group: str, entries: list[dict[str, Any]]) -> list[Kind]:
        return [Kind(group, entry, fields_of(f"{group}.{entry['name']}", entry["options"], self.given),
                     entry["name"] == self.chosen[group]) for entry in entries]

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
        self.checked: dict[str, Any] | None = None
        self.problems: list[str] = []

    def valid(self) -> bool:
        try:
            self.checked = api.parse(api.parse_text(self.text)).document()
        except api.Invalid as error:
            self.refuse(error)
        return self.checked is not None

    def refuse(self, error: api.Invalid) -> None:
        self.problems = [sentence(problem.path or "The text", problem) for problem in error.problems]


def _later(entry: Mapping[str, Any]) -> bool:
    """What needs a download comes after what is here."""
    return not entry.get("ready", True)
