"""What an arena may be: the document, its limits, and the addresses that stand for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from engine import api

BASELINE = "random_search"                      # always played: what the others are compared with
LIMITS = {"seeds": (2, 100), "first_seed": (0, 10**9), "evaluations": (10, 5_000)}
MOST_STRATEGIES = 14                            # the table of critical differences ends there
MOST_EVALUATIONS = 500_000                      # of all runs together
NAMES = ("field", "strategies", *LIMITS)


def check(given: Mapping[str, Any]) -> dict[str, Any]:
    """The document, with the baseline and with what is measured of a table by now. Raises api.Invalid with every fault."""
    fields = {f"{row['kind']}:{row['name']}": row for row in api.arena_fields()}
    field = fields.get(str(given.get("field")))
    problems = [] if field else [api.Problem("/field", "is no table and no landscape", ", ".join(fields))]
    wanted = [str(name) for name in given.get("strategies") or ()]
    problems += _strategies(wanted, field)
    problems += [problem for name, bounds in LIMITS.items() if (problem := _number(name, given.get(name), *bounds))]
    if problems or field is None:
        raise api.Invalid(*problems)
    strategies = [BASELINE, *(name for name in dict.fromkeys(wanted) if name != BASELINE)]
    total = len(strategies) * given["seeds"] * given["evaluations"]
    if total > MOST_EVALUATIONS:
        raise api.Invalid(api.Problem("/evaluations", f"make {total:,} evaluations in all",
                                      f"strategies × seeds × evaluations up to {MOST_EVALUATIONS:,}"))
    own = {name: given[name] for name in LIMITS}
    return {"field": str(given["field"]), "strategies": strategies, **own, "measured": _measured(field)}


def query(document: Mapping[str, Any]) -> str:
    """The same arena as parameters of an address."""
    return urlencode({**{name: document[name] for name in NAMES}, "strategies": ",".join(document["strategies"])}, safe=",:")


def _strategies(wanted: list[str], field: Mapping[str, Any] | None) -> list[api.Problem]:
    known = [entry["name"] for entry in api.strategies()]
    found = [api.Problem("/strategies", f"have no {name[:40]!r} among them", ", ".join(known))
             for name in wanted if name not in known]
    if not set(wanted) - {BASELINE}:
        found.append(api.Problem("/strategies", "are missing", "at least one beside random search"))
    if len({BASELINE, *wanted}) > MOST_STRATEGIES:
        found.append(api.Problem("/strategies", "are too many", f"up to {MOST_STRATEGIES}"))
    fits = field["strategies"] if field else {}
    return found + [api.Problem("/strategies", f"do not all fit: {name} {fits[name]}", "those that are offered there")
                    for name in wanted if fits.get(name, True) is not True]


def _number(name: str, value: Any, low: int, high: int) -> api.Problem | None:
    if whole(value, low, high):
        return None
    return api.Problem(f"/{name}", "must be a whole number in range", allowed(low, high))


def whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def allowed(low: int, high: int) -> str:
    return f"a whole number from {low:,} to {high:,}"


def _measured(field: Mapping[str, Any]) -> dict[str, Any] | None:
    """How much of the table there is at this time: a later look at the page must not claim more."""
    cards = {card["name"]: card for card in api.tables()} if field["kind"] == "table" else {}
    return cards[field["name"]]["completeness"] if cards else None
