"""Convolutional neural fabrics: train all paths at once, then keep strong edges (Saxena & Verbeek, NIPS 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.architecture.architecture import Architecture
from engine.events import Event
from engine.heirs import Heirs
from engine.insight import due, shown, trellis
from engine.options import choice, integer, rate, real
from engine.phases import Phases, Site, SupernetOptions, pictures
from engine.registry import strategy
from engine.work import Outcome, SupernetEpoch, Work

if TYPE_CHECKING:                               # imports torch
    from engine.nets.sampler import Sampler

PATH = "Strong path {0} of the trained fabric: the largest product of its edges' shares, by dynamic programming."
LEFT = "What is left of the trained fabric when its weakest edges are deleted, never the last path."


@dataclass(frozen=True)
class Options(SupernetOptions):
    epochs: int = integer(43, low=1, high=10_000, paper=43,
                          help="Epochs in which the whole fabric learns; the paper's 20,000 steps are 43 on half of MNIST.")
    lr: float = real(0.01, low=1e-6, high=10.0, paper=0.01, log=True,
                     help="Learning rate of the shared weights at first; half a cosine leads to the last one.")
    last_lr: float = real(1e-5, low=0.0, high=10.0, paper=1e-5, help="Their learning rate in the end.")
    weight_decay: float = real(5e-4, low=0.0, high=1.0, paper=5e-4, help="How strongly weights are pulled to zero.")
    clip: float | None = real(None, low=1e-6, high=1000.0, paper=None, optional=True,
                              help="Largest norm of the weights' gradient; empty: any.")
    extraction: str = choice("norm", choices=("norm", "path", "both"), paper="norm",
                             help="norm: delete the edges with the smallest kernels (L1) while a path stays. path: the "
                                  "paths with the largest products of strengths. both: rank what either finds.")
    keep: float = rate(0.5, help="Share of the edges that deletion leaves; in a space of paths it goes on down to one path.")
    paths: int = integer(4, low=1, high=1000, help="Strongest paths that are ranked with the shared weights.")
    heirs: int = integer(1, low=0, high=1000,
                         help="Of what was ranked, so many of the best go on as networks of their own with the weights that "
                              "they had in the fabric, as the pruned fabric does in the paper.")
    fine_tune: int = integer(10, low=0, high=10_000,
                             help="Epochs in which they do, with a tenth of the estimation's learning rate; 0: they are "
                                  "scored as they are.")


PAPER = {"epochs": 43, "batch_size": 64, "lr": 0.01, "last_lr": 1e-5, "momentum": 0.9, "weight_decay": 5e-4,
         "extraction": "norm"}
CPU = {"epochs": 10, "batch_size": 32, "lr": 0.05, "extraction": "both", "paths": 4, "fine_tune": 3}


@strategy(title="Fabric: train all paths at once, keep the strong edges",
          paper="Saxena & Verbeek, NIPS 2016 (arXiv:1606.02492)",
          summary="The whole fabric is one network; once it is trained the strong paths, or all but weak edges, stay.",
          needs={"supernet", "trellis"}, asks={"supernet", "shared", "inherit", "scratch"},
          presets={"paper": PAPER, "cpu": CPU})
class Fabric:
    """Epochs of the whole fabric, then what is extracted from it, ranked with its weights; the best of that inherit the
    weights and go on with them. The best are finals, from scratch."""

    def __init__(self, space: Any, options: Options, seed: int) -> None:
        self.space, self.options = space, options
        self.phases = Phases(options.epochs)
        self.heirs = Heirs(options.heirs, options.fine_tune)
        self.proposed = 0

    @staticmethod
    def sampler(site: Site) -> Sampler:
        from engine.nets.whole import Whole, fabric_start

        return Whole(site, lambda strengths: _extracted(site.space, site.options, strengths)[0][0], fabric_start)

    def ask(self, slots: int) -> list[Work]:
        if epoch := self.phases.epoch():
            return [epoch]
        if self.phases.waiting or self.phases.trained is None:
            return []
        every = _extracted(self.space, self.options, self.phases.reports["strengths"])
        if self.proposed == len(every):
            return self.heirs.ask(slots, self.proposed)
        chosen = every[self.proposed:self.proposed + slots]
        self.proposed += len(chosen)
        found = [self.phases.ranked(architecture, how="extracted", why=why) for architecture, why in chosen]
        return [work for work in found if work is not None]

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        self.heirs.told(work, outcome)
        if not self.phases.told(work, outcome) or not isinstance(work, SupernetEpoch):
            return []
        events = pictures(work, outcome.payload)
        if due(work.index + 1):
            best = self.space.edges(self.space.strongest(outcome.payload["strengths"], 1)[0])
            picture = trellis("Strength of the edges", self.space.shares(outcome.payload["strengths"]), best,
                              "Each edge's part of the kernels (L1) that arrive at its place; the strongest path in bold.")
            events.append(Event("strategy", work.trial, shown(picture, epoch=work.index + 1)))
        return events

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.phases.asked, "proposed": self.proposed, "heirs": self.heirs.asked}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.phases.asked, self.proposed, self.heirs.asked = state["asked"], state["proposed"], state.get("heirs", 0)


def _extracted(space: Any, options: Options, strengths: Mapping[str, Any]) -> list[tuple[Architecture, str]]:
    """Different architectures and how each was found, in the order in which they are ranked."""
    found: dict[Architecture, str] = {}
    if options.extraction != "path":
        found[space.pruned(strengths, options.keep)] = LEFT
    if options.extraction != "norm":
        for number, path in enumerate(space.strongest(strengths, options.paths), 1):
            found.setdefault(path, PATH.format(number))
    return list(found.items())
