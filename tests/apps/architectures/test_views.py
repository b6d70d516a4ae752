"""The page of one network, its drawing and its download."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.searches.models import Download, Search
from tests.apps.architectures.conftest import Address
from tests.apps.searches.conftest import add_epoch

ENDS = ("", "drawing.json", "download.zip")


def made(search: Search, artifacts: Path, number: int = 0, path: str = "made.zip", **more: Any) -> Download:
    (artifacts / "made.zip").write_bytes(b"PK made by a worker")
    trial = search.trials.get(number=number)
    return Download.objects.create(trial=trial, **{"state": "ready", "path": path, "size": 19, **more})


@pytest.mark.parametrize("end", ENDS)
def test_only_the_owner_sees_it(browser: Client, visitor: Client, client: Client, at: Address, end: str) -> None:
    assert browser.get(at(0, end)).status_code in (200, 202)
    assert visitor.get(at(0, end)).status_code == 404
    assert client.get(at(0, end)).status_code == 302
    assert browser.post(at(0, end)).status_code == 405


@pytest.mark.parametrize("end", ENDS)
def test_what_is_not_there_is_404(browser: Client, at: Address, end: str) -> None:
    for number in (3, 2**31, 10**30):
        assert browser.get(at(number, end)).status_code == 404
    assert browser.get(f"/searches/{uuid.uuid4()}/trials/0/{end}").status_code == 404
    assert browser.get(at(0, end).replace("trials/0", "trials/-1")).status_code == 404


def test_the_page_tells_what_it_is_and_where_it_comes_from(browser: Client, at: Address) -> None:
    text = browser.get(at(1)).content.decode()
    assert "0.7500 <small>rank 1 of 2</small>" in text
    assert f'<a href="{at(0)}">trial 0</a>' in text
    assert re.search(r"<td>2</td><td class=\"num\">0.7500</td>", text)
    assert "Children" in browser.get(at(0)).content.decode()


def test_a_failed_trial_says_why_and_offers_no_download(browser: Client, at: Address) -> None:
    text = browser.get(at(2)).content.decode()
    assert "the loss is &lt;not&gt; finite" in text
    assert "download.zip" not in text
    assert browser.get(at(2, "download.zip")).status_code == 409
    assert not Download.objects.exists()


def test_the_drawing_is_the_one_of_the_page(browser: Client, at: Address) -> None:
    drawn = browser.get(at(0, "drawing.json")).json()
    page = browser.get(at(0)).content.decode()
    found = re.search(r'<script id="drawing" type="application/json">(.*?)</script>', page, re.S)
    assert found
    assert json.loads(found[1]) == drawn
    assert drawn["cell"]["nodes"]
    assert drawn["words"] in page.replace("&#x27;", "'")


def test_a_download_that_is_not_there_is_asked_for_once_and_comes_by_itself(
        browser: Client, search: Search, artifacts: Path, at: Address) -> None:
    for _ in range(2):
        waiting = browser.get(at(0, "download.zip"))
        assert (waiting.status_code, waiting.headers["Refresh"]) == (202, f"2; url={at(0, 'download.zip')}")
    download = Download.objects.get()
    assert download.trial.number == 0
    download.delete()
    made(search, artifacts)
    answer = browser.get(at(0, "download.zip"))
    assert b"".join(answer.streaming_content) == b"PK made by a worker"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="resume-of-cells-trial-0.zip"'


def test_a_download_that_failed_says_why_and_is_tried_again_only_if_asked(
        browser: Client, search: Search, artifacts: Path, at: Address) -> None:
    made(search, artifacts, state="failed", reason="the score was not reproduced")
    for _ in range(2):
        answer = browser.get(at(0, "download.zip"))
        assert answer.status_code == 409
        assert "the score was not reproduced" in answer.content.decode()
    assert Download.objects.get().state == "failed"
    assert browser.get(at(0, "download.zip?again=1")).status_code == 202
    assert Download.objects.get().state == "wanted"


def test_nothing_outside_the_store_is_served(browser: Client, search: Search, artifacts: Path, at: Address) -> None:
    secret = artifacts.parent / "secret"
    secret.write_text("do not tell")
    for number, path in enumerate(("../secret", str(secret))):
        made(search, artifacts, number, path)
        answer = browser.get(at(number, "download.zip"))
        assert answer.status_code == 409
        assert b"do not tell" not in answer.content


def test_a_file_that_is_gone_is_made_again(browser: Client, search: Search, artifacts: Path, at: Address) -> None:
    made(search, artifacts)
    (artifacts / "made.zip").unlink()
    assert browser.get(at(0, "download.zip")).status_code == 202
    assert Download.objects.get().state == "wanted"


def test_an_epoch_of_shared_weights_has_a_page_but_no_network(browser: Client, search: Search, at: Address) -> None:
    add_epoch(search, 3)
    add_epoch(search, 4, "failed")
    text = browser.get(at(3)).content.decode()
    assert "epoch 4 of the supernet" in text and "nor_conv_3x3" not in text.split("<h1")[0]
    assert text.count('<th scope="row">') == 6 and "0.3000" in text and f'href="{at(2)}"' in text
    drawn = json.loads(re.search(r'<script id="drawing" type="application/json">(.*?)</script>', text)[1])
    assert drawn["cell"]["nodes"]
    assert "it broke" in browser.get(at(4)).content.decode()
    assert browser.get(at(3, "drawing.json")).json() == drawn and browser.get(at(4, "drawing.json")).status_code == 404
    refused = browser.get(at(3, "download.zip"))
    assert refused.status_code == 409 and "no trained network" in refused.content.decode()


def test_a_score_read_off_shared_weights_offers_no_download_and_names_whose_they_are(
        browser: Client, search: Search, at: Address) -> None:
    add_epoch(search, 3)
    trial = search.trials.get(number=1)
    trial.work["weights"] = {"source": "shared", "trial": 3, "morphs": []}
    trial.score_kind = "shared"
    trial.save()
    text = browser.get(at(1)).content.decode()
    assert "download.zip" not in text and f'<a href="{at(3)}">trial 3</a>' in text
    assert browser.get(at(1, "download.zip")).status_code == 409
