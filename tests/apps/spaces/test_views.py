"""Pages of spaces and strategies, and the facts of a space as it is being made."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from apps.spaces import selectors
from engine import api

PAGES = ["/spaces/", "/strategies/", *(f"/spaces/{space['name']}/" for space in api.spaces()),
         *(f"/strategies/{strategy['name']}/" for strategy in api.strategies())]


def ask(browser: Client, body: Any, query: str = "") -> Any:
    text = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return browser.post(f"/spaces/facts{query}", text, content_type="application/json")


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_there_for_who_is_signed_in(browser: Client, client: Client, path: str) -> None:
    page = browser.get(path)
    assert page.status_code == 200
    assert page.content.decode().count("<h1") == 1
    assert client.get(path).status_code == 302
    assert browser.post(path).status_code == 405


@pytest.mark.parametrize("path", ["/spaces/nothing/", "/strategies/nothing/", "/strategies/chain/", "/spaces/..%2fchain/"])
def test_what_is_not_declared_is_404(browser: Client, path: str) -> None:
    assert browser.get(path).status_code == 404


def test_every_method_has_a_page_of_words() -> None:
    for found in (*api.strategies(), *api.spaces()):
        assert "<h1>" in selectors.page(found["name"]), found["name"]


def test_html_in_a_method_page_is_shown_and_not_obeyed(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil.md").write_text("# Evil\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1))\n")
    monkeypatch.setattr(selectors, "PAGES", tmp_path)
    html = selectors.page("evil")
    assert "<script" not in html
    assert 'href="javascript' not in html


def test_a_strategy_says_what_it_goes_with_and_why_not(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = "needs supernet, which the space Chain does not offer"
    verdicts = {space["name"]: reason if space["name"] == "chain" else True for space in api.spaces()}
    monkeypatch.setattr(api, "compatible", lambda: {strategy["name"]: verdicts for strategy in api.strategies()})
    for path in ("/strategies/", "/strategies/random_search/"):
        assert f"no: {reason}" in browser.get(path).content.decode()


def test_facts_are_the_engines_and_what_samples_cost(browser: Client) -> None:
    found = ask(browser, {"kind": "nas_bench_201", "channels": 8}).json()
    assert found["size"] == "15625"
    low, _, high = found["ranges"]["parameters"]
    assert 0 < low < high
    assert low <= api.measure({"kind": "nas_bench_201", "channels": 8}, found["sample"], [1, 8, 8], 10)["parameters"]
    assert found["drawing"]["cell"]["nodes"]


def test_another_seed_draws_another_sample_and_the_same_the_same(browser: Client) -> None:
    samples = [ask(browser, {"kind": "chain"}, f"?seed={seed}").json()["sample"] for seed in (1, 2, 1)]
    assert samples[0] == samples[2] != samples[1]


def test_the_dataset_gives_the_input(browser: Client) -> None:
    shapes = [ask(browser, {"kind": "chain"}, f"?dataset={name}").json()["drawing"]["macro"][0]["shape"]
              for name in ("digits", "cifar10")]
    assert shapes == [[1, 8, 8], [3, 32, 32]]


BROKEN = ["", "{", "[]", "1", '{"kind": "nothing"}', '{"kind": 1}', '{"kind": null}', "[" * 500, b"\xff\xfe",
          '{"kind": "chain", "kind": "chain"}', '{"kind": "chain", "x": 1}', '{"kind": "chain", "types": []}',
          *(f'{{"kind": "chain", "max_layers": {value}}}' for value in ("NaN", "1e999", '"6"', "0", "33", "null"))]


@pytest.mark.parametrize("body", BROKEN)
def test_broken_spaces_are_refused_with_a_reason(browser: Client, body: str) -> None:
    answer = ask(browser, body)
    assert answer.status_code == 400
    assert answer.json()["error"]["reason"]


@pytest.mark.parametrize("query", ["?seed=x", "?seed=-1", "?seed=" + "9" * 40, "?seed=１", "?dataset=none", "?dataset=%00"])
def test_broken_addresses_too(browser: Client, query: str) -> None:
    assert ask(browser, {"kind": "chain"}, query).status_code == 400


def test_facts_want_a_post_and_a_person(browser: Client, client: Client) -> None:
    assert browser.get("/spaces/facts").status_code == 405
    assert ask(client, {"kind": "chain"}).status_code == 302


def test_facts_of_a_space_that_cannot_read_the_dataset_are_those_on_one_that_it_can(browser: Client) -> None:
    found = ask(browser, {"kind": "recurrent_cell", "preset": "cpu"}, "?dataset=digits").json()
    assert found["dataset"] != "digits" and found["input"] == "32 characters, 98 different ones"
    found = ask(browser, {"kind": "chain", "preset": "cpu"}, "?dataset=digits").json()
    assert (found["dataset"], found["input"]) == ("digits", "1×8×8 images, 10 classes")
    assert found["cost"]["parameters"] == sum(box["parameters"] for box in found["drawing"]["macro"])


def test_a_sample_of_a_joint_space_tells_its_training(browser: Client) -> None:
    found = ask(browser, {"kind": "composed", "preset": "cpu"}, "?dataset=digits").json()
    assert "Trained with" in found["drawing"]["words"]
    assert f"weight decay {found['sample']['hyper']['weight_decay']:.3g}" in found["drawing"]["words"]
