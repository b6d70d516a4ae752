"""Reading one trained network: its page, its drawing, its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import Http404
from django.utils.text import slugify

from apps.searches.models import Download, Trial
from apps.searches.selectors import ENSEMBLE, leaderboard, reading
from engine import api


def drawing(trial: Trial) -> dict[str, Any]:
    """The cell, the macro strip and a description, of an epoch of shared weights those of what it stands for; or 404 where
    there is no architecture."""
    found = trial.work.get("architecture") or derived(trial)
    if found is None:
        raise Http404("This trial is no network, and none is derived from it.")
    return api.draw(trial.search.document["space"], found, *reading(trial))


def derived(trial: Trial) -> dict[str, Any] | None:
    """The architecture that an epoch of shared weights stands for, where its method derives one."""
    payload = (trial.outcome or {}).get("payload") or {}
    found: dict[str, Any] | None = payload.get("derived")
    return found


def page(trial: Trial) -> dict[str, Any]:
    """Everything the architecture page shows."""
    metrics = (trial.outcome or {}).get("metrics") or {}
    siblings = trial.search.trials.defer("outcome")
    order = [other.number for other in leaderboard(trial.search) if other.status == Trial.Status.DONE]
    twins = siblings.filter(canonical_id=trial.canonical_id).exclude(pk=trial.pk).exclude(canonical_id="")
    return {
        "trial": trial, "search": trial.search, "metrics": metrics, "drawing": drawing(trial),
        "score": api.entry("datasets", trial.search.document["dataset"]["name"]).facts["score"],
        "genotype_text": json.dumps(trial.work["architecture"]["genotype"], indent=2),
        "origin": trial.work.get("origin") or {},
        "curve": list(enumerate(metrics.get("curve") or [], 1)),
        "rank": order.index(trial.number) + 1 if trial.number in order else None,
        "ranked": len(order), "children": [t for t in siblings if trial.number in t.parents],
        "finals": list(siblings.filter(~ENSEMBLE, final_of=trial.number)),
        "same": list(twins),
        "download": Download.objects.filter(trial=trial).first(),
    }


def epoch_page(trial: Trial) -> dict[str, Any]:
    """Everything the page of an epoch of shared weights shows."""
    payload = (trial.outcome or {}).get("payload") or {}
    tables = [{"name": name, "ops": table["ops"],
               "rows": list(zip(table["edges"], payload["alphas"][name]["softmax"], strict=True))}
              for name, table in payload.get("tables", {}).items() if name in payload.get("alphas", {})]
    drawn = drawing(trial) if derived(trial) else None
    return {"trial": trial, "search": trial.search, "metrics": (trial.outcome or {}).get("metrics") or {},
            "payload": payload, "index": trial.work["index"] + 1, "continues": trial.work.get("continues"),
            "tables": tables, "drawing": drawn,
            "score": api.entry("datasets", trial.search.document["dataset"]["name"]).facts["score"]}


def failed_download(trial: Trial) -> Download | None:
    return Download.objects.filter(trial=trial, state=Download.State.FAILED).first()


def file(download: Download) -> Path | None:
    """The zip on disk; nothing outside the artifact store is ever served."""
    store = Path(settings.ARTIFACTS).resolve()
    path = (store / download.path).resolve()
    return path if path.is_file() and path.is_relative_to(store) else None


def file_name(trial: Trial) -> str:
    return f"{slugify(trial.search.name)[:60] or 'network'}-trial-{trial.number}.zip"
