"""Comparisons of estimators: what may be asked, how their runs are claimed, told of and settled, and their pages."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from apps.arena import estimates, leases, selectors, services
from apps.arena.models import Arena
from apps.arena.recorder import Superseded
from engine import api
from tests.apps.arena.conftest import WORKER
from tests.apps.arena.test_correlations import DOCUMENT, row

pytestmark = pytest.mark.django_db
GIVEN = {"table": "fashion", "estimators": ["spos", "synflow"], "sample": 50, "epochs": 3, "seed": 7}
ANSWERS = {"estimators": ["spos", "synflow"], "sample": "50", "epochs": "3", "seed": "7"}


@pytest.fixture
def asked(person: Any) -> Arena:
    return services.create(person, GIVEN)


def claimed() -> leases.Lease:
    lease = leases.claim(WORKER)
    assert lease is not None
    return lease


def measured(name: str, tau: float = 0.4) -> dict[str, Any]:
    return {**DOCUMENT, "estimators": [{key: value for key, value in row(name, tau).items() if key != "measured"}]}


@pytest.mark.parametrize(("more", "path"), [
    ({"table": "nothing"}, "/table"), ({"estimators": []}, "/estimators"), ({"estimators": ["magic"]}, "/estimators"),
    ({"sample": 5}, "/sample"), ({"sample": None}, "/sample"), ({"epochs": 101}, "/epochs"), ({"seed": True}, "/seed")])
def test_what_may_not_be_asked_says_where(person: Any, more: dict[str, Any], path: str) -> None:
    with pytest.raises(api.Invalid) as caught:
        services.create(person, {**GIVEN, **more})
    assert [problem.path for problem in caught.value.problems] == [path] and not Arena.objects.exists()


def test_each_estimator_is_a_run_whose_order_says_all_that_a_child_needs(asked: Arena) -> None:
    assert asked.title == "2 estimators on fashion" and asked.runs.count() == 2
    lease = claimed()
    assert lease.op == "correlate" and lease.order["estimators"] == ["spos"]
    assert {key: lease.order[key] for key in ("table", "sample", "seed", "epochs")} == {
        "table": "fashion", "sample": 50, "seed": 7, "epochs": 3}
    assert lease.order["workdir"] == str(estimates.folder(asked.pk)) and str(asked.pk) in lease.order["workdir"]


def test_progress_is_told_in_the_log_by_whoever_holds_the_run(asked: Arena) -> None:
    lease = claimed()
    leases.tell(lease, "epochs", 2, 3)
    assert selectors.progress(asked) == "spos: 2 of 3 epochs"
    leases.lose(lease, "gone")
    with pytest.raises(Superseded):
        leases.tell(lease, "epochs", 3, 3)


def test_it_ends_with_what_could_be_measured(asked: Arena) -> None:
    estimates.folder(asked.pk).mkdir(parents=True)
    leases.fail(claimed(), "no images")
    leases.finish(claimed(), measured("synflow"), 3.0)
    asked.refresh_from_db()
    assert asked.state == "finished" and not estimates.folder(asked.pk).exists()


def test_where_nothing_could_be_measured_it_has_failed(asked: Arena) -> None:
    leases.fail(claimed(), "no images")
    leases.fail(claimed(), "none either")
    asked.refresh_from_db()
    assert asked.state == "failed" and asked.reason == "No estimator could be measured. no images"


def test_stopping_and_deleting_leave_no_supernets(asked: Arena, person: Any) -> None:
    for act in (services.stop, services.delete):
        estimates.folder(asked.pk).mkdir(parents=True)
        act(asked, person)
        assert not estimates.folder(asked.pk).exists()


def test_the_page_has_the_rows_that_are_there_and_what_failed(browser: Client, visitor: Client, asked: Arena) -> None:
    leases.tell(claimed(), "networks", 10, 50)
    waiting = browser.get(asked.get_absolute_url()).content.decode()
    assert "spos: 10 of 50 networks" in waiting and "Nothing has been measured yet" in waiting
    leases.finish(claimed(), measured("synflow"), 3.0)
    leases.expire([WORKER])
    leases.fail(claimed(), "no <i>images")
    text = visitor.get(asked.get_absolute_url()).content.decode()
    assert re.findall(r'<tr data-estimator="(\w+)">', text) == ["synflow"] and "spos: no &lt;i&gt;images" in text
    assert "Delete for good" not in text and "--estimators spos,synflow --sample 50 --seed 7 --epochs 3" in text
    shown = json.loads(re.search(r'<script id="correlation-data" type="application/json">(.*?)</script>', text, re.S)[1])
    assert shown["urls"]["socket"] == f"/ws{asked.get_absolute_url()}" and shown["ended"] == shown["total"] == 2
    assert browser.get(f"{asked.get_absolute_url()}figures.json").json()["rows"] == shown["rows"]
    lines = browser.get(f"{asked.get_absolute_url()}results.csv").content.decode().splitlines()
    assert len(lines) == 2 and lines[1].startswith("synflow,proxy,0.4")
    assert asked.title in browser.get("/arena/").content.decode()


def test_rows_of_another_truth_are_not_drawn_with_it(browser: Client, asked: Arena) -> None:
    leases.finish(claimed(), measured("spos"), 3.0)
    leases.finish(claimed(), {**measured("synflow"), "true": [0.1, 0.2, 0.3]}, 3.0)
    found = browser.get(f"{asked.get_absolute_url()}figures.json").json()
    assert [each["estimator"] for each in found["rows"]] == ["spos"]
    assert found["failed"] == [{"estimator": "synflow", "error": "The table changed meanwhile."}]


def test_the_form_starts_a_comparison_once(browser: Client, client: Client) -> None:
    assert client.post("/arena/tables/fashion/measure/", ANSWERS).status_code == 302 and not Arena.objects.exists()
    form = browser.get("/arena/tables/fashion/").content.decode()
    key = re.search(r'name="key" value="(\w+)"', form)[1]
    answers = [browser.post("/arena/tables/fashion/measure/", {**ANSWERS, "key": key}) for _ in range(2)]
    made = Arena.objects.get()
    assert [answer.headers["Location"] for answer in answers] == [made.get_absolute_url()] * 2
    assert made.document["strategies"] == ["spos", "synflow"] and made.document["epochs"] == 3


def test_a_wrong_answer_stays_and_its_fault_stands_next_to_it(browser: Client) -> None:
    answer = browser.post("/arena/tables/fashion/measure/", {"sample": "9", "epochs": "3", "seed": "x"})
    text = answer.content.decode()
    assert answer.status_code == 422 and not Arena.objects.exists()
    for name, value in (("sample", "9"), ("seed", "x")):
        assert re.search(rf'id="f-{name}" [^>]*value="{value}"[^>]*aria-invalid="true"', text), name
    assert '<a href="#f-estimators">' in text
    assert browser.get("/arena/tables/fashion/measure/").status_code == 405
    assert browser.post("/arena/tables/nothing/measure/", ANSWERS).status_code == 404
