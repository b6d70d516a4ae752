"""Whatever is sent for facts gets facts or a reason, and soon."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from engine import api

SPACES = {space["name"]: space for space in api.spaces()}
STRANGE = [None, True, -1, 0, 1.5, 2**53, 10**16, "", "x" * 2000, "\u0000", [], [[]], [None], {}, {"kind": "chain"}, [1, 1],
           ["conv", "conv"], {"kind": "composed"}, [{"name": "lr"}], {"a": {"b": [{"c": []}]}},
           [{"name": "lr", "kind": "real", "low": 1, "high": 0}]]
WHOLE = ['{"kind": "chain", "preset": []}', '{"kind": "chain", "preset": {"a": 1}}', '{"kind": "chain", "": 1}',
         '{"kind": "chain", "a/b~c": 1}', '{"kind": "\\ud800"}', '{"\\ud800": 1}', '{"kind": ["chain"]}',
         '{"kind": {"kind": "chain"}}', "-", "\ufeff{}", '{"kind": "__init__"}', '{"kind": "space"}',
         '{"kind": "chain", "types": ' + "[" * 31 + "]" * 31 + "}"]


def ask(browser: Client, body: str) -> Any:
    answer = browser.post("/spaces/facts", body, content_type="application/json")
    assert answer.status_code in (200, 400), body[:200]
    found = answer.json()
    if answer.status_code == 400:
        assert found["error"]["reason"]
        assert all(set(error) == {"path", "reason", "allowed"} for error in found["errors"])
    return found


@pytest.mark.parametrize("kind", SPACES)
def test_every_option_may_be_given_anything(browser: Client, kind: str) -> None:
    for option in SPACES[kind]["options"]:
        for value in STRANGE:
            found = ask(browser, json.dumps({"kind": kind, option["name"]: value}))
            paths = [error["path"] for error in found.get("errors", [])]
            assert all(path == "" or path.startswith("/") for path in paths)


@pytest.mark.parametrize("kind", SPACES)
def test_the_largest_space_of_a_kind_has_its_facts(browser: Client, kind: str) -> None:
    """Every number at its upper bound, every choice in: the size may be beyond all floats, the answer is one."""
    largest: dict[str, Any] = {"kind": kind}
    for option in SPACES[kind]["options"]:
        if option["type"] in ("integer", "real") and option["bounds"][1] is not None:
            largest[option["name"]] = option["bounds"][1]
        elif option["type"] == "subset":
            largest[option["name"]] = option["bounds"]
    found = ask(browser, json.dumps(largest))
    if "errors" not in found and found["log10_size"]:
        assert found["log10_size"] < 1e9


@pytest.mark.parametrize("body", WHOLE)
def test_so_may_the_whole(browser: Client, body: str) -> None:
    assert "error" in ask(browser, body)
