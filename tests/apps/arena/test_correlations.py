"""The page of estimators: what is kept beside a table, drawn, as a table, CSV and JSON, and for whom."""

from __future__ import annotations

import csv
import json
import re
from typing import Any

import pytest
from django.test import Client

from apps.arena import correlations
from engine import api

pytestmark = pytest.mark.django_db
PAGES = ("/arena/tables/fashion/", "/arena/tables/fashion/estimators.json", "/arena/tables/fashion/estimators.csv")


def row(name: str, tau: float | None, **more: Any) -> dict[str, Any]:
    interval = None if tau is None else [tau - 0.05, tau + 0.05]
    return {"estimator": name, "score_kind": "shared", "n": 3, "kendall": tau, "kendall_interval": interval,
            "spearman": tau, "spearman_interval": interval, "top": 0.25, "unscored": 0, "scored": None, "reasons": {},
            "scores": [1, 2, None], "training": None, "seconds": 0.5, "measured": "2026-11-24T22:00+00:00", "load": 1.5,
            "versions": {"python": "3", "torch": "2"}, **more}


TRAINING = {"epochs": 12, "seconds": 90.0, "options": {}}
DOCUMENT = {"format": 1, "table": "fashion", "digest": "x", "completeness": {"share": 0.4}, "entries": 900, "sample": 3,
            "seed": 7, "truth": "mean test accuracy", "chance": 0.06, "networks": ["a", "b", "c"], "true": [0.8, 0.81, 0.82],
            "estimators": [row("snip", -0.1), row("darts", 0.3, training=TRAINING),
                           row("naswot", None, reasons={"no <b>": 3}), row("spos", 0.45, training=TRAINING)]}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "correlations", lambda table: DOCUMENT)


def test_every_page_wants_a_person_and_whoever_is_signed_in_may_look(client: Client, visitor: Client, kept: None) -> None:
    for path in PAGES:
        assert client.get(path).status_code == 302
        assert visitor.get(path).status_code == 200
        assert visitor.post(path).status_code == 405
        assert visitor.get(path.replace("fashion", "nothing")).status_code == 404


def test_rows_come_best_first_with_their_figures_and_when_they_were_measured(browser: Client, kept: None) -> None:
    text = browser.get(PAGES[0]).content.decode()
    assert re.findall(r'<tr data-estimator="(\w+)">', text) == ["spos", "darts", "snip", "naswot"]
    assert "0.400 to 0.500" in text and "2026-11-24T22:00" in text and "Single-path one-shot (SPOS)" in text
    assert "More of the table has been measured since" in text and "3 <small>of 900 measured" in text
    assert "the machine had a load of 1.5 then" in text
    assert "no &lt;b&gt;" in text and "no <b>" not in text
    assert "correlate --table fashion --estimators spos,darts,snip,naswot --sample 3 --seed 7 --epochs 12 --json" in text
    shown = json.loads(re.search(r'<script id="correlation-data" type="application/json">(.*?)</script>', text, re.S)[1])
    assert shown == browser.get(PAGES[1]).json() and shown["rows"][0]["scores"] == [1, 2, None]
    assert shown["true"] == DOCUMENT["true"] and [each["kind"] for each in shown["rows"]] == ["supernet"] * 2 + ["proxy"] * 2


def test_the_picture_in_words() -> None:
    rows = correlations.figures(DOCUMENT, {})["rows"]
    said = correlations.words(rows, 0.06)
    assert said.startswith("Single-path one-shot (SPOS) knows the order best: Kendall's tau 0.450, 0.400 to 0.500")
    assert "No better than chance: snip." in said and "within 0.060 of zero" in said
    assert correlations.words([], None) == correlations.words(rows[3:], 0.06) == "Nothing has been measured yet."


def test_the_csv_has_a_line_for_each(browser: Client, kept: None) -> None:
    lines = list(csv.DictReader(browser.get(PAGES[2]).content.decode().splitlines()))
    assert [line["estimator"] for line in lines] == ["spos", "darts", "snip", "naswot"]
    assert lines[0]["kendall"] == "0.45" and lines[0]["training_epochs"] == "12" and lines[2]["training_epochs"] == ""
    assert lines[3]["kendall"] == lines[3]["kendall_low"] == "" and lines[3]["without_score"] == "0"


def test_a_table_of_which_nothing_is_kept_says_so(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "correlations", lambda table: None)
    text = browser.get(PAGES[0]).content.decode()
    assert "Nothing is kept for this table yet" in text and "correlation-data" not in text
    assert browser.get(PAGES[1]).json()["rows"] == []


def test_the_list_and_an_arena_on_a_table_lead_there(browser: Client, make: Any) -> None:
    assert f'href="{PAGES[0]}"' in browser.get("/arena/").content.decode()
    assert f'href="{PAGES[0]}"' in browser.get(make(field="table:fashion").get_absolute_url()).content.decode()
    assert PAGES[0] not in browser.get(make().get_absolute_url()).content.decode()


def test_what_ships_is_shown(browser: Client) -> None:
    for link in correlations.links():
        assert browser.get(link["url"]).status_code == 200
