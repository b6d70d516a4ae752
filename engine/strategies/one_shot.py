"""One-shot with path dropout: a network that can miss any path ranks architectures (Bender et al., ICML 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.events import Event
from engine.insight import Picture, due, pairs, scatter, series, shown
from engine.options import integer, rate, real
from engine.phases import Site, SupernetOptions
from engine.random_ranking import RandomRanking
from engine.registry import strategy
from engine.spaces.space import Space
from engine.work import Candidate, Outcome, SupernetEpoch, Work

if TYPE_CHECKING:                               # imports torch
    from engine.nets.sampler import Sampler

PATHS = 112                                     # in one picture: 14 edges with eight operations


@dataclass(frozen=True)
class Options(SupernetOptions):
    batch_size: int = integer(1024, low=2, high=8192, paper=1024, help="Examples in one step of the shared weights.")
    lr: float = real(0.1, low=1e-6, high=10.0, log=True,
                     help="Learning rate of the shared weights at first; half a cosine leads to the last one.")
    last_lr: float = real(0.001, low=0.0, high=10.0, help="Their learning rate in the end.")
    weight_decay: float = real(3e-4, low=0.0, high=1.0, help="How strongly the weights that a step uses are pulled to zero.")
    clip: float | None = real(5.0, low=1e-6, high=1000.0, optional=True,
                              help="Largest norm of the weights' gradient; empty: any.")
    dropout: float = rate(0.05, paper=0.05,
                          help="Chance that all paths into a sum are dropped, at the end of the training. Each of k paths "
                               "is dropped with its k-th root, less at first: dropout grows from none.")
    ghost: int = integer(32, low=2, high=8192, paper=32,
                         help="Examples of a ghost batch: a part of the batch with a mask and batch statistics of its own.")
    candidates: int = integer(20_000, low=1, high=1_000_000, paper=20_000,
                              help="Random architectures that are ranked with the shared weights.")


PAPER = {"batch_size": 1024, "momentum": 0.9, "dropout": 0.05, "ghost": 32, "candidates": 20_000}
CPU = {"epochs": 10, "batch_size": 32, "lr": 0.1, "ghost": 16, "candidates": 20}


@strategy(title="One-shot with path dropout", paper="Bender, Kindermans, Zoph, Vasudevan, Le, ICML 2018",
          summary="One network holds all paths and learns to do without any of them; random ones are ranked by what is left "
                  "when all others are zero.",
          needs={"supernet"}, asks={"supernet", "shared", "scratch"}, presets={"paper": PAPER, "cpu": CPU})
class OneShot(RandomRanking):
    """All that is learned of architectures is in the shared weights: candidates are random."""

    why = "A random architecture, scored as what is left of the shared network when every other path is zero."

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        super().__init__(space, options, seed)
        self.scores: list[tuple[float, float]] = []     # parameters and shared score of each that was ranked

    @staticmethod
    def sampler(site: Site) -> Sampler:
        from engine.nets.path_dropout import PathDropout

        return PathDropout(site, site.options.dropout, site.options.ghost)

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        events = super().tell(work, outcome)
        if isinstance(work, SupernetEpoch) and outcome.ok:
            events += usage(work, outcome.payload)
        elif isinstance(work, Candidate) and outcome.ok and outcome.score is not None:
            self.scores.append((float(outcome.metrics.get("parameters", 0)), outcome.score))
            if due(len(self.scores)):
                events.append(Event("strategy", work.trial, shown(*self._ranking())))
        return events

    def _ranking(self) -> list[Picture]:
        scores = [score for _, score in self.scores]
        low, high = min(scores), max(scores)
        note = f"{len(scores):,} architectures from {low:.4f} to {high:.4f}; after training from scratch they lie closer."
        return [scatter("Shared scores", "parameters", "shared score", self.scores, note),
                series("Spread of the shared scores", best=high, worst=low)]


def usage(work: SupernetEpoch, report: Mapping[str, Any]) -> list[Event]:
    """How often each path took part in the epoch, beside how often it should on average."""
    if not due(work.index + 1):
        return []
    found: list[Picture] = []
    for name, rows in report.get("usage", {}).items():
        edges, ops = report["tables"][name]["edges"], report["tables"][name]["ops"]
        decisions = {}
        for edge, seen, wanted in zip(edges, rows, report["expected"][name], strict=True):
            paths = [k for k, share in enumerate(seen) if share is not None]
            decisions[edge] = [ops[k] for k in paths], [seen[k] for k in paths], [wanted[k] for k in paths]
        found += _split(f"Path usage: {name}", decisions, max(1, PATHS // len(ops)))
    return [Event("strategy", work.trial, shown(picture, epoch=work.index + 1)) for picture in found]


def _split(title: str, decisions: Mapping[str, tuple[list[str], list[float], list[float]]], size: int) -> list[Picture]:
    """Pictures of at most `size` edges each: an event is small."""
    edges = list(decisions)
    parts = [edges[at:at + size] for at in range(0, len(edges), size)]
    return [pairs(title if len(parts) == 1 else f"{title}, part {number}", ("used", "expected"),
                  {edge: decisions[edge] for edge in part}, "share of the masks") for number, part in enumerate(parts, 1)]
