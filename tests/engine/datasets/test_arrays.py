"""Images, rows and texts in memory: statistics, a fingerprint of everything, and refusal of what is none of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.datasets.arrays import Arrays, Table, Text
from engine.datasets.kinds import KINDS
from engine.errors import Unavailable

RNG = np.random.default_rng(0)
GOOD: dict[str, Any] = {
    "images": RNG.integers(0, 256, (30, 2, 4, 5)).astype(np.uint8), "labels": RNG.integers(0, 3, 30),
    "test_images": RNG.integers(0, 256, (10, 2, 4, 5)).astype(np.uint8), "test_labels": RNG.integers(0, 3, 10),
    "classes": ("a", "b", "c")}


def test_mean_and_std_by_channel_over_training_images_only() -> None:
    arrays = Arrays(**GOOD)
    scaled = GOOD["images"] / 255
    assert arrays.mean == pytest.approx(scaled.mean((0, 2, 3))) and arrays.std == pytest.approx(scaled.std((0, 2, 3)))
    assert arrays.shape == (2, 4, 5)
    assert Arrays(**{**GOOD, "test_images": GOOD["test_images"] * 0}).mean == arrays.mean


def test_white_scales_the_statistics() -> None:
    assert Arrays(**GOOD, white=51).mean == pytest.approx([5 * m for m in Arrays(**GOOD).mean])


def test_a_black_channel_can_be_divided_by() -> None:
    assert min(Arrays(**{**GOOD, "images": GOOD["images"] * 0}).std) > 0


@pytest.mark.parametrize("part", ["images", "labels", "test_images", "test_labels"])
def test_the_fingerprint_hears_every_part(part: str) -> None:
    changed = GOOD[part].copy()
    changed.flat[0] = (changed.flat[0] + 1) % 3
    assert Arrays(**{**GOOD, part: changed}).fingerprint != Arrays(**GOOD).fingerprint


def test_the_fingerprint_is_of_content_not_of_memory() -> None:
    turned = np.asfortranarray(GOOD["images"])
    assert Arrays(**{**GOOD, "images": turned}).fingerprint == Arrays(**GOOD).fingerprint


@pytest.mark.parametrize("change", [
    {"images": GOOD["images"].astype(np.float32)}, {"images": GOOD["images"][:, 0]}, {"labels": GOOD["labels"][:-1]},
    {"labels": GOOD["labels"].astype(np.int32)}, {"labels": GOOD["labels"] + 1}, {"labels": GOOD["labels"] - 1},
    {"test_images": GOOD["test_images"][:0], "test_labels": GOOD["test_labels"][:0]}, {"classes": ("a", "b")}],
    ids=["floats", "no channels", "a label less", "small labels", "label above", "label below", "empty", "a class less"])
def test_what_is_no_labelled_image_set_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        Arrays(**{**GOOD, **change})


ROWS: dict[str, Any] = {
    "rows": RNG.normal(size=(30, 3)).astype(np.float32), "labels": RNG.integers(0, 2, 30),
    "test_rows": RNG.normal(size=(10, 3)).astype(np.float32), "test_labels": RNG.integers(0, 2, 10),
    "classes": ("no", "yes"), "features": ("age", "height", "weight")}
TEXT: dict[str, Any] = {"codes": np.array([0, 1, 2, 0], np.uint8), "test_codes": np.array([2, 2], np.uint8),
                        "classes": ("a", "b", "c"), "length": 5}


def test_every_kind_has_its_words_and_its_shape() -> None:
    for data in (Arrays(**GOOD), Table(**ROWS), Text(**TEXT)):
        assert len(data.shape) == len(KINDS[data.kind].shape)
    assert Table(**ROWS).shape == (3,) and Text(**TEXT).shape == (5,)


@pytest.mark.parametrize("part", ["rows", "labels", "test_rows", "test_labels"])
def test_the_fingerprint_of_a_table_hears_every_part(part: str) -> None:
    changed = ROWS[part].copy()
    changed.flat[0] = 1 - changed.flat[0]
    assert Table(**{**ROWS, part: changed}).fingerprint != Table(**ROWS).fingerprint


@pytest.mark.parametrize("change", [
    {"rows": ROWS["rows"].astype(np.float64)}, {"rows": ROWS["rows"][:, :2]}, {"rows": ROWS["rows"] * np.float32("nan")},
    {"test_rows": ROWS["test_rows"] + np.float32("inf")}, {"labels": ROWS["labels"][:-1]}, {"labels": ROWS["labels"] + 1},
    {"features": ()}],
    ids=["doubles", "a column less", "not a number", "infinite", "a label less", "label above", "no names"])
def test_what_is_no_table_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        Table(**{**ROWS, **change})


@pytest.mark.parametrize("change", [{"codes": TEXT["codes"][::-1].copy()}, {"test_codes": TEXT["codes"]},
                                    {"classes": ("a", "b", "d")}])
def test_the_fingerprint_of_a_text_hears_order_and_alphabet(change: dict[str, Any]) -> None:
    assert Text(**{**TEXT, **change}).fingerprint != Text(**TEXT).fingerprint


@pytest.mark.parametrize("change", [{"codes": TEXT["codes"][:1]}, {"test_codes": TEXT["codes"][:0]}, {"classes": ("a", "b")},
                                    {"codes": TEXT["codes"].astype(np.int64)}, {"codes": TEXT["codes"][None]}])
def test_what_is_no_text_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        Text(**{**TEXT, **change})
