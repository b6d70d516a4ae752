"""What a person's own things put into the form of a new search."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from apps.searches.forms import NewSearch
from apps.searches.offers import of
from apps.spaces import services
from apps.spaces.models import SpaceDefinition
from engine import api


@pytest.mark.parametrize("kind", [space["name"] for space in api.spaces()])
def test_a_saved_space_fills_the_form_with_itself(person: Any, kind: str) -> None:
    saved = services.create(person, "Mine", {"kind": kind, "preset": "cpu"})
    form = NewSearch.blank({"definition": str(saved.pk)}, of(person))
    assert form.document()["space"] == saved.document
    assert form.valid(), form.problems
    (offer,) = form.saved["space"]
    assert (offer.name, offer.title) == (f"definition.{saved.pk}", "Mine")
    assert NewSearch({}, of(person)).filled(offer.name).document()["space"] == saved.document


def test_only_ones_own_are_offered(person: Any) -> None:
    saved = services.create(person, "Mine", {"kind": "chain"})
    other = get_user_model().objects.create_user("eve", password="another long phrase")
    assert of(other) == []
    form = NewSearch.blank({"definition": str(saved.pk)}, of(other))
    assert form.document() == NewSearch.blank({}).document()


def test_a_kind_that_is_gone_is_not_offered(person: Any) -> None:
    services.create(person, "Mine", {"kind": "chain"})
    SpaceDefinition.objects.update(document={"kind": "gone"})
    assert of(person) == []
