"""Saving spaces: versions, lost updates, restoring."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction

from apps.spaces import services
from apps.spaces.models import SpaceDefinition, SpaceVersion
from engine import api

SMALL = {"kind": "chain", "preset": "cpu"}


def test_the_first_version_holds_every_option(person: Any) -> None:
    made = services.create(person, "Small", SMALL, "a start")
    assert made.document == api.space_document(SMALL)
    assert "preset" not in made.document
    (version,) = made.versions.all()
    assert (version.number, version.document, version.note, version.author) == (1, made.document, "a start", person)
    assert made.kind == "chain"


def test_what_the_engine_refuses_is_not_saved(person: Any) -> None:
    with pytest.raises(api.Invalid, match="max_layers"):
        services.create(person, "x", {"kind": "chain", "max_layers": 500})
    made = services.create(person, "x", SMALL)
    with pytest.raises(api.Invalid, match="/types"):
        services.save(made, "x", {"kind": "chain", "types": []}, person, seen=1)
    assert SpaceVersion.objects.count() == 1


def test_the_same_key_saves_once_and_a_strangers_key_is_none(person: Any) -> None:
    key = uuid.uuid4()
    first = services.create(person, "x", SMALL, key=key)
    assert services.create(person, "x", SMALL, key=key) == first
    other = get_user_model().objects.create_user("eve", password="another long phrase")
    theirs = services.create(other, "x", SMALL, key=key)
    assert theirs.pk != first.pk
    assert SpaceDefinition.objects.count() == 2


def test_a_space_without_a_name_is_called_after_its_kind(person: Any) -> None:
    assert services.create(person, "", SMALL).name == "Chain space"


def test_saving_adds_a_version_and_only_where_something_changed(person: Any) -> None:
    made = services.create(person, "x", SMALL)
    saved = services.save(made, "x", {**made.document, "max_layers": 4}, person, seen=1, note="shorter")
    assert (saved.number, saved.document["max_layers"]) == (2, 4)
    assert services.save(saved, "x", saved.document, person, seen=2).number == 2
    assert services.save(saved, "y", saved.document, person, seen=2).number == 3
    assert list(saved.versions.values_list("number", "name", "note")) == [(3, "y", ""), (2, "x", "shorter"), (1, "x", "")]


def test_an_edit_of_an_older_version_is_not_saved_over_a_newer_one(person: Any) -> None:
    made = services.create(person, "x", SMALL)
    services.save(made, "x", {**made.document, "max_layers": 4}, person, seen=1)
    with pytest.raises(services.Stale, match="Version 2"):
        services.save(made, "x", {**made.document, "max_layers": 3}, person, seen=1)
    assert SpaceDefinition.objects.get().document["max_layers"] == 4


def test_restoring_is_a_new_version(person: Any) -> None:
    made = services.create(person, "x", SMALL)
    first = made.document
    services.save(made, "longer", {**first, "max_layers": 9}, person, seen=1)
    restored = services.restore(made.versions.get(number=1), person)
    assert (restored.number, restored.name, restored.document) == (3, "x", first)
    assert restored.versions.get(number=3).note == "restored from version 1"
    assert restored.versions.get(number=2).document["max_layers"] == 9


def test_a_version_is_there_once(person: Any) -> None:
    made = services.create(person, "x", SMALL)
    with pytest.raises(IntegrityError), transaction.atomic():
        SpaceVersion.objects.create(definition=made, number=1, name="x", document={})


def test_deleting_takes_the_history_along(person: Any) -> None:
    made = services.create(person, "x", SMALL)
    services.delete(made, person)
    assert not SpaceDefinition.objects.exists()
    assert not SpaceVersion.objects.exists()
