"""What differs between two documents."""

from __future__ import annotations

import pytest

from apps.spaces.changes import Change, changes


def test_equal_documents_differ_in_nothing() -> None:
    assert list(changes({"a": [1, {"b": 2}], "c": None}, {"a": [1, {"b": 2}], "c": None})) == []


def test_lists_tell_what_went_and_what_came() -> None:
    (found,) = changes({"types": ["conv", "max_pool"]}, {"types": ["conv", "avg_pool"]})
    assert (found.removed, found.added) == (("max_pool",), ("avg_pool",))
    assert found.place == "Types"
    assert found.is_list
    assert not found.reordered


def test_another_order_is_a_change_of_its_own() -> None:
    (found,) = changes({"types": ["a", "b"]}, {"types": ["b", "a"]})
    assert found.reordered


def test_nested_parts_are_told_by_their_place() -> None:
    before, after = ({"architecture": {"max_layers": most, "kind": "chain"}} for most in (3, 4))
    (found,) = changes(before, after)
    assert found == Change(("architecture", "max_layers"), 3, 4)
    assert found.place == "Architecture › max layers"


@pytest.mark.parametrize(("before", "after"), [(True, 1), (1, 1.0), (0, False), ("1", 1), (None, 0)])
def test_values_that_only_look_alike_differ(before: object, after: object) -> None:
    (found,) = changes({"x": before}, {"x": after})
    assert type(found.after) is type(after)


def test_what_is_new_and_what_is_gone() -> None:
    new, gone = changes({"old": 1}, {"new": 2})
    assert (new.before, new.after, new.path) == (None, 2, ("new",))
    assert (gone.before, gone.after, gone.path) == (1, None, ("old",))
