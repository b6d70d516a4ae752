"""What a dataset may hold: the words for its examples, its shape and its score, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """Scores are maximised, so what is better when small is negated."""

    examples: str                               # what is counted: "1,150 images"
    score: str                                  # of a split: "validation accuracy"
    shape: tuple[str, ...]                      # names of the numbers of an input's shape
    classes: str                                # what an output is one of
    network: str                                # what a trained network is


KINDS: Mapping[str, Kind] = {
    "images": Kind("images", "accuracy", ("channels", "height", "width"), "classes", "An image classifier"),
    "table": Kind("rows", "accuracy", ("features",), "classes", "A classifier of table rows"),
    "text": Kind("characters", "bits per character, negated", ("length",), "characters", "A character-level language model"),
}
