"""Values to texts of a form and back."""

from __future__ import annotations

from typing import Any

import pytest

from apps.spaces.fields import Field, field_at, fields_of, meant, said, texts_of, values_of
from engine import api

ROWS = [row for space in api.spaces() for row in space["options"]]
CHAIN = api.entry("spaces", "chain").document()["options"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_every_default_survives_its_texts(row: dict[str, Any]) -> None:
    assert meant(row, said(row["default"], row["type"])) == row["default"]


@pytest.mark.parametrize(("kind", "text", "value"), [
    ("space", '{"kind": "chain"}', {"kind": "chain"}), ("decisions", "[]", []), ("space", "", None),
    ("space", "{", "{"), ("decisions", "[NaN]", "[NaN]"), ("space", "[" * 100, "[" * 100)])
def test_structured_options_are_json_and_what_is_none_stays_text(kind: str, text: str, value: object) -> None:
    assert meant({"type": kind, "bounds": []}, [text]) == value


def test_structured_values_are_shown_whole() -> None:
    value = {"kind": "chain", "types": ["conv"] * 200}
    field = Field("space.x.inner", {"name": "inner", "type": "space", "bounds": []}, said(value, "space"))
    assert meant(field.row, [field.text]) == value


def test_a_document_fills_fields_that_give_it_back() -> None:
    for name, values in api.entry("spaces", "chain").document()["presets"].items():
        written = api.space_document({"kind": "chain", "preset": name})
        fields = fields_of("space.chain", CHAIN, texts_of("space.chain", CHAIN, written))
        assert {"kind": "chain", **values_of(fields)} == written
        assert set(values) <= set(values_of(fields))


def test_a_pointer_finds_its_field_or_the_one_that_holds_it() -> None:
    fields = fields_of("space.chain", CHAIN, {})
    assert field_at(fields, ["space.chain", "types"]).name == "space.chain.types"
    assert field_at(fields, ["space.chain", "types", "3", "deep"]).name == "space.chain.types"
    assert field_at(fields, ["space.chain"]).name == fields[0].name
    assert field_at(fields, ["space.chain", "nothing"]) is None
    assert field_at(fields, ["strategy"]) is None


def test_a_refusal_names_the_option_and_what_is_allowed() -> None:
    field = fields_of("space.chain", CHAIN, {})[0]
    assert field.refuse(api.Problem("/min_layers", "is below 1", "a whole number or null")) == (
        "Min layers is below 1; allowed: a whole number, or empty.")
    assert field.errors
