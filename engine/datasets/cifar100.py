"""CIFAR-100: small colour photographs in a hundred classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.datasets.torchvision_source import CifarImages
from engine.registry import dataset

NAMES = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
    caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
    flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
    motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate
    poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider
    squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
    wardrobe whale willow_tree wolf woman worm
"""


@dataset(title="CIFAR-100", kind="images", shape=(3, 32, 32), classes=100,
         source="Krizhevsky, technical report, Toronto 2009",
         summary="60,000 colour photographs of 32×32 pixels in a hundred classes, 10,000 of them for the test.")
@dataclass(frozen=True)
class Cifar100(CifarImages):
    KIND: ClassVar[str] = "CIFAR100"
    FOLDER: ClassVar[str] = "cifar-100-python"
    PARTS: ClassVar[tuple[str, ...]] = ("meta", "train", "test")
    CLASSES: ClassVar[tuple[str, ...]] = tuple(name.replace("_", " ") for name in NAMES.split())
