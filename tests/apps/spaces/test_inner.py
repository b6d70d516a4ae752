"""The form of a composed space: fields of every kind that may stand inside, and of a hyperparameter."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.spaces import services
from apps.spaces.inner import InnerForms, inner_forms
from engine import api


@pytest.fixture
def forms(person: Any) -> InnerForms:
    found = inner_forms(api.entry("spaces", "composed").document(), "space.composed", person)
    assert found
    return found


def test_only_spaces_that_hold_another_have_them(person: Any) -> None:
    for space in api.spaces():
        nested = any(row["type"] == "space" for row in space["options"])
        assert bool(inner_forms(space, f"space.{space['name']}", person)) == nested == (space["name"] == "composed")


def test_every_kind_that_the_engine_takes_has_its_fields(forms: InnerForms) -> None:
    names = [space["name"] for space in forms.kinds]
    assert [choice["text"] for choice in forms.kind.choices] == names == list(forms.fields)
    for space in api.spaces():
        taken = True
        try:
            api.space_document({"kind": "composed", "architecture": {"kind": space["name"]}})
        except api.Invalid:
            taken = False
        assert taken == (space["name"] in names)
    chain = {field.name for field in forms.fields["chain"]}
    assert "space.composed.architecture/max_layers" in chain


def test_a_hyperparameter_has_a_field_for_every_key_of_the_document(forms: InnerForms) -> None:
    keys = {field.name.rsplit("/", 1)[1] for field in forms.decision}
    assert keys == {"name", "kind", "choices", "low", "high", "prior", "mu", "sigma", "step"}
    assert all(field.name.startswith("space.composed.hyper/__k__/") for field in forms.decision)
    offered = {choice["text"] for choice in forms.decision[0].choices}
    assert offered == {row["name"] for row in api.training()}


def test_a_condition_has_a_field_for_every_key_of_the_document_and_for_the_choice_between_them(forms: InnerForms) -> None:
    keys = {field.name.rsplit("/", 1)[1] for field in forms.condition}
    assert keys == {"name", "test", "among", "at_least"}
    assert all(field.name.startswith("space.composed.hyper/__k__/when/__i__/") for field in forms.condition)
    assert {field.typed for field in forms.condition if field.choices} == {"words"}        # names are no numbers


def test_saved_spaces_can_stand_inside_but_not_composed_ones(forms: InnerForms, person: Any) -> None:
    services.create(person, "Short", {"kind": "chain", "preset": "cpu"})
    services.create(person, "Joint", {"kind": "composed", "preset": "cpu"})
    assert [row["name"] for row in forms.parts()["saved"]] == ["Short"]


def test_the_page_carries_the_templates_and_other_kinds_do_not(browser: Client) -> None:
    page = browser.get("/spaces/new/?kind=composed").content.decode()
    assert page.count("<template") == len(api.spaces()) - hyper() + 3
    assert 'id="parts"' in page and "as JSON" in page           # without a script the JSON is the form
    assert "<template" not in browser.get("/spaces/new/?kind=chain").content.decode()


def hyper() -> int:
    """Kinds that hold training decisions."""
    return sum("hyper" in space["offers"] for space in api.spaces())
