"""The three splits: disjoint, chosen by the seed, on the device, read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.datasets.arrays import Arrays, Progress, Table, Text
from engine.datasets.digits import Digits
from engine.errors import Unavailable
from engine.spec import Part
from engine.training import data
from engine.training.data import epoch_order, load_splits, split

torch.set_num_threads(1)


def arrays(train: int = 100, test: int = 20) -> Arrays:
    """Each image is unlike every other: its number is written into its pixels."""
    numbers = np.arange(train + test, dtype=np.uint8)
    images = np.broadcast_to(numbers[:, None, None, None], (train + test, 2, 3, 4)).copy()
    labels = (numbers % 5).astype(np.int64)
    return Arrays(images[:train], labels[:train], images[train:], labels[train:], tuple("abcde"))


def numbers(part: data.Split) -> list[int]:
    return part.inputs[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("validation", [0.01, 0.2, 0.5])
def test_the_three_are_disjoint_and_complete(seed: int, validation: float) -> None:
    splits = split(arrays(), validation, None, seed)
    parts = [numbers(part) for part in (splits.train, splits.validation, splits.test)]
    assert sorted(sum(parts, [])) == list(range(120))
    assert len(parts[1]) == round(100 * validation) and set(parts[2]) == set(range(100, 120))


def test_labels_and_indices_go_with_their_images() -> None:
    splits = split(arrays(), 0.3, None, 0)
    for part in (splits.train, splits.validation):
        assert part.labels.tolist() == [n % 5 for n in numbers(part)]
        assert part.indices.tolist() == numbers(part)


def test_the_seed_chooses_validation_but_never_the_test() -> None:
    one, same, other = (split(arrays(), 0.2, None, seed) for seed in (0, 0, 1))
    assert numbers(one.validation) == numbers(same.validation) != numbers(other.validation)
    assert numbers(one.test) == numbers(other.test)


def test_a_limit_takes_from_training_only() -> None:
    whole, limited = split(arrays(), 0.2, None, 0), split(arrays(), 0.2, 10, 0)
    assert numbers(limited.train) == numbers(whole.train)[:10]
    assert numbers(limited.validation) == numbers(whole.validation) and len(limited.test) == 20


def test_training_images_have_mean_zero_and_deviation_one() -> None:
    found = arrays()
    splits = split(found, 0.2, None, 0)
    seen = splits.normalise(torch.from_numpy(found.images))
    assert seen.dtype == torch.float32
    assert seen.mean().item() == pytest.approx(0, abs=1e-5) and seen.std().item() == pytest.approx(1, abs=1e-3)
    by_hand = (found.images[3, 0, 0, 0] / 255 - splits.mean[0]) / splits.std[0]
    assert seen[3, 0, 0, 0].item() == pytest.approx(by_hand, abs=1e-6)


def test_shape_and_names() -> None:
    splits = split(arrays(), 0.2, None, 0)
    assert splits.shape == (2, 3, 4) and splits.classes == tuple("abcde") and len(splits.fingerprint) == 64


def test_the_order_is_a_permutation_that_seed_and_epoch_determine() -> None:
    order = epoch_order(50, 3, 1)
    assert sorted(order.tolist()) == list(range(50))
    torch.manual_seed(99)                       # nothing global is drawn from
    assert torch.equal(order, epoch_order(50, 3, 1))
    assert not torch.equal(order, epoch_order(50, 3, 2)) and not torch.equal(order, epoch_order(50, 4, 1))


@dataclass(frozen=True)
class Counted:
    validation: float = 0.2
    train_limit: int | None = None
    loads: list[Any] = field(default_factory=list, compare=False)

    def load(self, folder: Path, progress: Progress) -> Arrays:
        self.loads.append(folder)
        progress(1, 2)
        return arrays()


@pytest.fixture(autouse=True)
def _empty_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_arrays", {})
    monkeypatch.setattr(data, "_splits", {})


def test_a_warm_process_reads_a_dataset_once(tmp_path: Path) -> None:
    source = Counted()
    first = load_splits(Part("counted", source), tmp_path, "cpu", 0)
    assert load_splits(Part("counted", source), tmp_path, "cpu", 0) is first
    assert load_splits(Part("counted", source), tmp_path, "cpu", 1) is not first
    assert source.loads == [tmp_path]
    load_splits(Part("counted", source), tmp_path / "elsewhere", "cpu", 0)
    assert source.loads == [tmp_path, tmp_path / "elsewhere"]


def test_other_options_are_another_dataset(tmp_path: Path) -> None:
    half = load_splits(Part("counted", Counted(validation=0.5)), tmp_path, "cpu", 0)
    assert len(half.validation) == 50
    assert len(load_splits(Part("counted", Counted(validation=0.1)), tmp_path, "cpu", 0).validation) == 10


def test_old_ones_make_room(tmp_path: Path) -> None:
    source = Counted()
    for seed in range(6):
        load_splits(Part("counted", source), tmp_path / str(seed), "cpu", seed)
    assert len(data._splits) <= data.RESIDENT and len(data._arrays) <= data.RESIDENT
    newest = load_splits(Part("counted", source), tmp_path / "5", "cpu", 5)
    assert len(source.loads) == 6 and len(newest.train) == 80


def test_digits_split_three_ways(tmp_path: Path) -> None:
    splits = load_splits(Part("digits", Digits()), tmp_path, "cpu", 0)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [1150, 288, 359]
    assert splits.shape == (1, 8, 8) and splits.white == 16


def table(train: int = 100, test: int = 20) -> Table:
    """Each row is unlike every other; the columns have other means and widths."""
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(train + test, 3)) * [1, 10, 0] + [5, -2, 7]).astype(np.float32)
    labels = rng.integers(0, 2, train + test)
    return Table(rows[:train], labels[:train], rows[train:], labels[train:], ("no", "yes"), ("a", "b", "c"))


def test_rows_are_normalised_by_what_is_learnt_from_and_by_nothing_else() -> None:
    given = table()
    splits = split(given, 0.2, None, 0)
    assert splits.kind == "table" and splits.shape == (3,) and splits.features == ("a", "b", "c")
    learnt = given.rows[splits.train.indices.numpy()]
    assert splits.mean == pytest.approx(learnt.mean(0), rel=1e-5)
    assert splits.std[:2] == pytest.approx(learnt.std(0)[:2], rel=1e-5)
    seen = splits.normalise(splits.train.inputs)
    assert seen.mean(0).tolist() == pytest.approx([0, 0, 0], abs=1e-4)
    assert seen.std(0, correction=0).tolist() == pytest.approx([1, 1, 0], abs=1e-4), "a constant column says nothing"


@pytest.mark.parametrize("seed", range(3))
def test_the_rows_of_a_table_are_divided_among_three(seed: int) -> None:
    given, splits = table(), split(table(), 0.3, 50, seed)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [50, 30, 20]
    assert not set(splits.train.indices.tolist()) & set(splits.validation.indices.tolist())
    for part in (splits.train, splits.validation):
        assert torch.equal(part.inputs, torch.from_numpy(given.rows[part.indices.numpy()]))
        assert torch.equal(part.labels, torch.from_numpy(given.labels[part.indices.numpy()]))


def text(train: int = 100, test: int = 20) -> Text:
    codes = np.arange(train + test, dtype=np.uint8)
    return Text(codes[:train], codes[train:], tuple(map(str, range(train + test))), 7)


def test_a_text_is_cut_into_three_stretches_whatever_the_seed() -> None:
    for seed in (0, 1):
        splits = split(text(), 0.2, None, seed)
        assert splits.kind == "text" and splits.shape == (7,)
        for part, first, last in ((splits.train, 0, 80), (splits.validation, 80, 100), (splits.test, 100, 120)):
            assert part.inputs.tolist() == part.indices.tolist() == list(range(first, last - 1))


def test_the_label_of_a_character_is_the_next_one_of_its_own_stretch() -> None:
    splits = split(text(), 0.2, None, 0)
    for part in (splits.train, splits.validation, splits.test):
        assert part.labels.tolist() == [code + 1 for code in part.inputs.tolist()] and len(part) == len(part.inputs)
    assert splits.normalise(splits.train.inputs).dtype == splits.train.labels.dtype == torch.int64


def test_a_limit_takes_the_beginning_of_the_training_text() -> None:
    splits = split(text(), 0.2, 30, 0)
    assert splits.train.inputs.tolist() == list(range(29)) and splits.validation.inputs.tolist() == list(range(80, 99))


def test_a_text_that_is_too_short_says_so() -> None:
    with pytest.raises(Unavailable, match="too short"):
        split(text(train=3), 0.5, None, 0)
