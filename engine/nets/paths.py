"""Single-path training: every batch trains one architecture of the space, whose weights it shares with all others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import torch

from engine.architecture.architecture import Architecture
from engine.architecture.relaxed import Relaxed
from engine.nets.sampler import Draw, Step
from engine.nets.supernet import Choice, Supernet
from engine.phases import Site

LOOKS = 8                                       # random architectures after an epoch, of which one stands by
DRAWS = 200                                     # until so many of them are found that no limit of the search refuses


@torch.no_grad()
def standby(space: Any, site: Site, choice: Callable[[Architecture], Any], step: Step) -> dict[str, Any]:
    """Of a few random architectures the best on a batch of arch-val, for a search that ends before any was ranked. Nothing
    where the limits of the search admit none that was drawn. Timed is only what would be taken."""
    drawn = (space.sample(step.rng).architecture for _ in range(DRAWS))
    few: list[Architecture] = list(islice(filter(site.admits, drawn), LOOKS))
    few.sort(key=lambda architecture: step.validation_loss(choice(architecture)).item())
    best = next(filter(site.quick, few), None)
    return {"standby": best.document()} if best else {}


class Paths:
    """`drawn` gives the architectures of a step, uniform samples of the space if it is not given; several of them add up
    their gradients before the weights move. `relaxed` stands for the space's own supernet."""

    closing = 0

    def __init__(self, site: Site, drawn: Callable[[Step], Sequence[Architecture]] | None = None,
                 relaxed: Relaxed | None = None) -> None:
        self.space, self.site = site.space, site
        self.supernet = Supernet(relaxed or site.space.supernet(site.shape, site.classes), site.shape)
        self.drawn = drawn or (lambda step: [self.space.sample(step.rng).architecture])

    def draw(self, step: Step) -> Sequence[Draw]:
        return [Draw(self.choice(architecture)) for architecture in self.drawn(step)]

    def learn(self, step: Step) -> None:
        """Nothing is learned of architectures before they are ranked."""

    def choice(self, architecture: Architecture) -> Choice:
        return Choice(self.space.path(architecture))

    def report(self, step: Step) -> dict[str, Any]:
        return standby(self.space, self.site, self.choice, step)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Draws depend on the step alone."""
