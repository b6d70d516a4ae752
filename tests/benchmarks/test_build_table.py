"""The builder: shards that a later call goes on from, both trainers alike, a pilot, a calibration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import build_table
from benchmarks.table import calibration, measuring, native, shards
from benchmarks.table.measuring import Data, by_engine, by_native
from benchmarks.table.pilot import pilot
from benchmarks.table.recipe import RECIPES, trial_seed
from engine.benchmarks import tables
from engine.errors import NonFinite
from engine.training.trainer import Training
from tests.engine.benchmarks.tiny import TINY, built

__all__ = ["built"]
needs_compiler = pytest.mark.skipif(not native.available(), reason="no C++ compiler here")
GOOD = "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    return Data(TINY.splits(tmp_path_factory.mktemp("data")))


def test_recipes_say_everything_that_counts() -> None:
    assert len({recipe.digest for recipe in RECIPES.values()}) == len(RECIPES)
    assert replace(TINY, lr=0.2).digest != TINY.digest == replace(TINY).digest
    for recipe in RECIPES.values():
        assert recipe.train % recipe.batch_size == 0 and recipe.steps == recipe.train // recipe.batch_size


def test_no_two_trainings_share_a_seed() -> None:
    found = {trial_seed(recipe, text, seed) for recipe in (TINY, RECIPES["fashion"]) for text in (GOOD, "|other|")
             for seed in (0, 1)}
    assert len(found) == 8


def test_splits_are_disjoint_and_as_large_as_asked(data: Data) -> None:
    splits = data.splits
    assert len(splits.train) == 192 and len(splits.validation) == 128
    assert not set(splits.train.indices.tolist()) & set(splits.validation.indices.tolist())


@needs_compiler
def test_both_trainers_give_the_same_training(tmp_path: Path) -> None:
    """Not one step only: four epochs with their schedule. What roundings tip on the way, the cosine calms in the end."""
    recipe = replace(TINY, train=960, epochs=4, lr=0.02)
    larger = Data(recipe.splits(tmp_path))
    ours, theirs = by_native(recipe, larger, GOOD, 0), by_engine(recipe, larger, GOOD, 0)
    assert len(ours.validation) == len(theirs.validation) == 4
    assert abs(ours.validation[-1] - theirs.validation[-1]) <= 4 and ours.validation[-1] > 90      # of 128
    assert abs(ours.test - theirs.test) <= 12 and ours.test > 250                                  # of 359


@needs_compiler
def test_the_native_trainer_takes_whole_batches_only(data: Data) -> None:
    with pytest.raises(ValueError, match="whole batches"):
        by_native(replace(TINY, train=190), data, GOOD, 0)


def test_a_training_that_breaks_down_counts_nothing(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    def burst(training: Training) -> bool:
        raise NonFinite("the loss became nan")

    monkeypatch.setattr(Training, "advance", burst)
    assert by_engine(TINY, data, GOOD, 0) == measuring.Measured((0, 0), 0)


def test_the_order_is_fixed_and_takes_every_network_once_before_the_second_seed() -> None:
    order = shards.order(TINY, 50)
    assert order == shards.order(TINY, 50) and sorted(order[:50]) == [(n, 0) for n in range(50)]
    assert [n for n, _ in order[:50]] == [n for n, _ in order[50:]] != list(range(50))
    parts = shards.parts(RECIPES["fashion"], 8765)
    assert sum(map(len, parts)) == 2 * 8765 and max(map(len, parts)) == shards.SHARD


def test_strings_drawn_at_random_choose_the_networks() -> None:
    few = shards.index(TINY, (1, 8, 8), 10)
    assert len(few["networks"]) <= 3 and len(few["strings"]) == 15625
    assert {n for n in few["strings"] if n >= 0} == set(range(len(few["networks"])))


def test_a_later_call_goes_on_and_an_earlier_result_stands(built: Path, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of one training each: the first call makes two of them, the second those that are missing."""
    monkeypatch.setattr(shards, "SHARD", 1)
    folder = tmp_path / "tiny"
    folder.mkdir()
    for name in ("card.json", "index.json.xz"):
        (folder / name).write_bytes((built / "tiny" / name).read_bytes())
    networks = tables.read(folder / "index.json.xz")["networks"]
    monkeypatch.setattr(build_table.multiprocessing, "get_context", lambda method: Here)
    build_table.build(TINY, folder, tmp_path, "engine", 1, most=2)
    first = {path.name: path.stat().st_mtime_ns for path in folder.glob("shard-*")}
    assert sorted(first) == ["shard-000.json.xz", "shard-001.json.xz"]
    assert shards.missing(folder, TINY, len(networks)) == list(range(2, 2 * len(networks)))
    build_table.build(TINY, folder, tmp_path, "engine", 1)
    again = {path.name: path.stat().st_mtime_ns for path in folder.glob("shard-*")}
    assert again.items() >= first.items() and not shards.missing(folder, TINY, len(networks))
    pieces, whole = tables.Table(folder), tables.Table(built / "tiny")
    assert (pieces.validation == whole.validation).all() and (pieces.test == whole.test).all()
    assert not list(folder.glob(".*"))


class Here:
    """A pool that works in this process."""

    def __init__(self, processes: int, begin: object, arguments: tuple[object, ...]) -> None:
        begin(*arguments)

    Pool = classmethod(lambda cls, *arguments: cls(*arguments))

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @staticmethod
    def imap_unordered(work: object, wanted: list[int]) -> Iterator[int]:
        return map(work, wanted)


def test_a_folder_of_another_recipe_is_left_alone(built: Path, data: Data) -> None:
    with pytest.raises(SystemExit, match="another recipe"):
        build_table.prepare(replace(TINY, lr=0.3), built / "tiny", data, "engine")


def test_the_pilot_repeats_the_numbers_of_the_table(built: Path, data: Data) -> None:
    networks = tables.read(built / "tiny" / "index.json.xz")["networks"]
    seen = []

    def train(recipe: object, given: object, text: str, seed: int) -> measuring.Measured:
        seen.append((text, seed))
        return measuring.Measured((50, 60 + 9 * networks.index(text) + seed), 200 + networks.index(text))

    found = pilot(TINY, data, networks, train, 3)
    order = [networks[n] for n, _ in shards.order(TINY, len(networks))[:3]]
    assert seen == [(text, seed) for text in order for seed in (0, 1)]
    assert found["pearson"] == pytest.approx(1) == found["kendall"]
    assert found["networks"] == len(networks) and found["seed_noise"] == pytest.approx(1 / 128 / 2**0.5, abs=1e-5)


def test_networks_that_say_nothing_do_not_flatter_the_pilot(data: Data, built: Path) -> None:
    networks = tables.read(built / "tiny" / "index.json.xz")["networks"]

    def train(recipe: object, given: object, text: str, seed: int) -> measuring.Measured:
        place = networks.index(text)
        return measuring.Measured((0, 60 + 9 * place if place else 10), 200 + place)

    found = pilot(TINY, data, networks, train, 3)
    assert found["constant_networks_left_out"] == 1 and found["networks"] == 2


def test_the_time_of_a_network_is_the_sum_over_its_layers() -> None:
    """The law is found from a sample, and its error is that on networks it was not fitted to."""
    rng = np.random.default_rng(0)
    rows = np.column_stack([np.ones(60), rng.integers(0, 7, (60, 5))]).astype(int)
    law = np.array([0.02, 0.004, 0.011, 0.006, 0.001, 0.0005])
    found, missed = calibration.fitted(rows.tolist(), rows @ law)
    assert found == pytest.approx(law) and missed == pytest.approx(0, abs=1e-6)
    _, noisy = calibration.fitted(rows.tolist(), rows @ law * rng.uniform(0.8, 1.25, 60))
    assert noisy is not None and 0.03 < noisy < 0.2


def test_layers_are_counted(data: Data) -> None:
    """In each of the three stages a convolution of either kind and a skip more than where there is nothing."""
    nothing, two = (calibration.layers(TINY, data, text) for text in (
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|nor_conv_1x1~1|none~2|"))
    assert [b - a for a, b in zip(nothing, two, strict=True)] == [0, 3, 3, 0, 3, 6]


@needs_compiler
def test_a_calibration_gives_seconds(built: Path, data: Data, tmp_path: Path) -> None:
    networks = tables.read(built / "tiny" / "index.json.xz")["networks"]
    found = calibration.calibrate(TINY, data, networks)
    assert len(found["epoch_seconds"]) == len(networks) and all(0 < s < 5 for s in found["epoch_seconds"])
    assert len(found["load_before_and_after"]) == 2
    for path in (built / "tiny").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    shards.write_packed(tmp_path / "speed.json.xz", found)
    table = tables.Table(tmp_path)
    assert table.card()["calibrated"] and table.measurements(0)[0].seconds == pytest.approx(2 * found["epoch_seconds"][0])


def test_the_status_of_the_tables(built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(tables, "ROOT", built)
    build_table.main([])
    assert json.loads(capsys.readouterr().out)["tiny"]["completeness"]["share"] == 1
