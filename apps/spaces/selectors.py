"""Reading the engine's declarations: a space in figures, a method's page, what fits what."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import Http404
from markdown_it import MarkdownIt

from engine import api

SAMPLES = 16
PAGES = settings.ROOT / "docs" / "methods"


def facts(document: Any, dataset: str = "digits", seed: int = 0) -> dict[str, Any]:
    """The engine's facts, what samples cost on a dataset and the drawing of one sample. Raises api.Invalid."""
    data = api.entry("datasets", dataset).facts
    shape, classes = data["shape"], data["classes"]
    found = api.facts(document, seed)
    point = found["sample"]["genotype"]
    costs = [api.measure(document, line, shape, classes) for line in api.sample(document, SAMPLES, seed)]
    ranges = {key: [min(c[key] for c in costs), max(c[key] for c in costs)] for key in ("parameters", "flops")}
    cost = api.measure(document, point, shape, classes)
    return {**found, "ranges": ranges, "dataset": dataset, "drawing": api.draw(document, point, shape, classes),
            "cost": {key: cost[key] for key in ("parameters", "flops")}}


def declared(kind: str, name: str) -> dict[str, Any]:
    """One declaration as plain data, or 404."""
    try:
        return api.entry(kind, name).document()
    except api.Invalid:
        raise Http404("There is nothing of that name.") from None


@lru_cache(maxsize=64)
def page(name: str) -> str:
    """The method's page as HTML; raw HTML in the source is shown, not obeyed."""
    path = PAGES / f"{name}.md"
    if not path.is_file():
        return ""
    return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(path.read_text("utf-8")))


def fits(strategy: str) -> list[dict[str, Any]]:
    """Every space with True or the reason why the strategy cannot search it."""
    verdicts = api.compatible()[strategy]
    return [{"space": space, "verdict": verdicts[space["name"]]} for space in api.spaces()]
