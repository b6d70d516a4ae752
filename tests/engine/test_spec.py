"""The document: strict JSON in, every fault with its place, defaults written out."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from engine.errors import Invalid
from engine.spec import misread, parse, parse_text

MINIMAL: dict[str, Any] = {"space": {"kind": "chain"}, "strategy": {"name": "random_search"}, "dataset": {"name": "digits"}}


def paths(document: Any) -> set[str]:
    with pytest.raises(Invalid) as caught:
        parse(document)
    return {p.path for p in caught.value.problems}


def test_space_strategy_and_dataset_are_enough() -> None:
    spec = parse(MINIMAL)
    assert spec.budget.trials == 30 and spec.finals.top == 1 and spec.execution.order == "strict" and spec.seed == 0


def test_the_written_out_document_parses_to_the_same_spec() -> None:
    spec = parse({**MINIMAL, "estimation": {"name": "scratch", "preset": "cpu"}})
    assert parse(json.loads(json.dumps(spec.document()))) == spec


@pytest.mark.parametrize("key", ["space", "strategy", "dataset"])
def test_a_missing_part_is_named(key: str) -> None:
    assert paths({k: v for k, v in MINIMAL.items() if k != key}) == {f"/{key}"}


@pytest.mark.parametrize(("path", "value"), [
    ("/version", 2), ("/version", "1"), ("/version", True), ("/name", 5), ("/name", "a\nb"), ("/name", "x" * 201),
    ("/seed", -1), ("/seed", 1.5), ("/seed", True), ("/budget", []), ("/budget/trials", 0), ("/budget/seconds", "9"),
    ("/finals/top", 0), ("/finals/seeds", None), ("/execution/order", "any"), ("/execution/slots", 0), ("/space/kind",
    "no"), ("/space/kind", 5),
    ("/space/kind", None), ("/strategy/name", "os.system"), ("/strategy/extra", 1), ("/dataset/name", {}), ("/extra", 1),
    ("/estimation/epochs", 0), ("/estimation/preset", "gpu"), ("/__class__", {}),
])
def test_each_fault_is_pointed_at(path: str, value: Any) -> None:
    document = copy.deepcopy(MINIMAL)
    *parents, last = path.strip("/").split("/")
    at = document
    for parent in parents:
        at = at.setdefault(parent, {"name": "scratch"} if parent == "estimation" else {})
    at[last] = value
    assert path in paths(document)


def test_a_budget_without_any_limit_is_refused() -> None:
    assert paths({**MINIMAL, "budget": {"trials": None}}) == {"/budget"}


@pytest.mark.parametrize(("change", "path"), [
    ({"filter": 5}, "/filter"), ({"filter": {"proxy": "magic"}}, "/filter/proxy"), ({"filter": {"of": 1}}, "/filter/of"),
    ({"filter": {"of": 5, "keep": 6}}, "/filter/keep"), ({"filter": {"until": 0}}, "/filter/until"),
    ({"filter": {"best": 3}}, "/filter/best"), ({"estimation": {"name": "proxies", "proxy": "none"}}, "/estimation/proxy"),
    ({"estimation": {"name": "proxies"}, "budget": {"trials": None, "epochs": 50}}, "/budget"),
    ({"estimation": {"name": "proxies"}, "ensemble": {"size": 3}}, "/ensemble/size")])
def test_faults_of_the_filter_and_of_proxies_are_pointed_at(change: dict[str, Any], path: str) -> None:
    assert paths({**MINIMAL, **change}) == {path}


def test_a_proxy_that_differentiates_by_its_inputs_cannot_read_text() -> None:
    text = {"space": {"kind": "recurrent_cell", "preset": "cpu"}, "dataset": {"name": "stdlib_text"}}
    for name in ("synflow", "naswot", "jacob_cov"):
        assert paths({**MINIMAL, **text, "filter": {"proxy": name}}) == {"/filter/proxy"}
        assert paths({**MINIMAL, **text, "estimation": {"name": "proxies", "proxy": name}}) == {"/estimation/proxy"}
    assert parse({**MINIMAL, **text, "filter": {"proxy": "snip"}}).filter.on


@pytest.mark.parametrize("value", [None, [], 5, "x", True])
def test_what_is_no_object_is_refused(value: Any) -> None:
    assert paths(value) == {""}


@pytest.mark.parametrize("text", [
    "", "{", '{"a": NaN}', '{"a": Infinity}', '{"a": 1e999}', '{"a": 1, "a": 2}', "[" * 100_000,
    '{"a":' * 33 + "1" + "}" * 33, '{"a": ' + "9" * 5000 + "}", "\ufeff{}",
    '{"a": 9007199254740994}', " " * (1024 * 1024 + 1), "{" + ",".join(f'"{n}":1' for n in range(501)) + "}",
    b"\xff\xfe{\x00}\x00", "{'a': 1}", '{"a": 1}}',
])
def test_what_strict_json_forbids_is_refused(text: str | bytes) -> None:
    with pytest.raises(Invalid):
        parse_text(text)


def test_brackets_inside_text_are_not_depth() -> None:
    assert parse_text(json.dumps({"a": "[" * 100 + '"\\' + "]"})) == {"a": "[" * 100 + '"\\' + "]"}


@pytest.mark.parametrize(("space", "dataset", "reason"), [
    ("recurrent_cell", "digits", "is of kind images; this space reads text"),
    ("chain", "stdlib_text", "is of kind text; this space reads images")])
def test_a_dataset_that_the_space_cannot_read_is_refused(space: str, dataset: str, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse({**MINIMAL, "space": {"kind": space}, "dataset": {"name": dataset}})
    (problem,) = caught.value.problems
    assert (problem.path, problem.reason) == ("/dataset/name", reason)
    assert dataset not in problem.allowed and ("stdlib_text" in problem.allowed) == (space == "recurrent_cell")


def test_augmentation_is_of_images() -> None:
    text = {**MINIMAL, "space": {"kind": "recurrent_cell"}, "dataset": {"name": "stdlib_text"}}
    assert parse(text).dataset.name == "stdlib_text"
    with pytest.raises(Invalid) as caught:
        parse({**text, "estimation": {"name": "scratch", "augment": "crop"}})
    assert caught.value.problems[0].path == "/estimation/augment"


def test_a_strategy_needs_an_estimation_that_does_what_it_asks_for() -> None:
    document = {"space": {"kind": "nas_bench_201"}, "strategy": {"name": "random_sharing"}, "dataset": {"name": "digits"}}
    assert parse(document).estimation.name == "shared"
    with pytest.raises(Invalid) as caught:
        parse({**document, "estimation": {"name": "scratch"}})
    [problem] = caught.value.problems
    assert problem.path == "/estimation/name" and "epochs of a supernet" in problem.reason
    assert problem.allowed == "one of shared"
    assert parse({**document, "strategy": {"name": "random_search"}}).estimation.name == "scratch"
    assert parse({**document, "strategy": {"name": "random_search"}, "estimation": {"name": "shared"}})


SHARED_TEXT: dict[str, Any] = {"space": {"kind": "recurrent_cell", "preset": "cpu"}, "strategy": {"name": "darts"},
                               "dataset": {"name": "stdlib_text", "train_limit": 100, "length": 32}}


def test_a_text_too_short_for_shared_weights_is_refused_with_the_lengths_that_fit() -> None:
    with pytest.raises(Invalid) as caught:
        parse(SHARED_TEXT)
    [problem] = caught.value.problems
    assert problem.path == "/dataset/length" and problem.allowed.startswith("2 to 24, or 128 characters")
    assert parse({**SHARED_TEXT, "dataset": {**SHARED_TEXT["dataset"], "length": 24}}).strategy.name == "darts"
    assert parse({**SHARED_TEXT, "dataset": {**SHARED_TEXT["dataset"], "train_limit": 129}}).strategy.name == "darts"
    few = {"name": "stdlib_text", "characters": 1000, "length": 203}
    assert paths({**SHARED_TEXT, "dataset": few}) == {"/dataset/length"}
    assert parse({**SHARED_TEXT, "dataset": {**few, "length": 202}})


def test_a_short_text_will_do_where_no_batch_norm_stands_between_shared_weights() -> None:
    assert parse({**SHARED_TEXT, "space": {**SHARED_TEXT["space"], "search_norm": False}})
    assert parse({**SHARED_TEXT, "strategy": {"name": "random_search"}, "estimation": {"name": "shared"}})


def test_an_upload_is_measured_as_long_as_it_is() -> None:
    """Until it is looked into, it may have as many characters as are read."""
    spec = parse({**SHARED_TEXT, "dataset": {"name": "text_file", "sha256": "0" * 64, "length": 500}})
    [problem] = misread(spec, {"characters": 1100})
    assert problem.path == "/dataset/length" and problem.allowed.startswith("2 to 222,")
    assert not misread(spec, {"characters": 3000}) and not misread(spec, {}) and not misread(parse(MINIMAL), {})
