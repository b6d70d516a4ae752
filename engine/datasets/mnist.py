"""MNIST: handwritten digits, 28×28."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.datasets.torchvision_source import IdxImages
from engine.registry import dataset


@dataset(title="MNIST", kind="images", shape=(1, 28, 28), classes=10,
         source="LeCun, Bottou, Bengio, Haffner, Proc. IEEE 1998",
         summary="70,000 handwritten digits of 28×28 pixels, 10,000 of them for the test.")
@dataclass(frozen=True)
class Mnist(IdxImages):
    KIND: ClassVar[str] = "MNIST"
    FLAT: ClassVar[str] = "mnist"
    CLASSES: ClassVar[tuple[str, ...]] = tuple("0123456789")
