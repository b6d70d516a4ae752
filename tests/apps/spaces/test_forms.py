"""The editor's form without a browser: fields and JSON, whichever counts."""

from __future__ import annotations

import json
import uuid

import pytest

from apps.spaces.forms import SpaceForm, pretty
from engine import api

CHAIN = api.space_document({"kind": "chain"})
GIVEN = SpaceForm.of(CHAIN, "Mine", 3).fields


def given(**more: str) -> dict[str, list[str]]:
    return {one.name: one.texts for one in GIVEN} | {name.replace("__", "."): [text] for name, text in more.items()}


@pytest.mark.parametrize("space", api.spaces(), ids=lambda space: space["name"])
def test_every_kind_survives_its_form(space: dict[str, object]) -> None:
    written = api.space_document({"kind": space["name"]})
    form = SpaceForm.of(written)
    assert form.valid(), form.problems
    assert form.checked == written
    assert json.loads(form.preview) == written


def test_fields_count_unless_the_json_was_edited_last() -> None:
    by_fields = SpaceForm("chain", given(space__chain__max_layers="7", document='{"kind": "chain", "max_layers": 9}'))
    assert by_fields.valid()
    assert by_fields.checked["max_layers"] == 7
    by_json = SpaceForm("chain", given(view="json", document='{"kind": "chain", "max_layers": 9}'))
    assert by_json.valid()
    assert by_json.checked == api.space_document({"kind": "chain", "max_layers": 9})
    assert next(one for one in by_json.fields if one.name.endswith("max_layers")).texts == ["9"]


BAD = ["", "{", "[]", '{"kind": "chain", "x": 1}', '{"kind": "nas_bench_201"}', '{"kind": "chain", "kind": 1}',
       '{"kind": "chain", "max_layers": NaN}', "[" * 400, '{"kind": null}', "\ud800"]


@pytest.mark.parametrize("text", BAD)
def test_bad_json_is_refused_and_kept(text: str) -> None:
    form = SpaceForm("chain", given(view="json", document=text))
    assert not form.valid()
    assert form.problems
    assert form.preview == text


def test_a_fault_stands_at_its_field() -> None:
    form = SpaceForm("chain", given(space__chain__max_layers="1"))
    assert not form.valid()
    ((place, text),) = form.problems
    assert place.name == "space.chain.max_layers"
    assert text in place.errors
    assert [problem.path for problem in form.faults] == ["/max_layers"]


@pytest.mark.parametrize("name", ["x" * 201, "bell\a", "two\nlines"])
def test_names_are_short_and_printable(name: str) -> None:
    assert not SpaceForm("chain", given(name=name)).valid()


def test_a_preset_fills_the_form_and_keeps_the_name() -> None:
    form = SpaceForm("chain", given(name="Mine", seen="3")).filled("cpu")
    assert form.document() == api.space_document({"kind": "chain", "preset": "cpu"})
    assert (form.heads["name"], form.seen) == ("Mine", 3)


@pytest.mark.parametrize(("key", "kept"), [(str(uuid.UUID(int=7)), True), ("nonsense", False), ("", False)])
def test_the_key_is_kept_or_made(key: str, kept: bool) -> None:
    assert (SpaceForm("chain", given(key=key)).key == uuid.UUID(int=7)) is kept


@pytest.mark.parametrize("seen", ["", "-1", "x", "٣", "9" * 30])
def test_a_strange_version_is_none(seen: str) -> None:
    assert SpaceForm("chain", given(seen=seen)).seen == 0


def test_json_has_an_option_a_line() -> None:
    text = pretty({"kind": "x", "types": ["a", "b"], "inner": {"kind": "y", "n": 1}})
    assert text.split("\n")[1:3] == ['  "kind": "x",', '  "types": ["a", "b"],']
    assert json.loads(text)["inner"] == {"kind": "y", "n": 1}


def test_what_is_nested_takes_lines_only_where_it_is_long() -> None:
    inner = {"kind": "y", "ops": ["one", "two"], "rows": [{"name": "a" * 60, "low": 1}, {"name": "b" * 60, "low": 2}]}
    document = {"kind": "x", "empty": {}, "short": {"n": [1, {"m": 2}]}, "inner": inner}
    lines = pretty(document).split("\n")
    assert json.loads("\n".join(lines)) == document
    assert lines[2:8] == ['  "empty": {},', '  "short": {"n": [1, {"m": 2}]},', '  "inner": {', '    "kind": "y",',
                          '    "ops": ["one", "two"],', '    "rows": [']
    assert lines[8] == f'      {{"name": "{"a" * 60}", "low": 1}},'
