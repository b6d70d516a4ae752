"""Searches of a person that no worker touches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.searches import services
from apps.searches.models import Search, Trial
from engine import api

DOCUMENT = {"version": 1, "name": "test", "space": {"kind": "nas_bench_201", "preset": "cpu"},
            "strategy": {"name": "random_search"}, "dataset": {"name": "digits"}, "budget": {"trials": 5}}
Make = Callable[..., Search]


@pytest.fixture(autouse=True)
def artifacts(settings: Any, tmp_path: Path) -> Path:
    settings.ARTIFACTS = tmp_path / "artifacts"
    return settings.ARTIFACTS


@pytest.fixture
def make(person: Any) -> Make:
    def create(**more: Any) -> Search:
        return services.create(person, {**DOCUMENT, **more})

    return create


@pytest.fixture
def search(make: Make) -> Search:
    return make()


def in_state(search: Search, state: str) -> Search:
    """As if it had come there."""
    Search.objects.filter(pk=search.pk).update(state=state)
    search.refresh_from_db()
    return search


REPORT = {"train_loss": 1.5, "valid_loss": 2.0, "valid_score": 0.25, "skips": 1,
          "tables": {"cell": {"edges": [f"{i} to {j}" for j in range(1, 4) for i in range(j)],
                              "ops": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]}},
          "alphas": {"cell": {"softmax": [[0.1, 0.2, 0.3, 0.3, 0.1]] * 6, "raw": [[0.0] * 5] * 6}},
          "entropy": {"cell": [1.5] * 6},
          "derived": {"kind": "nas_bench_201", "genotype": {
              "arch": "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|"}}}


def add_epoch(search: Search, number: int, status: str = "done", score: float | None = 0.99, **more: Any) -> Trial:
    """An epoch of shared weights as it would be after its outcome."""
    work = {"type": "supernet_epoch", "index": number, "origin": {"how": "supernet"}, "trial": number,
            "continues": number - 1 if number else None, "settings": {}}
    metrics = {"curve": [score]} if status == "done" else {"error": "it broke"}
    outcome = {"status": status, "score": score, "score_kind": "shared", "metrics": metrics, "spend": {}, "artifact": None,
               "payload": REPORT if status == "done" else {}}
    score = score if status == "done" else None
    return Trial.objects.create(search=search, number=number, work=work, status=status, score=score, score_kind="shared",
                                outcome=outcome, **more)


def add(search: Search, number: int, status: str = "pending", score: float | None = None, **more: Any) -> Trial:
    """A trial as it would be after its outcome (or before)."""
    genotype = next(iter(api.sample(search.document["space"], 1, number)))["genotype"]
    work = {"type": "candidate", "architecture": {"kind": "nas_bench_201", "genotype": genotype}, "hyper": {},
            "fidelity": {}, "weights": {"source": "scratch", "trial": None, "morphs": []}, "parents": [],
            "origin": {"how": "random"},
            "trial": number, "final_of": None, "seed": 0}
    if status in ("done", "failed", "pruned"):
        more.setdefault("score_kind", "scratch")
        metrics = {} if status == "done" else {"error": "it broke"}
        more.setdefault("outcome", {"status": status, "score": score, "score_kind": "scratch", "metrics": metrics,
                                    "spend": {}, "artifact": None, "payload": {}})
    more.setdefault("encoding_id", f"e{number}")
    return Trial.objects.create(search=search, number=number, work=work, status=status, score=score, **more)
