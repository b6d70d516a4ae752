"""How a strategy thinks, as small pictures: plain data that one panel of the search page draws.

A strategy says `Event("strategy", trial, shown(...))` from `tell`. Each picture has a title; a newer one of the same title
takes its place, except that `series` grow by a point a time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

Picture = dict[str, Any]
DIGITS = 4                                      # significant digits: enough for a picture
LARGEST = 24                                    # rows and columns of a heat map, decisions of a pair plot
POINTS = 120                                    # of a scatter plot
EDGES = 150                                     # of a fabric
FITS = 3800                                     # characters of a picture that shares its event with little else
Place = tuple[int, int]


def due(told: int) -> bool:
    """Whether a picture is worth its place in the log: after each of the first hundred outcomes, then ninety a tenfold."""
    return bool(told % max(1, 10 ** (len(str(told)) - 2)) == 0)


def shown(*pictures: Picture, **more: Any) -> dict[str, Any]:
    """The data of a `strategy` event."""
    return {**more, "pictures": list(pictures)}


def series(title: str, **values: float) -> Picture:
    """Figures that are followed over the trials, as lines."""
    return {"picture": "series", "title": title, "values": {name: _short(value) for name, value in values.items()}}


def bars(title: str, values: Mapping[str, float], unit: str = "") -> Picture:
    """A few figures side by side, the largest first."""
    first = sorted(values.items(), key=lambda item: -item[1])[:LARGEST]
    return {"picture": "bars", "title": title, "unit": unit, "values": [[name, _short(value)] for name, value in first]}


def heat(title: str, rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float | None]],
         note: str = "") -> Picture:
    """A table of figures as colours: probabilities of each decision, a kernel matrix. None stays blank."""
    table = [[None if value is None else _short(value) for value in row[:LARGEST]] for row in values[:LARGEST]]
    return {"picture": "heat", "title": title, "rows": list(map(str, rows[:LARGEST])),
            "columns": list(map(str, columns[:LARGEST])), "values": table, "note": note}


def alphas(title: str, edges: Sequence[str], ops: Sequence[str], softmax: Sequence[Sequence[float]],
           raw: Sequence[Sequence[float]], kept: Sequence[Sequence[str]], note: str = "") -> Picture:
    """A heat map of all edges, with the alphas themselves (`raw`) where there is room for them, and `kept`: row and column
    of each operation that the derived cell has."""
    places = [[edges.index(edge), ops.index(op)] for edge, op in kept if edge in edges and op in ops]
    head = {"picture": "heat", "title": title, "rows": list(edges), "columns": list(ops), "note": note, "kept": places}
    for digits in (DIGITS, DIGITS - 1):
        picture = {**head, "values": _table(softmax, digits), **({"raw": _table(raw, digits)} if raw else {})}
        if len(json.dumps(picture)) < FITS:
            return picture
    picture = {**head, "values": _table(softmax, DIGITS - 1)}
    return picture if len(json.dumps(picture)) < FITS else heat(title, edges, ops, softmax, note)


def pairs(title: str, names: tuple[str, str],
          decisions: Mapping[str, tuple[Sequence[Any], Sequence[float], Sequence[float]]], y: str = "density") -> Picture:
    """Two distributions over each of some decisions: where (choices or places), and the two heights there (`y`)."""
    rows = [{"name": name, "at": list(at), "values": [[_short(v) for v in one], [_short(v) for v in other]]}
            for name, (at, one, other) in list(decisions.items())[:LARGEST]]
    return {"picture": "pairs", "title": title, "names": list(names), "decisions": rows, "y": y}


def scatter(title: str, x: str, y: str, points: Sequence[tuple[float, float]], note: str = "") -> Picture:
    """Points, the newest last: predicted against observed, parameters against score."""
    return {"picture": "scatter", "title": title, "x": x, "y": y, "note": note,
            "points": [[_short(a), _short(b)] for a, b in points[-POINTS:]]}


def trellis(title: str, strengths: Mapping[tuple[Place, Place], float], path: Sequence[tuple[Place, Place]],
            note: str = "") -> Picture:
    """The edges of a fabric between places (layer, scale), each as strong as it is (the strongest, if there are too many),
    and a path through them."""
    first = sorted(strengths.items(), key=lambda item: -item[1])[:EDGES]
    return {"picture": "trellis", "title": title, "note": note, "path": [list(path[0][0]), *(list(b) for _, b in path)],
            "edges": [[*a, *b, float(f"{value:.3g}")] for (a, b), value in first]}


def population(members: Sequence[int], note: str = "") -> Picture:
    """The trials that are alive, the oldest first; scores and parents are known from the trials."""
    return {"picture": "population", "title": "Population", "members": list(members[-500:]), "note": note}


def _short(value: float, digits: int = DIGITS) -> float | None:
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def _table(values: Sequence[Sequence[float]], digits: int) -> list[list[float | None]]:
    return [[_short(value, digits) for value in row] for row in values]
