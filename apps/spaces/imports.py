"""What people bring along: a space, a search or an architecture as text, to a document that the editor shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.spaces import selectors
from engine import api

SOURCES = {"json": "JSON: a space, a search or an architecture"}
MOST_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Imported:
    """A space's document, and the architecture that came with it."""

    document: dict[str, Any]
    genotype: Any = None


def read(text: str | bytes, source: str) -> Imported:
    """Raises api.Invalid with what is wrong with the text."""
    if source not in SOURCES:
        raise api.Invalid(api.Problem("/source", "is not known", "one of " + ", ".join(SOURCES)))
    return _from_json(api.parse_text(text))


def _from_json(found: Any) -> Imported:
    if not isinstance(found, Mapping):
        raise api.Invalid(api.Problem("", "must be an object", "a space, a search or an architecture"))
    if isinstance(found.get("space"), Mapping):
        found = found["space"]
    if "genotype" in found:
        return _around(str(found.get("kind")), found["genotype"])
    return Imported(api.space_document(found))


def _around(kind: str, genotype: Any) -> Imported:
    """The first of the kind's spaces (its defaults, then its presets) in which the architecture is a point."""
    presets = api.entry("spaces", kind).document()["presets"]
    refused: api.Invalid | None = None
    for given in ({}, *({"preset": name} for name in presets)):
        document = api.space_document({"kind": kind, **given})
        try:
            selectors.cost(document, genotype)
        except api.Invalid as error:
            refused = refused or error
        else:
            return Imported(document, genotype)
    raise refused or api.Invalid(api.Problem("/kind", "is not known"))
