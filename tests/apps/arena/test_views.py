"""Pages of arenas: who may see them, what they show, what they refuse."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest
from django.test import Client

from apps.arena.models import Arena
from tests.apps.arena.conftest import Make, play

pytestmark = pytest.mark.django_db
ACTIONS = ("stop", "delete")
ANSWERS = {"field": "landscape:L2", "strategies": ["aging_evolution", "tpe"], "seeds": "3", "first_seed": "0",
           "evaluations": "40"}


def looks(arena: Arena) -> list[str]:
    return [f"{arena.get_absolute_url()}{end}" for end in ("", "figures.json", "results.csv", "events")]


def test_every_page_wants_a_person(client: Client, arena: Arena) -> None:
    for path in ("/arena/", "/arena/new/", *looks(arena)):
        assert client.get(path).status_code == 302
    for action in ACTIONS:
        assert client.post(f"{arena.get_absolute_url()}{action}/").status_code == 302
    assert Arena.objects.exists()


def test_whoever_has_the_address_may_look_and_only_the_owner_may_act(visitor: Client, arena: Arena) -> None:
    for path in looks(arena):
        assert visitor.get(path).status_code == 200
    for action in ACTIONS:
        assert visitor.post(f"{arena.get_absolute_url()}{action}/").status_code == 404
    assert "Delete for good" not in visitor.get(arena.get_absolute_url()).content.decode()
    assert str(arena.pk) not in visitor.get("/arena/").content.decode()
    arena.refresh_from_db()
    assert arena.state == "queued"


def test_what_is_not_there_is_404(browser: Client) -> None:
    for end in ("", "figures.json", "results.csv", "events"):
        assert browser.get(f"/arena/{uuid.uuid4()}/{end}").status_code == 404
    for action in ACTIONS:
        assert browser.post(f"/arena/{uuid.uuid4()}/{action}/").status_code == 404
    assert browser.get("/arena/1/").status_code == 404


def test_wrong_methods_are_405(browser: Client, arena: Arena) -> None:
    for action in ACTIONS:
        assert browser.get(f"{arena.get_absolute_url()}{action}/").status_code == 405
    for path in ("/arena/", *looks(arena)):
        assert browser.post(path).status_code == 405
    assert browser.put("/arena/new/").status_code == 405


def test_without_its_token_a_form_is_refused(person: Any, arena: Arena) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person)
    for path in ("/arena/new/", *(f"{arena.get_absolute_url()}{action}/" for action in ACTIONS)):
        assert strict.post(path).status_code == 403


def test_an_empty_list_says_what_to_do(browser: Client) -> None:
    assert "Start the first one" in browser.get("/arena/").content.decode()


def test_the_list_shows_ones_own(browser: Client, arena: Arena) -> None:
    text = browser.get("/arena/").content.decode()
    assert arena.get_absolute_url() in text and "0 of 9" in text and 'href="/arena/" aria-current="page"' in text
    for odd in ("?page=99", "?page=x"):
        assert browser.get(f"/arena/{odd}").status_code == 200


def test_the_form_starts_an_arena_once(browser: Client) -> None:
    key = uuid.uuid4().hex
    answers = [browser.post("/arena/new/", {**ANSWERS, "key": key}) for _ in range(2)]
    made = Arena.objects.get()
    assert [answer.headers["Location"] for answer in answers] == [made.get_absolute_url()] * 2
    assert made.document["strategies"] == ["random_search", "aging_evolution", "tpe"] and made.runs.count() == 9


def test_a_wrong_answer_stays_and_its_fault_stands_next_to_it(browser: Client) -> None:
    wrong = {"field": "landscape:L2", "strategies": ["nasbot"], "seeds": "１２", "evaluations": "99999", "first_seed": "-1"}
    answer = browser.post("/arena/new/", wrong)
    text = answer.content.decode()
    assert answer.status_code == 422 and not Arena.objects.exists()
    for name, value in (("seeds", "１２"), ("evaluations", "99999"), ("first_seed", "-1")):
        assert re.search(rf'id="f-{name}" [^>]*value="{value}"[^>]*aria-invalid="true"', text), name
        assert f'<a href="#f-{name}">' in text
    assert "Evaluations must be a whole number in range; allowed: a whole number from 10 to 5,000." in text
    assert "nasbot needs graph, which is not offered here" in text and '<a href="#f-strategies">' in text


def test_strategies_that_do_not_fit_say_why(browser: Client) -> None:
    text = browser.get("/arena/new/?field=landscape:L1").content.decode()
    assert re.search(r'value="nasbot".*?Needs graph, which is not offered here', text, re.S)
    assert json.loads(re.search(r'<script id="fits"[^>]*>(.*?)</script>', text, re.S)[1])["landscape:L3"]["nasbot"] is True


def test_the_card_of_a_table_says_how_much_of_it_is_there(browser: Client, make: Make) -> None:
    form = browser.get("/arena/new/").content.decode()
    assert re.search(r"Fashion-MNIST at 8×8: [\d.]+% of 8,765 networks × 2 seeds measured", form)
    arena = make(field="table:fashion")
    page = browser.get(arena.get_absolute_url()).content.decode()
    assert ("This table is not complete" in page) == (arena.document["measured"]["share"] < 1)


def test_the_address_of_a_copy_fills_the_form(browser: Client, arena: Arena) -> None:
    again = browser.get(arena.get_absolute_url()).context["again"]
    form = browser.get(again).context["form"]
    assert form.document() == {"field": "landscape:L2", "seeds": 3, "first_seed": 5, "evaluations": 40,
                               "strategies": ["random_search", "aging_evolution", "local_search"]}
    assert [choice.name for choice in form.strategies if choice.taken] == ["aging_evolution", "local_search"]
    assert browser.get("/arena/new/?field=%00&strategies=%F0%9F%92%A9,x&seeds=" + "9" * 500).status_code == 200


def test_the_page_carries_its_figures_and_its_seq(browser: Client, arena: Arena) -> None:
    waiting = browser.get(arena.get_absolute_url()).content.decode()
    assert "The first seed is being played" in waiting
    play(9)
    text = browser.get(arena.get_absolute_url()).content.decode()
    shown = json.loads(re.search(r'<script id="arena-data" type="application/json">(.*?)</script>', text, re.S)[1])
    assert shown["seq"] == 12 and shown["state"] == "finished" and len(shown["strategies"][0]["curve"]["mean"]) == 40
    assert shown["urls"]["socket"] == f"/ws{arena.get_absolute_url()}"
    assert re.findall(r'<tr data-strategy="(\w+)">', text) == ["aging_evolution", "local_search", "random_search"]
    assert "Aging evolution: mean regret 0.106 is lower than that of random search (0.506)" in text
    assert "Mean ranks, best first: Aging evolution 1.00, Local search 2.00, Random search 3.00." in text
    assert browser.get(f"{arena.get_absolute_url()}figures.json").json()["words"][0].startswith("Aging evolution")
    assert browser.get(f"{arena.get_absolute_url()}results.csv").content.decode().count("\r\n") == 10


def test_the_page_asks_the_database_as_often_for_many_runs_as_for_few(browser: Client, arena: Arena,
                                                                     django_assert_max_num_queries: Any) -> None:
    play(9)
    with django_assert_max_num_queries(12):
        assert browser.get(arena.get_absolute_url()).status_code == 200


def test_stop_and_delete(browser: Client, arena: Arena) -> None:
    assert browser.post(f"{arena.get_absolute_url()}stop/").headers["Location"] == arena.get_absolute_url()
    refused = browser.post(f"{arena.get_absolute_url()}stop/")
    assert refused.status_code == 409 and "stopped already" in refused.content.decode()
    assert browser.post(f"{arena.get_absolute_url()}delete/").headers["Location"] == "/arena/"
    assert not Arena.objects.exists()


def test_the_twin_tells_the_same_events(browser: Client, arena: Arena) -> None:
    play(1)
    found = browser.get(f"{arena.get_absolute_url()}events?after=1").json()
    assert found["seq"] == 3 and [event["type"] for event in found["events"]] == ["arena_state", "run_finished"]
    assert found["events"][1]["data"]["strategy"] == "random_search" and found["events"][1]["data"]["ended"] == 1
    assert browser.get(f"{arena.get_absolute_url()}events?after=x").status_code == 400
