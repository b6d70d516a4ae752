"""Faults of a JSON text point at their place, wherever it is, before there is any data."""

from __future__ import annotations

import json
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import json_places
from engine.errors import Invalid
from engine.spec import MAX_DEPTH, parse_text

VALUES = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
                      lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
                      max_leaves=8)
MARK = 123456.5


def at(value: Any, pointer: str) -> Any:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    return reduce(lambda held, step: held[int(step) if isinstance(held, list) else step], steps, value)


def fault(text: str) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        parse_text(text)
    (problem,) = caught.value.problems
    assert problem.allowed
    return problem.path, problem.reason


@settings(deadline=None)
@given(VALUES, VALUES, VALUES, st.text(max_size=5))
def test_a_value_is_found_where_it_is(before: Any, after: Any, inside: Any, key: str) -> None:
    document = [before, {"a": inside, key: [after, MARK]}, after]
    for indent in (None, 1):
        text = json.dumps(document, indent=indent, ensure_ascii=indent is None)
        place = json_places.literal(text, str(MARK))
        assert at(document, place) == MARK
        assert json_places.pointer(text, text.index(str(MARK))) == place


@pytest.mark.parametrize(("text", "path"), [
    ('{"a": NaN}', "/a"), ("NaN", ""), ('{"a": "NaN", "b": [0, NaN]}', "/b/1"),
    ('{"kind": "chain", "x": [1, {"y~/": -Infinity}]}', "/x/1/y~0~1"), ('{"a": {"b": {}}, "c": 1e999}', "/c"),
    ('{"a": [[1], 9007199254740994]}', "/a/1"), ('{"a": 1, "b": {"a": 2, "c": [0, {"a": 1, "a": 3}]}}', "/b/c/1/a"),
    ('{"a": 1, "a": 2}', "/a"), ('{"a": {"a": 1}, "b": 0, "a": 2}', "/a"), ('{"a": }', "/a"), ('{"a": [1, 2', "/a/1"),
    ('["x", {"k": tru}]', "/1/k"), ("[[1, 2], [3,, 4]]", "/1/1"), ("", ""), ("{", ""), ('{"a": 1}}', ""), ('{"a": "x', "/a"),
    ('{"a', ""), ('{"\\n": NaN}', "/\n")])
def test_faults_of_the_text_have_a_pointer(text: str, path: str) -> None:
    assert fault(text)[0] == path


@pytest.mark.parametrize("levels", [33, 65, 100_000])
def test_what_is_too_deep_is_told_where_it_is_too_deep(levels: int) -> None:
    text = '{"kind": "chain", "types": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"
    path, reason = fault(text)
    assert path == "/types" + "/0" * (MAX_DEPTH - 1) and "deep" in reason
    assert json_places.deeper(text, levels) is None


def test_as_deep_as_allowed_is_not_too_deep() -> None:
    text = "[" * MAX_DEPTH + '"' + "[" * 50 + '"' + "]" * MAX_DEPTH
    assert parse_text(text) == json.loads(text)


@pytest.mark.parametrize("text", [
    '{"k' + '\\"' * 60_000, '"' * 60_001, '{"a":' + "[" * 31 + "1," * 60_000, "\\" * 10**5])
def test_hostile_texts_take_no_time_that_grows_faster_than_they_do(text: str) -> None:
    fault(text)                 # what is quadratic would take hours


def test_of_a_long_key_a_part_is_told() -> None:
    assert fault('{"' + "k" * 500 + '": NaN}')[0] == "/" + "k" * json_places.LONGEST
