"""What a network reads: as large as the upload is, before anything was trained and after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.datasets import services as uploads
from apps.datasets.models import UploadedDataset
from apps.searches import selectors, services
from engine import api
from tests.apps.searches.conftest import add

ROWS = "".join(f"{k}.5,{k % 7},{'rgb'[k % 3]},{'ab'[k % 2]}\n" for k in range(40))
TABLE = f"length,width,colour,label\n{ROWS}".encode()
MLP = {"kind": "mlp", "preset": "cpu"}


@pytest.fixture
def table(person: Any, settings: Any, tmp_path: Path) -> UploadedDataset:
    settings.DATA = tmp_path
    return uploads.store(person, SimpleUploadedFile("table.csv", TABLE))


def asked(table: UploadedDataset, **more: Any) -> dict[str, Any]:
    return {"space": MLP, "dataset": {"name": "table_file", "sha256": table.sha256, "target": "label", **more}}


def test_facts_are_those_on_the_upload(person: Any, stranger: Any, table: UploadedDataset) -> None:
    found = selectors.facts_on(person, asked(table), 0)
    assert found["input"] == "5 features, 2 classes"                     # length, width, three colours
    assert found == selectors.facts_on(person, asked(table), 0) != selectors.facts_on(person, asked(table), 1)
    assert selectors.facts_on(person, asked(table, leave_out="colour"), 0)["input"] == "2 features, 2 classes"
    assert selectors.facts_on(stranger, asked(table), 0)["input"] == "10 features, 2 classes"      # as declared


@pytest.mark.parametrize("dataset", [None, 5, [], {}, {"name": []}, {"name": "nothing"}])
def test_facts_without_a_dataset_are_refused_or_on_another_one(person: Any, dataset: Any) -> None:
    with pytest.raises(api.Invalid):
        selectors.facts_on(person, {"space": MLP, "dataset": dataset}, 0)


@pytest.mark.parametrize("sha256", [None, 5, {}, "", "\0", "0" * 64])
def test_what_is_no_upload_of_theirs_is_read_as_declared(person: Any, sha256: Any) -> None:
    found = selectors.facts_on(person, {"space": MLP, "dataset": {"name": "table_file", "sha256": sha256}}, 0)
    assert found["input"] == "10 features, 2 classes"


def test_the_form_asks_for_them(client: Client, person: Any, table: UploadedDataset) -> None:
    client.force_login(person)
    answer = client.post("/searches/facts", json.dumps(asked(table)), content_type="application/json")
    assert answer.json()["input"] == "5 features, 2 classes"
    refused = client.post("/searches/facts", json.dumps({"space": MLP}), content_type="application/json")
    assert (refused.status_code, refused.json()["error"]["path"]) == (400, "/dataset")
    assert client.get("/searches/facts").status_code == 405
    page = client.get(f"/searches/new/?space=mlp&upload={table.pk}")
    assert page.context["facts"]["input"] == "5 features, 2 classes"
    assert 'data-url="/searches/facts"' in page.content.decode()


def test_a_trial_is_drawn_on_what_it_will_read(person: Any, table: UploadedDataset) -> None:
    search = services.create(person, {**asked(table), "strategy": {"name": "random_search"}, "budget": {"trials": 1}})
    trial = add(search, 0)
    assert selectors.reading(trial) == ([5], 2)
    trial.outcome = {"metrics": {"input": [4], "classes": 3}}
    assert selectors.reading(trial) == ([4], 3)
