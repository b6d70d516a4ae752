"""What a comparison of estimators may be: an arena whose runs are estimators of a measured table, not strategies."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from apps.arena.document import allowed, whole
from engine import api

ASKS = "estimators"                             # the key `asks` of such a document
LIMITS = {"sample": (10, 2_000), "epochs": (1, 100), "seed": (0, 10**9)}


def check(given: Mapping[str, Any]) -> dict[str, Any]:
    """The document of an arena, each estimator one run. Raises api.Invalid with every fault."""
    cards = {card["name"]: card for card in api.tables() if any(card["completeness"]["measured_by_seed"])}
    known = [row["name"] for row in api.estimators()]
    names = list(dict.fromkeys(str(name) for name in given.get("estimators") or ()))
    problems = [] if given.get("table") in cards else [api.Problem("/table", "is no measured table", ", ".join(cards))]
    problems += [api.Problem("/estimators", f"have no {name[:40]!r} among them", ", ".join(known))
                 for name in names if name not in known]
    if not names:
        problems.append(api.Problem("/estimators", "are missing", "at least one"))
    problems += [api.Problem(f"/{name}", "must be a whole number in range", allowed(*bounds))
                 for name, bounds in LIMITS.items() if not whole(given.get(name), *bounds)]
    if problems:
        raise api.Invalid(*problems)
    return {"asks": ASKS, "field": f"table:{given['table']}", "strategies": names, "seeds": 1, "first_seed": given["seed"],
            "evaluations": given["sample"], "epochs": given["epochs"], "measured": cards[given["table"]]["completeness"]}


def order(arena_id: UUID, document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What a child is told to measure. Supernets stay in a folder of the arena, so that a lost run goes on."""
    return {"table": document["field"].partition(":")[2], "estimators": [name], "sample": document["evaluations"],
            "seed": document["first_seed"], "epochs": document["epochs"], "data": str(settings.DATA),
            "workdir": str(folder(arena_id))}


def folder(arena_id: UUID) -> Path:
    return Path(settings.ARTIFACTS) / "comparisons" / str(arena_id)


def tidy(arena_id: UUID) -> None:
    """Nobody needs the supernets of a comparison that has ended."""
    shutil.rmtree(folder(arena_id), ignore_errors=True)
