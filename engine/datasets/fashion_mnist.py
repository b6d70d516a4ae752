"""Fashion-MNIST: clothes, 28×28, in the format of MNIST."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.datasets.torchvision_source import IdxImages
from engine.registry import dataset


@dataset(title="Fashion-MNIST", kind="images", shape=(1, 28, 28), classes=10,
         source="Xiao, Rasul, Vollgraf, arXiv:1708.07747",
         summary="70,000 pictures of clothes of 28×28 pixels, 10,000 of them for the test.")
@dataclass(frozen=True)
class FashionMnist(IdxImages):
    KIND: ClassVar[str] = "FashionMNIST"
    FLAT: ClassVar[str] = "fashion-mnist"
    CLASSES: ClassVar[tuple[str, ...]] = ("T-shirt or top", "trousers", "pullover", "dress", "coat", "sandal", "shirt",
                                          "sneaker", "bag", "ankle boot")
