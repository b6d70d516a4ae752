"""A search with three trained networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from apps.searches import services
from apps.searches.models import Search, Trial
from engine import api

DOCUMENT = {"name": "Résumé of ../../cells", "space": {"kind": "nas_bench_201", "preset": "cpu"},
            "strategy": {"name": "random_search"}, "dataset": {"name": "digits"}}


@pytest.fixture(autouse=True)
def artifacts(settings: Any, tmp_path: Path) -> Path:
    settings.ARTIFACTS = tmp_path / "artifacts"
    settings.ARTIFACTS.mkdir()
    return settings.ARTIFACTS


@pytest.fixture
def search(browser: Client) -> Search:
    owner = get_user_model().objects.get(username="ada")
    search = services.create(owner, DOCUMENT)
    points = list(api.sample(search.document["space"], 3, 1))
    for number, (point, status, score) in enumerate(zip(points, ("done", "done", "failed"), (0.5, 0.75, None), strict=True)):
        parents = [0] if number else []
        work = {"type": "candidate", "architecture": {"kind": "nas_bench_201", "genotype": point["genotype"]}, "hyper": {},
                "fidelity": {}, "weights": {"source": "scratch", "trial": None, "morphs": []}, "parents": parents,
                "origin": {"how": "mutation"}, "trial": number, "final_of": None, "seed": 0}
        metrics = {"curve": [0.25, score]} if status == "done" else {"error": "the loss is <not> finite"}
        Trial.objects.create(search=search, number=number, work=work, status=status, score=score, score_kind="scratch",
                             encoding_id=f"e{number}", parents=parents,
                             outcome={"status": status, "score": score, "metrics": metrics})
    return search


Address = Callable[[int, str], str]


@pytest.fixture
def at(search: Search) -> Address:
    return lambda number, end="": f"{search.get_absolute_url()}trials/{number}/{end}"
