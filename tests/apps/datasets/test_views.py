"""The page of datasets."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from engine import api


def test_each_dataset_is_there_and_says_whether_it_is_ready(browser: Client) -> None:
    text = browser.get("/datasets/").content.decode()
    found = dict(re.findall(r'<h2 id="dataset-(\w+)">.*?<span class="state [^"]*">([^<]+)</span>', text))
    own = {dataset["name"] for dataset in api.datasets() if any(o["name"] == "sha256" for o in dataset["options"])}
    assert found == {dataset["name"]: "ready" if dataset["ready"] else "needs a download" for dataset in api.datasets()
                     if dataset["name"] not in own}
    assert found["digits"] == "ready"


def test_what_is_not_here_says_so(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = next(dataset for dataset in api.datasets() if dataset["name"] == "digits")
    monkeypatch.setattr(api, "datasets", lambda: [{**digits, "ready": False}])
    assert "needs a download" in browser.get("/datasets/").content.decode()


def test_it_wants_a_person_and_takes_no_post(browser: Client, client: Client) -> None:
    assert client.get("/datasets/").status_code == 302
    assert browser.post("/datasets/").status_code == 405
