"""SMAC: a random forest says where improvement is likely (Hutter, Hoos & Leyton-Brown, LION 2011)."""

from __future__ import annotations

from engine.registry import strategy
from engine.surrogates.forest_search import ForestSearch, Options

__all__ = ["Options", "Smac"]


@strategy(title="SMAC", paper="Hutter, Hoos, Leyton-Brown, LION 2011; Lindauer et al., JMLR 2022 (arXiv:2109.09831)",
          summary="A random forest predicts every candidate's loss and says how sure it is; where most is "
                  "to be gained is trained next. Takes conditions, numbers and choices as they are.",
          needs={"parameters"},
          presets={"paper": {"initial": 1, "interleave": 0.5, "features": 5 / 6, "min_split": 3, "min_leaf": 3,
                             "repeats": 2000},
                   "cpu": {"random": 500, "starts": 3, "plateau": 3}})
class Smac(ForestSearch):
    """The search as it is, on any space."""
