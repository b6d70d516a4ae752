"""CIFAR-10: small colour photographs in ten classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.datasets.torchvision_source import CifarImages
from engine.registry import dataset


@dataset(title="CIFAR-10", kind="images", shape=(3, 32, 32), classes=10,
         source="Krizhevsky, technical report, Toronto 2009",
         summary="60,000 colour photographs of 32×32 pixels in ten classes, 10,000 of them for the test.")
@dataclass(frozen=True)
class Cifar10(CifarImages):
    KIND: ClassVar[str] = "CIFAR10"
    FOLDER: ClassVar[str] = "cifar-10-batches-py"
    PARTS: ClassVar[tuple[str, ...]] = ("batches.meta", "data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
                                        "data_batch_5", "test_batch")
    CLASSES: ClassVar[tuple[str, ...]] = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship",
                                          "truck")
