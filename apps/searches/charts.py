"""What the search page draws: the snapshot, the incumbent's drawing, addresses, and the leaderboard as rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from django.urls import reverse

from apps.searches import baselines, selectors
from apps.searches.models import UNTRAINED, Download, Search
from engine import api

SHOWN = 50                                              # rows that the page brings along
REFUSED = ("constraint", "filter")                      # kinds of failure that nobody trained for
COLUMNS = ("rank", "trial", "status", "score", "score_kind", "parameters", "flops", "latency_ms", "epochs", "seconds",
           "encoding_id", "canonical_id", "final_of", "parents")


def addresses(search: Search) -> dict[str, str]:
    """Where the page's script finds things; {n} stands for a trial's number."""
    base = search.get_absolute_url()
    one = f"{base}trials/{{n}}/"
    return {"events": f"{base}events", "socket": f"/ws{base}", "trial": one, "drawing": f"{one}drawing.json",
            "download": f"{one}download.zip", "ensemble_csv": reverse("searches:ensemble_csv", args=[search.id]),
            "leaderboard_csv": reverse("searches:leaderboard_csv", args=[search.id]),
            "baselines": reverse("searches:baselines_json", args=[search.id])}


def page(search: Search) -> dict[str, Any]:
    """Everything the search page shows."""
    data = state(search)
    known = {trial["number"]: trial for trial in data["trials"]}
    return {"search": search, "data": data, "figures": figures(search, data["trials"]),
            "finals": [trial for trial in data["trials"] if trial["final_of"] is not None and trial["kind"] != "ensemble"],
            "ensemble": ensemble(search), "baselines": baselines.table(search), "origin": baselines.origin(search),
            "rows": [known[trial.number] for trial in selectors.leaderboard(search, SHOWN) if trial.number in known],
            "untrained": UNTRAINED, "document": json.dumps(search.document, indent=2)}


def state(search: Search) -> dict[str, Any]:
    """The state that the page's script starts from; events newer than its `seq` follow over the socket."""
    data = selectors.snapshot(search)
    downloads = dict(Download.objects.filter(trial__search=search).values_list("trial__number", "state"))
    tests = dict(search.trials.exclude(final_of=None).values_list("number", "outcome__metrics__test"))
    for trial in data["trials"]:
        trial |= {"download": downloads.get(trial["number"]), "test": tests.get(trial["number"])}
    return {**data, "score": _dataset(search)["score"], "incumbent": _incumbent(search), "urls": addresses(search),
            "sharing": baselines.shares(search), "derived": _derived(search)}


def _incumbent(search: Search) -> dict[str, Any] | None:
    best = selectors.incumbent(search)
    if best is None or "architecture" not in best.work:
        return None
    drawn = api.draw(search.document["space"], best.work["architecture"], *selectors.reading(best))
    return {"trial": best.number, "drawing": drawn}


def _derived(search: Search) -> dict[str, Any] | None:
    """What the newest epoch of a supernet stands for, where nothing has been scored yet."""
    newest = selectors.newest_epoch(search) if baselines.shares(search) else None
    derived = ((newest.outcome or {}).get("payload") or {}).get("derived") if newest else None
    if newest is None or derived is None or selectors.incumbent(search):
        return None
    drawn = api.draw(search.document["space"], derived, *selectors.reading(newest))
    return {"trial": newest.number, "epoch": newest.work["index"] + 1, "drawing": drawn}


def _dataset(search: Search) -> Mapping[str, Any]:
    """What is declared of the dataset: shape, classes, what a score is."""
    return api.entry("datasets", search.document["dataset"]["name"]).facts


def figures(search: Search, trials: list[dict[str, Any]]) -> dict[str, Any]:
    """The row under the title, as the script would count it."""
    own = [t for t in trials if t["final_of"] is None and t["encoding_id"] and t["status"] in ("done", "failed", "pruned")]
    epochs = sum(t["kind"] == "supernet_epoch" and t["status"] == "done" for t in trials)       # of shared weights
    asked = [t["origin"]["of"] for t in trials if t["kind"] == "supernet_epoch" and "of" in t["origin"]]
    wanted = asked[-1] if asked else search.document["strategy"].get("epochs")
    scored = [t for t in own if t["status"] == "done" and t["score"] is not None]
    spent = sum(t["seconds"] or 0.0 for t in trials)
    limit = search.document["budget"].get("trials")
    charged = [t for t in own if t["error_kind"] not in REFUSED or t["epochs"]]
    newest = max(scored, key=lambda t: t["number"], default={})         # kinds of score are never compared with each other
    comparable = [t for t in scored if t["score_kind"] == newest["score_kind"]]
    best = min(comparable, key=lambda t: (-t["score"], t["number"]), default=None)
    distinct = {t["canonical_id"] or t["encoding_id"] for t in own}
    return {"best": best, "done": len(charged), "ended": len(own), "limit": limit, "distinct": len(distinct),
            "failed": sum(t["status"] == "failed" and t["error_kind"] not in REFUSED for t in own),
            "infeasible": sum(t["error_kind"] in REFUSED for t in own),
            "spent": spent, "rate": round(len(charged) * 3600 / spent) if spent else None,
            "supernet": {"done": epochs, "of": wanted} if epochs and not own else None,
            "share": 100 if search.state == "finished" else _share(len(charged), limit) or _share(epochs, wanted)}


def _share(done: int, limit: int | None) -> int:
    """In per cent."""
    return min(100, 100 * done // limit) if limit else 0


def rows(search: Search) -> list[dict[str, Any]]:
    """The leaderboard as data."""
    table = []
    latency = dict(search.trials.values_list("number", "outcome__metrics__latency_ms"))
    for rank, trial in enumerate(selectors.leaderboard(search), 1):
        values = {name: getattr(trial, name) for name in COLUMNS if hasattr(trial, name)}
        table.append({**values, "rank": rank if trial.status == "done" else None, "trial": trial.number,
                      "latency_ms": latency.get(trial.number)})
    return table


def ensemble(search: Search) -> dict[str, Any] | None:
    """The ensemble that closes the search: its scores, those of the best single network, and its members, the most picked
    first. Only its state while it is being made; None where none was asked for."""
    trial = selectors.ensemble(search)
    if trial is None:
        return None
    found = (trial.outcome or {}).get("metrics", {})
    told: dict[str, Any] = {"trial": trial.number, "status": trial.status, "error": found.get("error"), "members": []}
    if trial.status != "done":
        return told
    scores = dict(search.trials.values_list("number", "score"))
    members = sorted(found["ensemble"]["members"], key=lambda member: -member[1])
    picks = sum(count for _, count in members)
    return {**told, "score": trial.score, "test": found["test"], "single": found["ensemble"]["single"],
            "members": [{"trial": number, "picked": count, "weight": count / picks, "score": scores.get(number)}
                        for number, count in members]}


def ensemble_csv(search: Search) -> str:
    found = ensemble(search)
    out = io.StringIO()
    writer = csv.DictWriter(out, ("trial", "picked", "weight", "score"))
    writer.writeheader()
    writer.writerows(found["members"] if found else ())
    return out.getvalue()


def leaderboard_csv(search: Search) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows(search):
        writer.writerow([guarded(" ".join(map(str, row[name])) if name == "parents" else row[name]) for name in COLUMNS])
    return out.getvalue()


def guarded(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula gets a quote in front."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
