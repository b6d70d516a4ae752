"""Digits: real, offline, the same test images for everyone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.datasets.arrays import Arrays
from engine.datasets.digits import Digits


def nothing(done: int, total: int) -> None:
    raise AssertionError("digits need no download")


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    return Digits().load(Path("/nonexistent"), nothing)


def test_all_1797_are_there_a_fifth_for_the_test(arrays: Arrays) -> None:
    assert (len(arrays.labels), len(arrays.test_labels)) == (1438, 359)
    assert arrays.shape == (1, 8, 8) and arrays.images.max() == arrays.white == 16


def test_train_and_test_are_disjoint_parts_of_the_original(arrays: Arrays) -> None:
    from sklearn.datasets import load_digits

    original = load_digits()

    def rows(images: np.ndarray, labels: np.ndarray) -> list[bytes]:
        return [image.astype(np.uint8).tobytes() + bytes([label]) for image, label in zip(images, labels, strict=True)]

    given = rows(arrays.images, arrays.labels) + rows(arrays.test_images, arrays.test_labels)
    assert sorted(given) == sorted(rows(original.images, original.target))
    assert not set(rows(arrays.images, arrays.labels)) & set(rows(arrays.test_images, arrays.test_labels))


def test_every_class_is_well_represented_in_the_test(arrays: Arrays) -> None:
    counts = np.bincount(arrays.test_labels, minlength=10)
    assert counts.min() >= 20 and counts.max() <= 52


def test_options_do_not_move_the_test_set(arrays: Arrays) -> None:
    other = Digits(validation=0.5, train_limit=50).load(Path("/nonexistent"), nothing)
    assert other.fingerprint == arrays.fingerprint


def test_it_is_ready_where_scikit_learn_is() -> None:
    assert Digits().ready()
