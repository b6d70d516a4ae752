"""Numbers in a person's words."""

from __future__ import annotations

import math

import pytest

from apps.spaces.templatetags import words


@pytest.mark.parametrize(("value", "text"), [
    (0, "0 %"), (0.125, "13 %"), (0.375, "38 %"), (0.994, "99 %"), (1, "100 %"), (None, "–")])
def test_shares_are_rounded_as_the_browser_does(value: object, text: str) -> None:
    assert words.share(value) == text


@pytest.mark.parametrize(("value", "text"), [
    (0, "0"), (999, "999"), (1500, "1.50 k"), (12_345, "12.3 k"), (460_000, "460 k"), (2.5e6, "2.50 M"),
    (3e9, "3.00 G"), (None, "–"), ("7", "–"), (math.nan, "–"), (True, "–")])
def test_counts_are_short(value: object, text: str) -> None:
    assert words.count(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.91234, "0.9123"), (0, "0.0000"), (None, "–"), (math.inf, "–")])
def test_scores_have_four_places(value: object, text: str) -> None:
    assert words.score(value) == text


@pytest.mark.parametrize(("value", "text"), [(3.21, "3.2 s"), (59.6, "60 s"), (600, "10 min"), (9000, "2.5 h"), (None, "–")])
def test_durations_take_the_unit_that_fits(value: object, text: str) -> None:
    assert words.duration(value) == text


@pytest.mark.parametrize(("value", "text"), [
    (math.log10(15_625), "15,625"), (12.613, "4.1 · 10¹²"), (400.0, "1.0 · 10⁴⁰⁰"), (None, "no end")])
def test_sizes_are_given_by_their_logarithm(value: object, text: str) -> None:
    assert words.power(value) == text


def test_names_become_labels_and_lists_words() -> None:
    assert words.label("max_layers") == "Max layers"
    assert (words.label("nasnet"), words.label("enas_macro")) == ("NASNet", "ENAS macro")
    assert words.listed([1, 2]) == "1, 2"
    assert words.listed(None) == "none"
    assert words.times([3, 32, 32]) == "3×32×32"


def test_scores_with_borrowed_weights_say_so() -> None:
    assert words.borrowed("shared") == " with shared weights"
    assert words.borrowed("scratch") == words.borrowed(None) == ""
