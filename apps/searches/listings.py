"""What the home page and the list of searches show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.core.paginator import Paginator

from apps.searches.models import UNTRAINED, Search, Trial
from apps.searches.selectors import searches_of
from apps.searches.states import ACTIVE, DRAINING, State

PAGE = 25
RECENT = 8
CPU = {"preset": "cpu"}
STARTERS = (
    ("A minute of random search", "Eight chain networks on handwritten digits: the baseline.",
     {"name": "Random search on digits", "space": {"kind": "chain", **CPU}, "strategy": {"name": "random_search"},
      "estimation": {"name": "scratch", **CPU}, "dataset": {"name": "digits"}, "budget": {"trials": 8}}),
    ("Evolve a chain", "Thirty networks; the best of a sample is mutated, the oldest dies.",
     {"name": "Aging evolution on digits", "space": {"kind": "chain", **CPU}, "strategy": {"name": "aging_evolution", **CPU},
      "estimation": {"name": "scratch", **CPU}, "dataset": {"name": "digits"}, "budget": {"trials": 30}}),
    ("Search a cell", "NAS-Bench-201 cells: six edges, five operations, 15,625 strings.",
     {"name": "Cells on digits", "space": {"kind": "nas_bench_201", **CPU}, "strategy": {"name": "aging_evolution", **CPU},
      "estimation": {"name": "scratch", **CPU}, "dataset": {"name": "digits"}, "budget": {"trials": 20}}),
    ("Auto-Net on a table", "Networks for rows and all of their training; the best become an ensemble.",
     {"name": "Auto-Net on wine", "space": {"kind": "mlp", **CPU}, "strategy": {"name": "autonet", **CPU},
      "estimation": {"name": "scratch", **CPU}, "dataset": {"name": "wine"}, "budget": {"trials": 30}}),
)


def home(user: Any) -> dict[str, Any]:
    """Running first, then recent ones and the best networks; starters for one click each."""
    going = [state.value for state in ACTIVE | DRAINING | {State.PAUSED}]
    mine = searches_of(user).order_by("-created_at")
    best = Trial.objects.filter(search__in=Search.objects.visible_to(user), status="done").exclude(
        score=None).exclude(encoding_id="").exclude(score_kind__in=UNTRAINED)
    starters = [{"title": title, "text": text, "document": json.dumps(document)} for title, text, document in STARTERS]
    return {"running": [_progress(search) for search in mine.filter(state__in=going)[:RECENT]],
            "recent": mine.exclude(state__in=going)[:RECENT], "starters": starters,
            "best": best.select_related("search").defer("outcome").order_by("-score", "number")[:4]}


def page(user: Any, asked: Mapping[str, str]) -> dict[str, Any]:
    """One page of the list. The address is the filter: state, q (in the name), archived, page."""
    state, words, archived = asked.get("state", ""), asked.get("q", "")[:200].replace("\0", ""), asked.get("archived") == "1"
    found = searches_of(user, archived=archived).order_by("-created_at")
    if state in State.values:
        found = found.filter(state=state)
    if words:
        found = found.filter(name__icontains=words)
    shown = Paginator(found, PAGE).get_page(asked.get("page"))
    return {"page": shown, "state": state, "q": words, "archived": archived, "states": State.values,
            "any": bool(shown) or Search.objects.visible_to(user).exists()}


def _progress(search: Search) -> dict[str, Any]:
    limit = search.document["budget"].get("trials")
    done = search.trials_done                       # type: ignore[attr-defined]
    return {"search": search, "done": done, "limit": limit, "share": min(100, 100 * done // limit) if limit else 0}
