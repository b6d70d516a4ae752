"""What people bring along: a space, a search or an architecture as text, to a document that the editor shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine import api

SOURCES = {"json": "JSON of a space, search, architecture", "darts": "a genotype as DARTS writes it",
           "nas_bench_201": "a NAS-Bench-201 string"}
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
    if source == "json" and (space := _space(api.parse_text(text))) is not None:
        return Imported(api.space_document(space))
    found = api.convert(text, source)
    return Imported(api.space_document(found["space"]), found["genotype"])


def _space(found: Any) -> Any:
    """The space that a document is or has; None where it is an architecture."""
    if not isinstance(found, Mapping):
        raise api.Invalid(api.Problem("", "must be an object", "a space, a search or an architecture"))
    if "genotype" in found:
        return None
    if "space" in found:
        return found["space"]
    return found if "kind" in found else None
