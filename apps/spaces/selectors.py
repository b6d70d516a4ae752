"""Reading the engine's declarations: a space in figures, a method's page, what fits what."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import Http404
from markdown_it import MarkdownIt

from engine import api

Reading = tuple[Sequence[int], int]             # the shape of an input, and the number of classes
PAGES = settings.ROOT / "docs" / "methods"


def facts(document: Any, dataset: str = "", seed: int = 0, point: Any = None,
          reading: Reading | None = None) -> dict[str, Any]:
    """The engine's facts on a dataset (or the smallest that fits, where the space cannot read it) and the drawing of one
    sample (none if no sample can be built), or of `point`, the genotype of an architecture. `reading` is the shape of the
    dataset's inputs and its number of classes where these are known better than declared. Raises api.Invalid."""
    wanted = api.reads(document)
    if not dataset or api.entry("datasets", dataset).facts["kind"] not in wanted:
        dataset, reading = smallest(document), None
    shape, classes = reading or api.reading({"name": dataset})
    kind = api.entry("datasets", dataset).facts["kind"]
    found = {**api.facts(document, seed, shape, classes), "dataset": dataset, "drawing": None, "cost": None, "texts": {},
             "input": said(kind, shape, classes)}
    if point is not None:
        found["sample"] = {"genotype": point, "hyper": {}}
    if point is not None or found["infeasible"]["share"] < 1:
        point = found["sample"]["genotype"]
        drawing = api.draw(document, point, shape, classes)
        if hyper := found["sample"]["hyper"]:
            drawing["words"] += f" Trained with {', '.join(_told(*one) for one in hyper.items())}."
        found |= {"drawing": drawing, "cost": _sums(drawing["macro"]), "texts": api.texts(document, point)}
    return found


def said(kind: str, shape: Sequence[int], classes: int) -> str:
    """An input in words."""
    if kind == "text":
        return f"{shape[0]:,} characters, {classes:,} different ones"
    what = f"{shape[0]:,} feature{'s' if shape[0] > 1 else ''}" if kind == "table" else f"{'×'.join(map(str, shape))} images"
    return f"{what}, {classes:,} classes"


def _told(name: str, value: Any) -> str:
    return f"{name.replace('_', ' ')} {f'{value:.3g}' if isinstance(value, float) else value}"


def _sums(boxes: Sequence[Mapping[str, Any]]) -> dict[str, int] | None:
    return {key: sum(box[key] for box in boxes) for key in ("parameters", "flops")} if boxes else None


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
