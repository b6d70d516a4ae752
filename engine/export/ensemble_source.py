"""An ensemble as Python source: `model.py` beside a file a member, which it averages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.export.model_source import words
from engine.work import Network, Outcome, Selection

AVERAGE = Path(__file__).parent.parent / "nets" / "average.py"      # read as text: importing it would import torch
SOURCE = '''"""{title}"""

import torch
from torch import Tensor, nn

{imports}


{average}

class Network(Average):
    """{count} networks as one. Takes what each of them takes, gives one number for each class: the largest wins."""

    def __init__(self):
        super().__init__([{built}], {counts})
'''

Members = Sequence[tuple[Network, int]]         # each with how often it was picked


def members_of(work: Selection, outcome: Outcome) -> Members:
    """The networks that the ensemble's outcome names."""
    offered = {network.trial: network for network in work.networks}
    return [(offered[trial], count) for trial, count in outcome.metrics["ensemble"]["members"]]


def ensemble_source(members: Members, title: str) -> str:
    """The source of `model.py`, whose state has the names of `engine.nets.average.Average`."""
    trials = [network.trial for network, _ in members]
    _, _, average = AVERAGE.read_text(encoding="utf-8").partition("\n\n\n")
    return SOURCE.format(title=words(title), average=average, count=len(trials),
                         imports="\n".join(f"from trial_{trial} import Network as Trial{trial}" for trial in trials),
                         built=", ".join(f"Trial{trial}()" for trial in trials), counts=[count for _, count in members])
