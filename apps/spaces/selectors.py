"""Reading the engine's declarations: a space in figures, a method's page, what fits what."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import Http404
from markdown_it import MarkdownIt

from engine import api

PAGES = settings.ROOT / "docs" / "methods"


def facts(document: Any, dataset: str = "", seed: int = 0, point: Any = None) -> dict[str, Any]:
    """The engine's facts on a dataset (or the smallest that fits) and the drawing of one sample (none if no sample can be
    built), or of `point`, the genotype of an architecture. Raises api.Invalid."""
    dataset = dataset or smallest(document)
    data = api.entry("datasets", dataset).facts
    shape, classes = data["shape"], data["classes"]
    found = {**api.facts(document, seed, shape, classes), "dataset": dataset, "drawing": None, "cost": None,
             "texts": {}}
    if point is not None:
        found["sample"] = {"genotype": point, "hyper": {}}
    if point is not None or found["infeasible"]["share"] < 1:
        point = found["sample"]["genotype"]
        found |= {"drawing": api.draw(document, point, shape, classes), "cost": cost(document, point, dataset),
                  "texts": api.texts(document, point)}
    return found


def cost(document: Any, point: Any, dataset: str = "") -> dict[str, int]:
    """Parameters and FLOPs of one architecture of a space. Raises api.Invalid, also where it is none of the space."""
    data = api.entry("datasets", dataset or smallest(document)).facts
    found = api.measure(document, point, data["shape"], data["classes"])
    return {key: found[key] for key in ("parameters", "flops")}


def readable(kind: str) -> list[dict[str, Any]]:
    """The datasets whose data networks of this kind of space can read."""
    wanted = api.entry("spaces", kind).facts["data"]
    return [found for found in api.datasets() if found["kind"] in wanted]


def smallest(document: Any) -> str:
    """The dataset with the smallest input among those that a space can read. Raises api.Invalid."""
    wanted = api.reads(document)
    fitting = [found for found in api.datasets() if found["kind"] in wanted]
    return str(min(fitting, key=lambda found: math.prod(found["shape"]))["name"])


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
