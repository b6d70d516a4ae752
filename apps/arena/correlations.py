"""What the page of estimators shows: how well each knows the true order of a measured table's networks."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import Http404
from django.urls import reverse

from engine import api

FIGURES = ("kendall", "kendall_interval", "spearman", "spearman_interval", "top", "n", "unscored", "reasons", "seconds",
           "training", "measured", "scores")
COLUMNS = ("estimator", "kind", "kendall", "kendall_low", "kendall_high", "spearman", "spearman_low", "spearman_high",
           "top_tenth", "networks", "without_score", "training_epochs", "training_seconds", "seconds_a_network", "measured")


def card(table: str) -> dict[str, Any]:
    """Of a table that is there; else 404."""
    found = next((card for card in api.tables() if card["name"] == table), None)
    if found is None:
        raise Http404("There is no such table.")
    return found


def kept(table: str) -> dict[str, Any]:
    """The page of what is kept beside a table."""
    found = card(table)
    known = api.correlations(table) or {"estimators": []}
    rows = known["estimators"]
    drawn = figures(known, found)
    epochs = max(((row["training"] or {}).get("epochs", 0) for row in rows), default=0) or api.EPOCHS
    again = command(table, [row["estimator"] for row in drawn["rows"]], drawn["sample"], drawn["seed"], epochs)
    load = max((row["load"] for row in rows), default=None)
    stale = bool(rows) and known["completeness"] != found["completeness"]
    return {"table": table, "figures": drawn, "load": load, "stale": stale, "command": again,
            "versions": rows[0]["versions"] if rows else {}, "json_url": reverse("arena:estimators_json", args=[table]),
            "csv_url": reverse("arena:estimators_csv", args=[table])}


def figures(document: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """The data that is drawn and offered as JSON: rows with the strongest tau first, what has none last."""
    titles = {row["name"]: row for row in api.estimators()}
    rows = [_row(row, titles) for row in document["estimators"]]
    rows.sort(key=lambda row: (row["kendall"] is None, -(row["kendall"] or 0.0), row["estimator"]))
    told = {key: document.get(key) for key in ("table", "sample", "entries", "seed", "truth", "chance", "completeness")}
    return {**told, "rows": rows, "networks": document.get("networks", []), "true": document.get("true", []),
            "trainings": (table.get("pilot") or {}).get("kendall"), "words": words(rows, document.get("chance"))}


def words(rows: Sequence[Mapping[str, Any]], chance: float | None) -> str:
    """The picture in a sentence or two."""
    ranked = [row for row in rows if row["kendall"] is not None]
    if not ranked or chance is None:
        return "Nothing has been measured yet."
    best = ranked[0]
    low, high = best["kendall_interval"] or (best["kendall"], best["kendall"])
    blind = [row["title"] for row in ranked if row["kendall"] <= chance]
    told = f" No better than chance: {', '.join(blind)}." if blind else ""
    return (f"{best['title']} knows the order best: Kendall's tau {best['kendall']:.3f}, {low:.3f} to {high:.3f} over "
            f"resamples of the networks.{told} By chance alone tau is within {chance:.3f} of zero.")


def table_csv(found: Mapping[str, Any]) -> str:
    """One line an estimator."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in found["rows"]:
        training, nothing = row["training"] or {}, ("", "")
        writer.writerow([row["estimator"], row["kind"], row["kendall"], *(row["kendall_interval"] or nothing),
                         row["spearman"], *(row["spearman_interval"] or nothing), row["top"], row["n"], row["unscored"],
                         training.get("epochs", ""), training.get("seconds", ""), row["seconds"], row["measured"]])
    return out.getvalue()


def command(table: str, names: Sequence[str], sample: int, seed: int, epochs: int) -> str:
    """The same from a terminal."""
    return (f".venv/bin/python -m engine correlate --table {table} --estimators {','.join(names)} --sample {sample} "
            f"--seed {seed} --epochs {epochs} --json")


def links() -> list[dict[str, str]]:
    """The pages of all tables of which something is measured."""
    return [{"name": card["name"], "url": reverse("arena:estimators", args=[card["name"]])} for card in api.tables()
            if any(card["completeness"]["measured_by_seed"])]


def _row(row: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    about = known.get(row["estimator"], {"title": row["estimator"], "kind": "", "says": ""})
    return {"estimator": row["estimator"], "title": about["title"], "kind": about["kind"], "says": about["says"],
            **{key: row.get(key) for key in FIGURES}}
