"""What a weight-sharing search is worth: the documents of the two searches by chance that cost as much."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from engine.registry import discover

SHARING, SCRATCH = "random_sharing", "random_search"
TITLES = {SHARING: "random search with sharing", SCRATCH: "random search from scratch"}
LEAST = 20                                      # candidates that random sharing ranks at least


def baselines(document: Mapping[str, Any], seconds: float) -> dict[str, dict[str, Any]]:
    """By strategy, for the whole document of a search that took so many seconds without its finals. The same space, data,
    finals and seed: random sharing trains its weights in the same way for as many seconds and then ranks, random search
    trains from scratch for as many seconds. No search is compared with itself."""
    return {name: _by_chance(name, document, seconds) for name in TITLES if name != document["strategy"]["name"]}


def _by_chance(name: str, known: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    found = copy.deepcopy(dict(known))
    found["name"] = f"{known['name'][:150]}: {TITLES[name]}"
    if name == SHARING:
        found["strategy"] = {**_sharing(known), "seconds": max(1.0, seconds)}
        found["budget"] = {"trials": found["strategy"]["candidates"]}
    else:
        found["strategy"] = {"name": SCRATCH}
        found["estimation"] = {"name": "scratch", **_own("estimation", "scratch", known["estimation"])}
        found["budget"] = {"trials": None, "seconds": max(1.0, seconds)}
    return found


def _sharing(known: Mapping[str, Any]) -> dict[str, Any]:
    ranked = known["strategy"].get("candidates") or max(LEAST, known["budget"].get("trials") or 0)
    return {"name": SHARING, **_own("strategies", SHARING, known["strategy"]), "candidates": ranked}


def _own(kind: str, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the given options that this entry has as well."""
    names = {option["name"] for option in discover(kind)[name].document()["options"]}
    return {option: value for option, value in given.items() if option in names}
