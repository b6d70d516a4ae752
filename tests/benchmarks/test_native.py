"""The compiled trainer computes what the engine's trainer computes: steps, statistics, scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.table import native
from benchmarks.table.measuring import Data
from benchmarks.table.native import NativeNetwork
from benchmarks.table.program import Kind, Unsupported, program
from engine.architecture.architecture import Architecture
from engine.architecture.graph import Graph
from engine.architecture.layers import Layers
from engine.datasets.arrays import Arrays
from engine.nets.build import build
from engine.rng import stream
from engine.spaces.nas_bench_201 import NasBench201
from engine.training.data import epoch_order, split
from engine.training.task import accuracy
from engine.training.trainer import Plan, Training, seed_torch

needs_compiler = pytest.mark.skipif(not native.available(), reason="no C++ compiler here")
SPACE = NasBench201(4, 1)
EVERY_OP = "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
NOTHING = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
SKIPS = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|"
POOLS = "|avg_pool_3x3~0|+|avg_pool_3x3~0|skip_connect~1|+|none~0|avg_pool_3x3~1|skip_connect~2|"


def made(side: int = 8, channels: int = 1, count: int = 480) -> Data:
    """Images with something to learn: noise that is brighter where the class says."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, count)
    images = rng.integers(0, 160, (count, channels, side, side))
    for image, label in zip(images, labels, strict=True):
        image[:, label * side // 10] += 60
    arrays = Arrays(images.astype(np.uint8), labels, images[:64].astype(np.uint8), labels[:64], tuple("0123456789"))
    return Data(split(arrays, 0.2, None, 0))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def both(graph: Graph, data: Data, steps: int, batch: int = 64, **plan: Any) -> tuple[Training, NativeNetwork, float]:
    """The engine's training and the native network after the same steps from the same weights."""
    shape = data.splits.shape
    models = []
    for _ in range(2):
        seed_torch(1, cuda=False)
        models.append(build(graph, shape))
    training = Training(models[0], data.splits, Plan(2, batch, 0.05, seed=3, **plan))
    ours = NativeNetwork(graph, shape, models[1], batch)
    order = epoch_order(len(data.splits.train), 3, 0).numpy()[: steps * batch]
    rates = []
    for _ in range(steps):
        training.advance()
        rates.append(training.optimizer.param_groups[0]["lr"])
    loss = ours.learn(*data.train, np.ascontiguousarray(order), np.array(rates), training.plan.momentum,
                      training.plan.weight_decay)
    return training, ours, loss


def distance(training: Training, ours: NativeNetwork) -> float:
    """The largest difference of a weight or running statistic whose gradient the engine knows."""
    known = {name: weight for name, weight in training.model.named_parameters() if weight.grad is not None}
    theirs = dict(training.model.named_buffers()) | known
    found = ours.state_dict()
    return max(float((found[name] - tensor.detach().flatten()).abs().max()) for name, tensor in theirs.items()
               if name in found)


def network(text: str, space: NasBench201 = SPACE, shape: tuple[int, ...] = (1, 8, 8)) -> Graph:
    return space.network(Architecture("nas_bench_201", {"arch": text}), shape, 10)


@needs_compiler
@pytest.mark.parametrize("text", [EVERY_OP, SKIPS, POOLS])
def test_steps_equal_those_of_the_engine(text: str) -> None:
    training, ours, loss = both(network(text), made(), 3)
    assert loss == pytest.approx(training.loss_sum, rel=1e-5)
    assert distance(training, ours) < 1e-4


@needs_compiler
def test_random_networks_learn_alike() -> None:
    """A value that lies at a ReLU's edge may fall to different sides: so nearly all, not all."""
    data, close = made(), 0
    for number in range(12):
        drawn = SPACE.sample(stream(0, "natives", number)).architecture
        training, ours, loss = both(SPACE.network(drawn, (1, 8, 8), 10), data, 1)
        assert loss == pytest.approx(training.loss_sum, rel=1e-5)
        close += distance(training, ours) < 1e-5
    assert close >= 9


@needs_compiler
@pytest.mark.parametrize(("channels", "layers", "side", "colours"), [(4, 2, 8, 1), (8, 1, 8, 3), (5, 1, 7, 3),
                                                                       (16, 1, 6, 1)])
def test_other_sizes(channels: int, layers: int, side: int, colours: int) -> None:
    """Odd sides, several cells a stage, channels that fill no block."""
    shape = (colours, side, side)
    training, ours, loss = both(network(EVERY_OP, NasBench201(channels, layers), shape), made(side, colours), 2)
    assert loss == pytest.approx(training.loss_sum, rel=1e-5)
    assert distance(training, ours) < 2e-4


@needs_compiler
def test_scores_equal_those_of_the_engine() -> None:
    data = made()
    training, ours, _ = both(network(EVERY_OP), data, 2)
    theirs = accuracy(training.model, data.splits, data.splits.validation) * len(data.splits.validation)
    assert ours.right(*data.validation) == round(theirs) and len(data.splits.validation) % 64


@needs_compiler
def test_a_network_that_ends_in_nothing_learns_the_frequencies_only() -> None:
    data = made()
    training, ours, loss = both(network(NOTHING), data, 3)
    assert loss == pytest.approx(training.loss_sum, rel=1e-5)
    counts = np.bincount(data.splits.validation.labels.numpy())
    assert ours.right(*data.validation) in counts


@needs_compiler
def test_it_learns() -> None:
    data = made()
    _, ours, first = both(network(EVERY_OP), data, 2)
    order = np.tile(np.arange(384), 20)
    later = ours.learn(*data.train, order, np.full(120, 0.05), 0.9, 5e-4)
    assert later / 120 < 0.5 * first / 2 and ours.right(*data.train) > 0.9 * len(data.splits.train)


@needs_compiler
def test_a_loss_that_is_no_number_is_told_and_ends_the_training() -> None:
    data = made()
    _, ours, _ = both(network(EVERY_OP), data, 1)
    assert not np.isfinite(ours.learn(*data.train, np.arange(384), np.full(6, 1e38), 0.9, 0.0))


@needs_compiler
def test_batches_are_whole_blocks() -> None:
    graph = network(SKIPS)
    with pytest.raises(ValueError, match="multiple of 64"):
        NativeNetwork(graph, (1, 8, 8), build(graph, (1, 8, 8)), 100)


@needs_compiler
def test_the_compiled_trainer_is_kept_by_what_it_was_made_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    native.library.cache_clear()
    native.library()
    (built,) = (tmp_path / "nasweb" / "native").glob("*.so")
    stamp = built.stat().st_mtime_ns
    native.library.cache_clear()
    native.library()
    assert built.stat().st_mtime_ns == stamp
    native.library.cache_clear()


def rows(text: str) -> list[Kind]:
    graph = network(text)
    return [row.kind for row in program(graph, (1, 8, 8), build(graph, (1, 8, 8))).rows]


def test_sums_identities_and_relus_need_no_rows() -> None:
    """A sum is written by those who feed it; only a value with other readers is copied into it."""
    kinds = rows(SKIPS)
    assert kinds.count(Kind.COPY) == 3 * 5              # a skip alone in its sum is that sum; two and three share
    assert rows(EVERY_OP).count(Kind.COPY) == 3         # the skip of each stage
    assert Kind.COPY not in rows("|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_1x1~2|")


def test_the_first_writer_replaces_and_the_others_add() -> None:
    graph = network(EVERY_OP)
    made_of = program(graph, (1, 8, 8), build(graph, (1, 8, 8)))
    targets = [row.target for row in made_of.rows]
    assert [row.add for row in made_of.rows] == [int(target in targets[:at]) for at, target in enumerate(targets)]
    sources = [row.source for row in made_of.rows]
    for at, row in enumerate(made_of.rows):
        assert row.add_gradient == (-1 if row.source == 0 else int(row.source in sources[at + 1:]))


def test_every_parameter_and_statistic_has_its_place() -> None:
    graph = network(EVERY_OP)
    model = build(graph, (1, 8, 8))
    made_of = program(graph, (1, 8, 8), model)
    assert set(made_of.parameters) == {name for name, _ in model.named_parameters()}
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(made_of.statistics) == 2 * len(norms)


@pytest.mark.parametrize("write", [lambda layers: layers.pool("pool", "max_pool", "input", 3, 1),
                                   lambda layers: layers.conv("deep", "input", 1, 3, groups=1, dilation=2),
                                   lambda layers: layers.norm("norm", layers.put("relu", "relu", "input"))])
def test_what_it_cannot_train_it_says(write: Any) -> None:
    layers = Layers()
    layers.linear("classifier", layers.put("head", "global_avg_pool", write(layers)), 10)
    graph = layers.graph()
    with pytest.raises(Unsupported):
        program(graph, (1, 8, 8), build(graph, (1, 8, 8)))
