"""Random slices of the largest network: single-path training where small choices are parts of large ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from engine.architecture.architecture import Architecture
from engine.architecture.graph import Graph
from engine.nets.paths import standby
from engine.nets.sampler import Draw, Step
from engine.nets.sliced import Slice, Sliced
from engine.phases import Site


def windows(graphs: Iterable[Graph]) -> dict[str, list[int]]:
    """Of the convolutions whose window differs between networks."""
    found: dict[str, set[int]] = {}
    for graph in graphs:
        for node in graph:
            if node.op == "conv":
                found.setdefault(node.name, set()).add(node.settings["kernel"])
    return {name: sorted(sizes) for name, sizes in found.items() if len(sizes) > 1}


class Slices:
    """For a space that offers `slices`. `allowed`: the part of it from which steps draw."""

    closing = 0

    def __init__(self, site: Site) -> None:
        self.space, self.site = site.space, site
        self.allowed = site.space
        self.whole = self.choice(self.space.largest)
        self.supernet = Sliced(self.whole.graph, site.shape, windows(self._uniform(kernel=k) for k in self.space.kernels))

    def draw(self, step: Step) -> Sequence[Draw]:
        return [Draw(self.choice(self.allowed.sample(step.rng).architecture))]

    def learn(self, step: Step) -> None:
        """Nothing is learned of architectures before they are ranked."""

    def choice(self, architecture: Architecture) -> Slice:
        return Slice(self._graph(architecture))

    def inherited(self, architecture: Architecture) -> Mapping[str, Tensor]:
        return self.supernet.extracted(self._graph(architecture))

    def report(self, step: Step) -> dict[str, Any]:
        """What stands by has been trained, unless the limits admit none of that."""
        return standby(self.allowed, self.site, self.choice, step) or standby(self.space, self.site, self.choice, step)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Draws depend on the step alone."""

    def _graph(self, architecture: Architecture) -> Graph:
        found: Graph = self.space.network(architecture, self.site.shape, self.site.classes)
        return found.live()

    def _uniform(self, kernel: int | None = None, expansion: int | None = None) -> Graph:
        s = self.space
        return self._graph(s.uniform(kernel or max(s.kernels), max(s.depths), expansion or max(s.expansions)))
