"""What the arena's page draws: curves, tests and ranks over the seeds that all strategies have played."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse

from apps.arena import selectors
from apps.arena.document import query
from apps.arena.models import Arena, Run, Status
from apps.arena.ranks import caution, groups, rank_words, titled
from apps.searches.charts import guarded
from engine import api

COLUMNS = ("strategy", "seed", "status", "regret", "simulated_cost", "seconds", "error")


def page(user: Any, arena: Arena) -> dict[str, Any]:
    """The whole page from the database; the script goes on from its `seq`."""
    found = figures(arena)
    return {"arena": arena, "figures": found, "data": {**found, "urls": addresses(arena)}, "place": arena.place,
            "mine": selectors.mine(user, arena), "share": 100 * found["ended"] // max(1, found["total"]),
            "rows": sorted(found["strategies"], key=lambda row: (row["mean_rank"] is None, row["mean_rank"])),
            "again": f"{reverse('arena:new')}?{query(arena.document)}", "command": command(arena), "field": field(arena)}


def addresses(arena: Arena) -> dict[str, str]:
    base = arena.get_absolute_url()
    return {"events": f"{base}events", "socket": f"/ws{base}", "figures": f"{base}figures.json",
            "strategy": reverse("spaces:strategy", args=["NAME"])}


def field(arena: Arena) -> str:
    """The field's title, as long as it is there."""
    kind, _, name = arena.document["field"].partition(":")
    titles = {(row["kind"], row["name"]): row["title"] for row in api.arena_fields()}
    return titles.get((kind, name), name)


def command(arena: Arena) -> str:
    """The same from a terminal."""
    asked, (kind, _, name) = arena.document, arena.document["field"].partition(":")
    return (f".venv/bin/python -m engine arena --{kind} {name} --strategies {','.join(asked['strategies'])} "
            f"--seeds {asked['seeds']} --first-seed {asked['first_seed']} --evaluations {asked['evaluations']} --json")


def figures(arena: Arena) -> dict[str, Any]:
    """Everything that is drawn, with the seq up to which it holds at least."""
    head = {"seq": arena.next_seq - 1, "state": arena.state, "reason": arena.reason, "total": arena.total,  # type: ignore[attr-defined]
            "started_at": arena.started_at.isoformat() if arena.started_at else None,
            "evaluations": arena.document["evaluations"], "first_seed": arena.seeds.start, "all_seeds": len(arena.seeds)}
    runs = selectors.runs(arena)
    names: list[str] = arena.document["strategies"]
    failed = {run.strategy: run.error for run in reversed(runs) if run.status == Status.FAILED}
    done = {(run.strategy, run.seed): run for run in runs if run.status == Status.DONE}
    whole = [name for name in names if name not in failed]
    seeds = [seed for seed in arena.seeds if all((name, seed) in done for name in whole)]
    found = _compared(arena, {name: [done[name, seed] for seed in seeds] for name in whole}, seeds)
    by_name = {row["strategy"]: row for row in found["strategies"]}
    titles = {entry["name"]: entry["title"] for entry in api.strategies()}
    rows = [_row(name, titles.get(name, name), [run for run in runs if run.strategy == name], by_name.get(name),
                 failed.get(name)) for name in names]
    difference = found["critical_difference"]
    close = groups(rows, difference)
    return {**head, "ended": len(runs), "seeds": len(seeds), "strategies": rows, "groups": close,
            "critical_difference": difference, "words": titled(found["words"], titles),
            "caution": caution(len(seeds), len(whole) - 1), "rank_words": rank_words(rows, difference, close)}


def _compared(arena: Arena, runs: Mapping[str, Sequence[Run]], seeds: Sequence[int]) -> dict[str, Any]:
    baseline = arena.document["strategies"][0]
    if not seeds or baseline not in runs or len(runs) < 2:
        return {"strategies": [], "words": [], "critical_difference": None}
    tracks = {name: [run.track or {} for run in of] for name, of in runs.items()}
    return api.arena_summary(**arena.place, runs=tracks, baseline=tracks[baseline], seeds=seeds,
                             evaluations=arena.document["evaluations"])


def _row(name: str, title: str, runs: Sequence[Run], compared: Mapping[str, Any] | None,
         error: str | None) -> dict[str, Any]:
    """One strategy; what is not known yet is null."""
    told = {key: (compared or {}).get(key) for key in ("regret", "p_against_random", "p_holm", "mean_rank", "curve")}
    seconds = [run.seconds for run in runs if run.seconds is not None]
    cost = compared["curve"]["cost"][-1] if compared else None
    return {"strategy": name, "title": title, **told, "cost": cost, "done": sum(run.status == Status.DONE for run in runs),
            "seconds": sum(seconds) / len(seconds) if seconds else None, "error": error}


def results_csv(arena: Arena) -> str:
    """One line a run."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for run in selectors.runs(arena):
        ends = [run.track["incumbent"][-1], run.track["cost"][-1]] if run.track else ["", ""]
        writer.writerow([run.strategy, run.seed, run.status, *ends, run.seconds, guarded(run.error)])
    return out.getvalue()
