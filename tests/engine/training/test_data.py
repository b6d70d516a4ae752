"""The three splits: disjoint, chosen by the seed, on the device, read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.datasets.arrays import Arrays, Progress
from engine.datasets.digits import Digits
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
    return part.images[:, 0, 0, 0].tolist()


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
