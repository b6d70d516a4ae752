"""The ensemble of a search on its page, in CSV and JSON, and where it must not pass for a network."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.test import Client

from apps.searches import charts, listings, selectors, services
from apps.searches.models import Search, Trial
from apps.workers import leases
from apps.workers.leases import Lease
from engine import api
from tests.apps.searches.conftest import add

FOUND = {"members": [[0, 1], [2, 3]], "single": {"trial": 2, "score": 0.7, "test": 0.6}}


def close(search: Search, status: str = "done", **metrics: Any) -> Trial:
    """Three networks, a final and the ensemble."""
    for number, score in enumerate((0.5, 0.6, 0.7)):
        add(search, number, "done", score)
    add(search, 3, "done", 0.65, final_of=2)
    candidate = api.work_from(search.trials.get(number=2).work)
    assert isinstance(candidate, api.Candidate)
    work = {"type": "ensemble", "size": 4, "origin": {"how": "ensemble"}, "trial": 4, "networks": [
        {"trial": 2, "architecture": candidate.architecture.document(), "weights": "w", "predictions": "p"}]}
    outcome = {"status": status, "score": 0.9 if status == "done" else None, "score_kind": "scratch", "spend": {},
               "metrics": metrics or {"ensemble": FOUND, "test": 0.8}, "artifact": "a", "payload": {}}
    return Trial.objects.create(search=search, number=4, work=work, status=status, final_of=2, score=outcome["score"],
                                score_kind="scratch", outcome=outcome if status in ("done", "failed") else None)


def test_a_search_without_one_has_an_empty_panel_and_no_rows(browser: Client, search: Search) -> None:
    page = browser.get(search.get_absolute_url())
    assert page.context["ensemble"] is None and b'data-panel="ensemble" aria-labelledby="h-ensemble" hidden' in page.content
    assert browser.get(f"{search.get_absolute_url()}ensemble.json").json() == {"ensemble": None}
    assert browser.get(f"{search.get_absolute_url()}ensemble.csv").content.splitlines() == [b"trial,picked,weight,score"]


def test_its_scores_stand_beside_those_of_the_best_single_network(browser: Client, search: Search) -> None:
    close(search)
    told = browser.get(f"{search.get_absolute_url()}ensemble.json").json()["ensemble"]
    assert (told["trial"], told["score"], told["test"], told["single"]) == (4, 0.9, 0.8, FOUND["single"])
    assert told["members"] == [{"trial": 2, "picked": 3, "weight": 0.75, "score": 0.7},
                               {"trial": 0, "picked": 1, "weight": 0.25, "score": 0.5}]
    rows = list(csv.DictReader(io.StringIO(browser.get(f"{search.get_absolute_url()}ensemble.csv").content.decode())))
    assert [row["weight"] for row in rows] == ["0.75", "0.25"]
    page = browser.get(search.get_absolute_url())
    assert page.context["ensemble"] == told and b"best single" in page.content
    assert f"{search.get_absolute_url()}trials/4/download.zip".encode() in page.content


@pytest.mark.parametrize(("status", "metrics", "words"), [
    ("pending", {}, b"chosen when the budget is spent"), ("failed", {"error": "all gone"}, b"There is none: all gone")])
def test_one_that_is_not_there_says_so(browser: Client, search: Search, status: str, metrics: Any, words: bytes) -> None:
    close(search, status, **metrics)
    page = browser.get(search.get_absolute_url())
    assert words in page.content and page.context["ensemble"]["members"] == []


def test_strangers_see_nothing_of_it(search: Search, stranger: Any) -> None:
    close(search)
    client = Client()
    client.force_login(stranger)
    for name in ("ensemble.json", "ensemble.csv"):
        assert client.get(f"{search.get_absolute_url()}{name}").status_code == 404
        assert Client().get(f"{search.get_absolute_url()}{name}").status_code == 302


def test_it_is_no_network_of_the_search(browser: Client, person: Any, search: Search) -> None:
    close(search)
    page = charts.page(search)
    assert [trial.number for trial in selectors.leaderboard(search)] == [2, 3, 1, 0]
    best = selectors.incumbent(search)
    assert best is not None and best.number == 2
    assert [trial["number"] for trial in page["finals"]] == [3] and page["figures"]["done"] == 3
    assert page["figures"]["best"]["number"] == 2
    assert 4 not in [trial.number for trial in listings.home(person)["best"]]
    assert selectors.searches_of(person).get(pk=search.pk).best_score == 0.7       # type: ignore[attr-defined]
    assert browser.get(f"{search.get_absolute_url()}trials/4/")["Location"] == f"{search.get_absolute_url()}#ensemble"
    network = browser.get(f"{search.get_absolute_url()}trials/2/")
    assert [final.number for final in network.context["finals"]] == [3]


def test_its_download_is_asked_for_like_that_of_a_network(browser: Client, search: Search) -> None:
    close(search)
    waiting = browser.get(f"{search.get_absolute_url()}trials/4/download.zip")
    assert waiting.status_code == 202 and b"Back to the search" in waiting.content


def test_it_is_proposed_as_a_closing_trial_and_never_the_incumbent(search: Search) -> None:
    trial = close(search, "pending")
    made = services._proposed(search, trial.work)
    assert made.final_of == 2 and made.encoding_id == ""
    Trial.objects.filter(pk=trial.pk).update(status="running", lease_token=1, lease_owner=search.pk,
                                             lease_until="2100-01-01T00:00:00Z")
    outcome = api.Outcome("done", 0.99, metrics={"ensemble": FOUND, "test": 0.8})
    leases.finish(Lease(trial.pk, search.pk, 4, 1, None), api.parse(search.document), api.work_from(trial.work), outcome)
    told = list(search.events.values_list("type", flat=True))
    assert "trial_finished" in told and "incumbent" not in told
    data = search.events.get(type="trial_finished").data
    assert data["ensemble"] == FOUND and data["final_of"] == 2 and data["test"] == 0.8
