"""What a table measures: the data, the networks and how each of them is trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.architecture.architecture import digest
from engine.benchmarks import pictures
from engine.rng import stream_seed
from engine.spaces.nas_bench_201 import NasBench201
from engine.training.data import Splits
from engine.training.trainer import Plan


@dataclass(frozen=True)
class Recipe:
    """Everything that the numbers of a table depend on; `digest` is its name in every shard."""

    name: str
    dataset: str
    side: int                                   # images are pooled to side × side
    train: int                                  # images of the official training set that networks learn from
    validation: int                             # others of them, for the score
    channels: int
    layers: int
    epochs: int
    batch_size: int
    lr: float
    momentum: float = 0.9
    weight_decay: float = 5e-4
    seeds: int = 2
    split_seed: int = 0
    strings: int | None = None                  # architectures drawn at random; None: all there are

    @property
    def digest(self) -> str:
        return digest(self.document())

    @property
    def space(self) -> NasBench201:
        return NasBench201(self.channels, self.layers)

    @property
    def steps(self) -> int:
        """Of one epoch; as the engine, without a last batch of one image."""
        full, rest = divmod(self.train, self.batch_size)
        return full + (rest > 1)

    def document(self) -> dict[str, Any]:
        return asdict(self)

    def plan(self, seed: int) -> Plan:
        """SGD with Nesterov's momentum; a cosine takes the rate to zero."""
        return Plan(self.epochs, self.batch_size, self.lr, "sgd", self.momentum, True, self.weight_decay, seed=seed)

    def splits(self, folder: Path) -> Splits:
        """The three splits, pooled. Raises Unavailable with what to do."""
        return pictures.splits(self.document(), folder)


def trial_seed(recipe: Recipe, architecture: str, seed: int) -> int:
    """The seed of one training: of its initial weights and the order of its images. No two networks share it."""
    return stream_seed(seed, f"table {recipe.name} {architecture}")


RECIPES = {recipe.name: recipe for recipe in (
    Recipe("fashion", "fashion_mnist", side=8, train=8000, validation=8000, channels=4, layers=1, epochs=8, batch_size=64,
           lr=0.1),
    Recipe("fashion_16k", "fashion_mnist", side=8, train=16_000, validation=8000, channels=4, layers=1, epochs=8,
           batch_size=128, lr=0.1, split_seed=1, strings=1000),
)}
