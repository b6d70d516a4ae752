"""Options: one declaration, strict about what it takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import options
from engine.errors import Invalid, Problem
from engine.options import choice, flag, integer, rate, subset, text


@dataclass(frozen=True)
class Sample:
    count: int = integer(5, low=1, high=10, paper=7, help="How many.")
    share: float = rate(0.5, help="Part of the whole.")
    mode: str = choice("a", choices=("a", "b"), help="Which.")
    kernels: tuple[int, ...] = subset((3,), choices=(1, 3, 5), help="Sizes.")
    on: bool = flag(False, help="Whether.")
    note: str = text("", longest=5, help="Words.")
    limit: int | None = integer(None, low=1, high=3, optional=True, help="Or none.")

    def check(self) -> list[Problem]:
        return [Problem("/count", "must be even when on", "2, 4 …")] if self.on and self.count % 2 else []


PRESETS = {"cpu": {"count": 2, "mode": "b"}}


def faults(given_values: dict[str, Any]) -> dict[str, Problem]:
    with pytest.raises(Invalid) as caught:
        options.parse(Sample, given_values, "/part", presets=PRESETS)
    return {p.path: p for p in caught.value.problems}


def test_what_is_left_out_takes_its_default() -> None:
    assert options.parse(Sample, {}) == Sample()


def test_a_preset_is_overridden_by_what_stands_beside_it() -> None:
    assert options.parse(Sample, {"preset": "cpu", "count": 4}, presets=PRESETS) == Sample(count=4, mode="b")


@pytest.mark.parametrize(("key", "value"), [
    ("count", 0), ("count", 11), ("count", 2.0), ("count", True), ("count", "5"), ("count", None), ("count", []),
    ("share", math.nan), ("share", math.inf), ("share", -0.1), ("share", "0.5"), ("share", 1.01), ("mode", "c"), ("mode", 1),
    ("kernels", []), ("kernels", [3, 3]), ("kernels", [2]), ("kernels", "3"), ("kernels", [True]), ("kernels", [[3]]),
    ("on", 1), ("on", "true"), ("note", "\u0000"), ("note", "123456"), ("note", 5), ("note", "\ud800"), ("limit", 0),
])
def test_each_wrong_value_names_its_field_its_reason_and_the_range(key: str, value: Any) -> None:
    problem = faults({key: value})[f"/part/{key}"]
    assert problem.reason and problem.allowed


def test_all_faults_are_told_at_once() -> None:
    assert set(faults({"count": 0, "mode": "z", "extra": 1, "preset": "gpu"})) == {
        "/part/count", "/part/mode", "/part/extra", "/part/preset"}


def test_a_cross_field_fault_points_at_its_field() -> None:
    assert faults({"on": True, "count": 3})["/part/count"].reason == "must be even when on"


@given(st.builds(Sample, count=st.integers(1, 10), share=st.floats(0, 1), mode=st.sampled_from("ab"),
                 kernels=st.lists(st.sampled_from([1, 3, 5]), min_size=1, unique=True).map(tuple)))
def test_a_document_of_options_parses_to_the_same_options(built: Sample) -> None:
    assert options.parse(Sample, options.document(built)) == built


def test_the_description_holds_what_forms_need() -> None:
    first = options.describe(Sample)[0]
    assert first["name"] == "count" and first["bounds"] == [1, 10] and first["paper_value"] == 7 and first["help"]


@dataclass(frozen=True)
class Nested:
    inside: Any = options.structured("pair", [1, 2], help="Two numbers.", form="[A, B]",
                                     read=lambda value, path: _pair(value, path))


def _pair(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise Invalid(Problem(f"{path}/1", "is missing", "[A, B]"))
    return sorted(value)


def test_a_structured_option_is_read_into_its_normal_form_and_tells_its_own_faults() -> None:
    assert options.parse(Nested, {}).inside == [1, 2]
    built = options.parse(Nested, {"inside": [4, 3]})
    assert built.inside == [3, 4] and options.document(built) == {"inside": [3, 4]}
    assert isinstance(hash(built), int)
    with pytest.raises(Invalid) as caught:
        options.parse(Nested, {"inside": [4], "other": 1}, "/part")
    assert {p.path for p in caught.value.problems} == {"/part/inside/1", "/part/other"}


def test_a_structured_option_describes_itself_to_forms() -> None:
    (row,) = options.describe(Nested)
    assert row["type"] == "pair" and row["default"] == [1, 2] and row["allowed"] == "[A, B]"
