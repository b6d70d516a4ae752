"""Progressive shrinking: ever smaller slices of one network learn, from labels and the largest (Cai et al., ICLR 2020)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from random import Random
from typing import Any

from torch import Tensor

from engine.architecture.architecture import Architecture
from engine.architecture.cost import measure
from engine.nets.channel_order import families, sort_channels
from engine.nets.sampler import Draw, Step
from engine.nets.sliced import Slice
from engine.nets.slices import Slices
from engine.phases import Site
from engine.rng import stream

DIMENSIONS = ("kernel", "depth", "expansion")
BINS, DRAWN = 8, 60                             # of the histogram of sizes; architectures that show how the space fills it


class Shrinking(Slices):
    """Of a stage, `Site.settings` says the `kernels`, `depths` and `expansions` that are allowed, how many `paths` a step
    trains, which expansions were allowed `before`, and when its plan has `begun`; without settings all is allowed."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.options, stage = site.options, site.settings
        self.allowed = site.space.within(stage.get("kernels", site.space.kernels), stage.get("depths", site.space.depths),
                                         stage.get("expansions", site.space.expansions))
        self.paths: int = stage.get("paths", 1)
        self.before: Sequence[int] = stage.get("before", self.allowed.expansions)
        self.begun: int = stage.get("plan", {}).get("begun", 0)
        self.teacher: dict[str, Tensor] = {}    # the largest network as the first stage has left it
        self.counts: dict[str, Counter[int]] = {name: Counter() for name in (*DIMENSIONS, "size")}
        self.counting = False

    def learn(self, step: Step) -> None:
        """A stage begins with channels in order, a fresh optimiser, and a teacher. The epoch's counts begin."""
        if step.position == 0:
            self.counts = {name: Counter() for name in self.counts}
            if step.epoch == self.begun > 0:
                self._begin(step)
        self.counting = True                    # the next draw is a step's

    def draw(self, step: Step) -> Sequence[Draw]:
        drawn = [self.allowed.sample(step.rng).architecture for _ in range(self.paths)]
        if self.options.sandwich and self.allowed.size() > 1:
            drawn += [self.allowed.smallest, self.allowed.largest]
        if self.counting:
            self.counting = False
            for architecture in drawn:
                self._count(architecture)
        teacher = self._teacher()
        return [Draw(self.choice(architecture), teacher=teacher if self._taught(architecture) else None,
                     lesson=self.options.distillation) for architecture in drawn]

    def report(self, step: Step) -> dict[str, Any]:
        """What the epoch's steps have trained: choices and sizes, and the sizes that the whole space would have."""
        low, high = self._ends
        return {**super().report(step), "sampled": {name: sorted(self.counts[name].items()) for name in DIMENSIONS},
                "sizes": {"low": low, "high": high, "trained": [self.counts["size"][k] for k in range(BINS)],
                          "space": self._everywhere}}

    def state_dict(self) -> dict[str, Any]:
        counts = {name: sorted(count.items()) for name, count in self.counts.items()}
        return {"teacher": dict(self.teacher), "counts": counts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.teacher = dict(state["teacher"])
        self.counts = {name: Counter(dict(rows)) for name, rows in state["counts"].items()}

    def _begin(self, step: Step) -> None:
        if not self.teacher and self.options.teacher == "full" and self.options.distillation:
            self.teacher = {name: weight.detach().clone() for name, weight in self.supernet.named_parameters()}
        if len(self.allowed.expansions) > len(self.before):
            sort_channels(self.supernet, self.whole.graph, self._borders())
        for velocity in step.velocities():
            if velocity is not None:
                velocity.zero_()

    def _borders(self) -> dict[str, list[int]]:
        """The families of channels whose number depends on the expansion, and the numbers that have been trained."""
        stands, full = families(self.whole.graph), self.supernet.widths(self.whole.graph)
        found: dict[str, set[int]] = {}
        for expansion in self.space.expansions:
            for name, width in self.supernet.widths(self._uniform(expansion=expansion)).items():
                if width < full[name]:
                    found.setdefault(stands[name], set()).update([width] if expansion in self.before else [])
        return {family: sorted(widths) for family, widths in found.items()}

    def _teacher(self) -> Slice | None:
        """None where nobody teaches: without distillation, and in the first stage."""
        frozen = self.options.teacher == "full"
        if not self.options.distillation or (self.allowed.size() == 1 if not frozen else not self.teacher):
            return None
        return Slice(self.whole.graph, self.teacher) if frozen else self.whole

    def _taught(self, architecture: Architecture) -> bool:
        """Nobody is taught by itself."""
        return bool(self.options.teacher == "full" or architecture != self.space.largest)

    def _count(self, architecture: Architecture) -> None:
        for name, value in architecture.genotype.items():
            self.counts[name.rpartition("_")[2]][value] += 1
        self.counts["size"][self._bin(architecture)] += 1

    def _size(self, architecture: Architecture) -> int:
        return measure(self._graph(architecture), self.site.shape).parameters

    def _bin(self, architecture: Architecture) -> int:
        low, high = self._ends
        return min(BINS - 1, BINS * (self._size(architecture) - low) // max(1, high - low))

    @cached_property
    def _ends(self) -> tuple[int, int]:
        return self._size(self.space.smallest), self._size(self.space.largest)

    @cached_property
    def _everywhere(self) -> list[int]:
        rng: Random = stream(self.site.seed, "sizes")
        found = Counter(self._bin(self.space.sample(rng).architecture) for _ in range(DRAWN))
        return [found[k] for k in range(BINS)]
