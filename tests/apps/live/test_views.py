"""The HTTP twin: the same events as the socket, page by page."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.live import feed
from apps.searches.models import Search
from tests.apps.live.conftest import write

pytestmark = pytest.mark.django_db


def address(search: Search, query: str = "") -> str:
    return f"/searches/{search.id}/events{query}"


def test_gives_what_is_newer_than_the_cursor(search: Search, browser: Client) -> None:
    last = write(search, 4)
    answer = browser.get(address(search, f"?after={last - 2}"))
    assert answer.status_code == 200
    assert answer.json()["seq"] == last
    assert [(e["seq"], e["type"], e["data"]["text"]) for e in answer.json()["events"]] == [
        (last - 1, "log", "line 2"), (last, "log", "line 3")]
    assert "no-store" in answer["Cache-Control"]


def test_nothing_new_leaves_the_cursor(search: Search, browser: Client) -> None:
    last = write(search, 1)
    assert browser.get(address(search, f"?after={last}")).json() == {"seq": last, "events": []}


def test_a_long_log_comes_in_pages(search: Search, browser: Client) -> None:
    last = write(search, feed.PAGE + 10)
    seen: list[int] = []
    for _ in range(2):
        page = browser.get(address(search, f"?after={seen[-1] if seen else 0}")).json()
        seen += [event["seq"] for event in page["events"]]
    assert seen == list(range(1, last + 1))


@pytest.mark.parametrize("after", ["-1", "abc", str(10**30), "", "1.5", "%00", "NaN"])
def test_a_broken_cursor_is_a_400(search: Search, browser: Client, after: str) -> None:
    answer = browser.get(address(search, f"?after={after}"))
    assert answer.status_code == 400
    assert answer.json()["error"]["path"] == "/after"


def test_strangers_see_what_is_not_there(search: Search, browser: Client, stranger: Any) -> None:
    foreign = Client()
    foreign.force_login(stranger)
    assert foreign.get(address(search)).status_code == 404
    assert browser.get(f"/searches/{uuid4()}/events").status_code == 404


def test_nobody_is_asked_to_sign_in(search: Search) -> None:
    answer = Client().get(address(search))
    assert answer.status_code == 302
    assert "/accounts/login/" in answer["Location"]


def test_takes_no_other_method(search: Search, browser: Client) -> None:
    assert browser.post(address(search)).status_code == 405
