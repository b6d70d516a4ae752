"""What a page needs to draw an architecture at three zooms: the network's strip, its cells, the layers of an operation."""

from __future__ import annotations

from typing import Any

from engine.architecture.architecture import Architecture
from engine.architecture.description import describe
from engine.architecture.graph import Shape
from engine.architecture.strip import strip
from engine.errors import Invalid
from engine.spaces.space import Space


def draw(space: Space, architecture: Architecture, shape: Shape, classes: int) -> dict[str, Any]:
    """Plain data for the browser; positions are found there. `cells` are all kinds of cell, `cell` is the first.

    A network that cannot be built for this shape has no strip; the words tell why.
    """
    cells = space.pictures(architecture)
    drawn = [{"title": title, **graph.document()} for title, graph in cells.items()]
    macro: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    words = describe(cells)
    try:
        macro, details = strip(space.network(architecture, shape, classes), shape, cells)
    except Invalid as error:
        words += f" It cannot be built: {error.problems[0].reason}."
    return {"cell": drawn[0], "cells": drawn, "macro": macro, "details": details, "words": words}
