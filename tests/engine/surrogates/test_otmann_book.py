"""Distances are computed once a pair, in one direction, whatever the order in which they are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.surrogates.network_layers import Layered, layered
from engine.surrogates.otmann import Crowd, Otmann
from engine.surrogates.otmann_book import Book, Point
from tests.engine.surrogates.networks import scrambled

VIEWS = [layered(scrambled(seed)) for seed in range(9)]


class Counting(Otmann):
    """Counts the pairs."""

    pairs = 0

    def distances(self, one: Layered, crowd: Crowd) -> Any:
        self.pairs += len(crowd.networks)
        return super().distances(one, crowd)


def book(categorical: tuple[bool, ...] = ()) -> Book:
    found = Book(Counting((0.1, 1.5)), categorical)
    found.points = [Point(lambda view=view: view, [at / 10] * len(categorical))       # type: ignore[misc]
                    for at, view in enumerate(VIEWS)]
    return found


def test_a_pair_is_computed_once() -> None:
    one = book()
    one.between(range(5))
    one.between(range(5))
    assert one.otmann.pairs == 10                                      # type: ignore[attr-defined]
    one.between(range(6))
    assert one.otmann.pairs == 15                                      # type: ignore[attr-defined]
    one.between((0, 2, 5))
    assert one.otmann.pairs == 15                                      # type: ignore[attr-defined]


def test_how_the_book_grew_leaves_no_trace() -> None:
    """Bit by bit, so that a search that was resumed goes on as if it had not been."""
    at_once, slowly = book(), book()
    for count in range(1, 9):
        slowly.between(range(count))
    slowly.between((1, 2, 4, 7))
    assert np.array_equal(slowly.between(range(9)).plain, at_once.between(range(9)).plain)
    assert np.array_equal(slowly.between((0, 3, 8)).plain, at_once.between(range(9)).plain[:, [0, 3, 8]][:, :, [0, 3, 8]])


def test_the_table_holds_the_distances() -> None:
    found = book().between(range(4))
    for one in range(4):
        for other in range(4):
            plain = Otmann((0.1, 1.5)).distances(VIEWS[one], Crowd([VIEWS[other]]))[:, 0]
            assert found.plain[:, one, other] == pytest.approx(plain, rel=1e-9, abs=1e-9)
            assert found.bar[:, one, other] == pytest.approx(plain / (VIEWS[one].total + VIEWS[other].total), abs=1e-12)


def test_networks_outside_the_book_are_columns() -> None:
    one = book((False,))
    known = one.between(range(5))
    outside = [Point(lambda: VIEWS[2], (0.2,)), Point(lambda: VIEWS[8], (0.8,))]
    found = one.towards(one.crowd(range(5)), one.points[:5], outside)
    assert found.plain.shape == (2, 5, 2) and found.training is not None and known.training is not None
    assert found.plain[:, :, 0] == pytest.approx(known.plain[:, :, 2], abs=1e-9)
    assert found.training[:, 0] == pytest.approx(known.training[:, 2])


def test_a_network_is_looked_at_when_it_is_needed_and_once() -> None:
    looked = []
    point = Point(lambda: looked.append(1) or VIEWS[0])                # type: ignore[func-returns-value]
    assert not looked
    assert point.layers is point.layers and looked == [1]
