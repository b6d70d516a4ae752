"""Pages of searches: who may see them, what they show, what they refuse."""

from __future__ import annotations

import csv
import io
import json
import re
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from apps.searches import recorder
from apps.searches.charts import guarded
from apps.searches.models import Search
from engine import api
from tests.apps.searches.conftest import DOCUMENT, Make, add, add_epoch, in_state

ACTIONS = ("pause", "resume", "stop", "clone", "extend", "archive", "delete")


def data(text: str) -> dict[str, Any]:
    found = re.search(r'<script id="search-data" type="application/json">(.*?)</script>', text, re.S)
    assert found
    return json.loads(found[1])


def fields(**more: str) -> dict[str, str]:
    return {"dataset": "digits", "space": "chain", "strategy": "random_search", "name": "From the form", **more}


def test_every_page_wants_a_person(client: Client, search: Search) -> None:
    page = search.get_absolute_url()
    for path in ("/", "/searches/", "/searches/new/", page, f"{page}leaderboard.csv", f"{page}leaderboard.json"):
        assert client.get(path).status_code == 302
    for action in ACTIONS:
        assert client.post(f"{search.get_absolute_url()}{action}/").status_code == 302


def test_a_search_of_somebody_else_is_not_there(search: Search, stranger: Any) -> None:
    other = Client()
    other.force_login(stranger)
    for end in ("", "leaderboard.csv", "leaderboard.json"):
        assert other.get(search.get_absolute_url() + end).status_code == 404
    for action in ACTIONS:
        assert other.post(f"{search.get_absolute_url()}{action}/", {"trials": "3"}).status_code == 404
    assert "test" not in other.get("/searches/").content.decode().split("<main")[1]
    search.refresh_from_db()
    assert search.state == "queued"


def test_what_is_not_there_is_404(browser: Client) -> None:
    for action in ("", *(f"{action}/" for action in ACTIONS)):
        answer = browser.post if action else browser.get
        assert answer(f"/searches/{uuid.uuid4()}/{action}", {"trials": "1"}).status_code == 404
    assert browser.get("/searches/1/").status_code == 404


def test_wrong_methods_are_405(browser: Client, search: Search) -> None:
    for action in ACTIONS:
        assert browser.get(f"{search.get_absolute_url()}{action}/").status_code == 405
    for path in ("/", "/searches/", search.get_absolute_url(), f"{search.get_absolute_url()}leaderboard.csv"):
        assert browser.post(path).status_code == 405
    assert browser.put("/searches/new/").status_code == 405


def test_without_its_token_a_form_is_refused(person: Any, search: Search) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person)
    assert strict.post(f"{search.get_absolute_url()}delete/").status_code == 403


def test_home_and_list_say_what_to_do_when_nothing_is_there(browser: Client) -> None:
    assert "Start with one click" in browser.get("/").content.decode()
    assert "Start the first one" in browser.get("/searches/").content.decode()


def test_the_starters_of_the_home_page_start(browser: Client) -> None:
    page = browser.get("/")
    for starter in page.context["starters"]:
        assert browser.post("/searches/new/", {"document": starter["document"]}).status_code == 302
    assert Search.objects.count() == len(page.context["starters"]) == 4


def test_the_form_starts_a_search_once(browser: Client) -> None:
    key = uuid.uuid4().hex
    answers = [browser.post("/searches/new/", fields(key=key, seed="7")) for _ in range(2)]
    made = Search.objects.get()
    assert [answer.headers["Location"] for answer in answers] == [made.get_absolute_url()] * 2
    assert (made.name, made.document["seed"], made.document["space"]["kind"]) == ("From the form", 7, "chain")


def test_a_wrong_answer_stays_and_its_fault_stands_next_to_it(browser: Client) -> None:
    wrong = {"budget.trials": "１２", "space.chain.max_layers": "99", "seed": "NaN"}
    answer = browser.post("/searches/new/", fields(**wrong))
    text = answer.content.decode()
    assert answer.status_code == 422
    assert not Search.objects.exists()
    for name, value in (("budget-trials", "１２"), ("space-chain-max_layers", "99"), ("seed", "NaN")):
        assert re.search(rf'id="f-{name}" [^>]*value="{value}"[^>]*aria-invalid="true"', text), name
        assert f'id="f-{name}-error"' in text
        assert f'<a href="#f-{name}">' in text
    assert re.search(r'role="alert" tabindex="-1" id="errors" autofocus', text)
    assert "Trials must be a number; allowed: a whole number from 1 to 1,000,000, or empty." in text


def test_check_looks_and_starts_nothing(browser: Client) -> None:
    answer = browser.post("/searches/new/", fields(check="1"))
    assert answer.status_code == 200
    assert "Nothing has started yet" in answer.content.decode()
    assert not Search.objects.exists()


def test_a_preset_button_works_without_a_script(browser: Client) -> None:
    answer = browser.post("/searches/new/", fields(fill="space.chain.paper"))
    assert answer.status_code == 200
    assert answer.context["form"].document()["space"]["max_layers"] == 12
    assert not Search.objects.exists()


def test_a_pasted_document_starts_or_is_refused_with_its_place(browser: Client) -> None:
    wrong = browser.post("/searches/new/", {"document": json.dumps({**DOCUMENT, "seed": -1})})
    assert wrong.status_code == 422
    assert "/seed must be a whole number" in wrong.content.decode()
    assert browser.post("/searches/new/", {"document": json.dumps(DOCUMENT)}).status_code == 302
    assert Search.objects.get().document == api.parse(DOCUMENT).document()


BROKEN = ["{" * 100_000, '{"a":' * 40, "\ud83d", '{"\\ud800": {"\\udfff": 1}}', "\0", "[]", "9" * 5000]


@pytest.mark.parametrize("body", BROKEN)
def test_broken_documents_are_no_errors_of_ours(browser: Client, body: str) -> None:
    sent = urlencode({"document": body.encode("utf-8", "surrogatepass")})
    assert browser.post("/searches/new/", sent, content_type="application/x-www-form-urlencoded").status_code == 422


def test_huge_bodies_are_refused(browser: Client) -> None:
    sent = urlencode({"document": "x" * 1_200_000})
    assert browser.post("/searches/new/", sent, content_type="application/x-www-form-urlencoded").status_code == 400


def test_addresses_may_choose_kinds_and_nonsense_in_them_harms_nothing(browser: Client) -> None:
    page = browser.get("/searches/new/?space=nas_bench_201&strategy=aging_evolution")
    assert page.context["form"].chosen["space"] == "nas_bench_201"
    assert browser.get("/searches/new/?space=%00&strategy=x&dataset=%F0%9F%92%A9&name=" + "y" * 500).status_code == 200


def test_the_list_filters_by_its_address(browser: Client, make: Make) -> None:
    make(name="alpha")
    in_state(make(name="beta"), "finished")
    assert [s.name for s in browser.get("/searches/?state=finished").context["page"]] == ["beta"]
    assert [s.name for s in browser.get("/searches/?q=ALPH").context["page"]] == ["alpha"]
    assert "No search matches" in browser.get("/searches/?q=gamma").content.decode()
    for odd in ("?page=99", "?page=x", "?state=x", "?q=%00", "?archived=1"):
        assert browser.get(f"/searches/{odd}").status_code == 200


def test_the_page_carries_everything_and_its_seq(browser: Client, search: Search) -> None:
    add(search, 0, "done", 0.5, parameters=900, flops=8000, seconds=2.0, encoding_id="e0", canonical_id="c0")
    add(search, 1, "done", 0.75, parents=[0], canonical_id="c1")
    add(search, 2, "failed")
    add(search, 3, "running", lease_owner=search.id, lease_until=timezone.now())
    last = recorder.record(search.id, [{"event": "epoch", "trial": 3, "epoch": 1, "epochs": 5, "score": 0.25}])
    answer = browser.get(search.get_absolute_url())
    shown = data(answer.content.decode())
    assert shown["seq"] == last
    assert shown["curves"] == {"3": [0.25]}
    assert [trial["status"] for trial in shown["trials"]] == ["done", "done", "failed", "running"]
    assert shown["incumbent"]["trial"] == 1
    assert shown["incumbent"]["drawing"]["cell"]["nodes"]
    assert shown["urls"]["drawing"] == f"{search.get_absolute_url()}trials/{{n}}/drawing.json"
    rows = re.findall(r'<tr data-trial="(\d)">', answer.content.decode())
    assert rows == ["1", "0", "2"]


def test_how_many_epochs_there_will_be_is_what_the_newest_one_was_told(browser: Client, search: Search) -> None:
    search.document["strategy"] = {"name": "random_sharing", "epochs": 4, "seconds": 60.0}
    search.save()
    for number, of in enumerate((4, 10)):
        epoch = add_epoch(search, number)
        epoch.work["origin"]["of"] = of
        epoch.save()
    answer = browser.get(search.get_absolute_url())
    assert answer.context["figures"]["supernet"] == {"done": 2, "of": 10} and answer.context["figures"]["share"] == 20
    assert "2 of 10 epochs of the supernet" in answer.content.decode()


def test_a_search_that_trains_shared_weights_shows_how_far_they_are(browser: Client, search: Search) -> None:
    search.document["strategy"] = {"name": "darts", "epochs": 4}
    search.save()
    add_epoch(search, 0)
    add_epoch(search, 1, "failed")
    answer = browser.get(search.get_absolute_url())
    figures, text = answer.context["figures"], answer.content.decode()
    assert figures["supernet"] == {"done": 1, "of": 4} and figures["share"] == 25 and figures["best"] is None
    assert figures["done"] == figures["ended"] == figures["failed"] == figures["distinct"] == 0
    assert "1 of 4 epochs of the supernet" in text and not re.findall(r'<tr data-trial="(\d)">', text)
    assert "the first shared scores come after the last one" in text
    shown = data(text)
    assert shown["sharing"] and shown["derived"]["trial"] == 0 and shown["derived"]["epoch"] == 1
    assert shown["derived"]["drawing"]["words"] and "Derived now, not yet trained from scratch" in text
    add(search, 2, "done", 0.5, score_kind="shared")
    assert data(browser.get(search.get_absolute_url()).content.decode())["derived"] is None
    answer = browser.get(search.get_absolute_url())
    row = re.search(r'<tr data-trial="2">.*?</tr>', answer.content.decode())
    assert answer.context["figures"]["supernet"] is None and row is not None and "download.zip" not in row[0]
    assert browser.get(f"{search.get_absolute_url()}leaderboard.csv").content.decode().count("\n") == 2


def test_the_page_asks_the_database_as_often_for_many_trials_as_for_few(browser: Client, search: Search,
                                                                      django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        add(search, number, "done", number / 100)
    with django_assert_max_num_queries(25):
        assert browser.get(search.get_absolute_url()).status_code == 200


def test_only_what_fits_the_state_is_offered(browser: Client, search: Search) -> None:
    def offered() -> set[str]:
        text = browser.get(search.get_absolute_url()).content.decode()
        buttons = re.findall(r'data-when="[^"]*"( hidden)?>(Pause|Resume|Stop)<', text)
        assert len(buttons) == 3
        return {word for hidden, word in buttons if not hidden}

    assert offered() == {"Pause", "Stop"}
    in_state(search, "paused")
    assert offered() == {"Resume", "Stop"}
    in_state(search, "finished")
    assert offered() == set()


def test_pause_resume_and_stop_are_wishes(browser: Client, search: Search) -> None:
    for action, state in (("pause", "paused"), ("resume", "queued"), ("stop", "stopped")):
        assert browser.post(f"{search.get_absolute_url()}{action}/").status_code == 302
        search.refresh_from_db()
        assert search.state == state
    refused = browser.post(f"{search.get_absolute_url()}pause/")
    assert refused.status_code == 409
    assert "cannot pause" in refused.content.decode()


@pytest.mark.parametrize("trials", ["", "0", "-1", "nan", "1e3", "１", "9" * 40, "1000001"])
def test_extend_wants_a_sensible_number(browser: Client, search: Search, trials: str) -> None:
    assert browser.post(f"{search.get_absolute_url()}extend/", {"trials": trials}).status_code == 422
    search.refresh_from_db()
    assert search.document["budget"]["trials"] == 5


def test_extend_clone_archive_and_delete(browser: Client, search: Search) -> None:
    assert browser.post(f"{search.get_absolute_url()}extend/", {"trials": "3"}).status_code == 302
    search.refresh_from_db()
    assert search.document["budget"]["trials"] == 8
    assert browser.post(f"{search.get_absolute_url()}archive/").status_code == 409
    in_state(search, "finished")
    browser.post(f"{search.get_absolute_url()}archive/")
    assert not browser.get("/searches/").context["page"].object_list
    assert [s.pk for s in browser.get("/searches/?archived=1").context["page"]] == [search.pk]
    copy = browser.post(f"{search.get_absolute_url()}clone/")
    assert Search.objects.exclude(pk=search.pk).get().get_absolute_url() == copy.headers["Location"]
    assert browser.post(f"{search.get_absolute_url()}delete/").headers["Location"] == "/searches/"
    assert browser.get(search.get_absolute_url()).status_code == 404


def outcome(**metrics: Any) -> dict[str, Any]:
    return {"status": "failed" if "error_kind" in metrics else "done", "score": None, "score_kind": "scratch",
            "metrics": metrics, "spend": {}, "artifact": None, "payload": {}}


def test_the_best_is_of_the_kind_of_score_that_the_search_came_to_last(browser: Client, search: Search) -> None:
    add(search, 0, "done", 0.9, score_kind="shared")
    page = browser.get(search.get_absolute_url())
    assert "0.9000 <small>trial 0 with shared weights</small>" in page.content.decode()
    add(search, 1, "done", 0.5, score_kind="inherited")
    assert browser.get(search.get_absolute_url()).context["figures"]["best"]["number"] == 1


def test_what_broke_a_limit_is_counted_apart_and_what_nobody_trained_is_not_charged(browser: Client, search: Search) -> None:
    add(search, 0, "done", 0.5, epochs=1.0, outcome=outcome(latency_ms=1.25, latency_device="cpu"))
    add(search, 1, "failed", outcome=outcome(error="Over the limit", error_kind="constraint"))
    add(search, 2, "failed", epochs=1.0, outcome=outcome(error="Too slow", error_kind="constraint", latency_ms=9.0))
    add(search, 3, "failed")
    add(search, 4, "failed", outcome=outcome(error="Not trained", error_kind="filter"))
    figures = browser.get(search.get_absolute_url()).context["figures"]
    assert (figures["done"], figures["ended"], figures["infeasible"], figures["failed"]) == (3, 5, 3, 1)
    text = browser.get(f"{search.get_absolute_url()}leaderboard.csv").content.decode()
    assert [row["latency_ms"] for row in csv.DictReader(io.StringIO(text))] == ["1.25", "", "9.0", "", ""]
    assert "1.250 <small>ms for one input on cpu" in browser.get(f"{search.get_absolute_url()}trials/0/").content.decode()


def test_the_form_has_constraints_and_a_clone_keeps_them(browser: Client, make: Make) -> None:
    shown = browser.get("/searches/new/").content
    assert b'name="constraints.latency_ms"' in shown and b'name="filter.proxy"' in shown
    limited = make(constraints={"flops": 10**7, "patience": 9})
    browser.post(f"{limited.get_absolute_url()}clone/")
    copy = Search.objects.get(cloned_from=limited)
    assert copy.document["constraints"] == limited.document["constraints"] and copy.document["constraints"]["flops"] == 10**7


def test_the_csv_has_every_trained_network_and_the_json_too(browser: Client, search: Search) -> None:
    add(search, 0, "done", 0.5, parents=[4, 5])
    add(search, 1, "failed")
    text = browser.get(f"{search.get_absolute_url()}leaderboard.csv").content.decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["rank"], row["trial"], row["status"], row["score"], row["parents"]) for row in rows] == [
        ("1", "0", "done", "0.5", "4 5"), ("", "1", "failed", "", "")]
    assert [row["trial"] for row in browser.get(f"{search.get_absolute_url()}leaderboard.json").json()["rows"]] == [0, 1]


@pytest.mark.parametrize(("value", "safe"), [
    ("=1+1", "'=1+1"), ("@x", "'@x"), ("+1", "'+1"), ("-1", "'-1"), ("\tx", "'\tx"), ("a=b", "a=b"), (-0.5, -0.5),
    (None, None)])
def test_a_spreadsheet_gets_no_formula(value: object, safe: object) -> None:
    assert guarded(value) == safe


def test_words_of_people_stay_words(browser: Client, make: Make) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    search = make(name=evil)
    for path in ("/", "/searches/", search.get_absolute_url()):
        assert "<img" not in browser.get(path).content.decode()
    assert data(browser.get(search.get_absolute_url()).content.decode())["spec"]["name"] == evil
