"""The outer layer of weight sharing: epochs of a supernet one after another, then candidates that its weights rank.

A weight-sharing method is one file in `engine/strategies/`, like every strategy:

    class Options(SupernetOptions)       the options below with the method's own defaults, and its own beside them
    @strategy(..., asks={"supernet"})    so that an estimation is chosen which performs supernet epochs
    ask                                  `self.phases.epoch()` while it gives work, then `self.phases.ranked(...)`
    tell                                 `self.phases.told(work, outcome)`; the payload of an epoch has what was learned
    sampler(site)                        static: the inner layer (`engine.nets.sampler`), made where the supernet trains

Nothing else has to change: budget, pause, checkpoints, curves and finals know epochs and candidates already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import log
from typing import Any, Literal

from engine.architecture.architecture import Architecture
from engine.architecture.graph import Shape
from engine.events import Event
from engine.insight import Picture, alphas, due, heat, series, shown
from engine.options import integer, real
from engine.work import Candidate, Outcome, SupernetEpoch, Weights, Work

WIDE, MANY_SKIPS, UNCLEAR = 0.25, 3, 0.95      # gap of the losses; skips; entropy beside that of equal shares
MEMORISED = ("The gap is wide: the weights memorise their examples while architectures are chosen on others. Fewer epochs "
             "or more weight decay help.")
COLLAPSED = ("So many skips are the known collapse: fewer epochs, more weight decay of the shared weights, or an early stop "
             "help; DARTS- is made against it.")
IDLERS = {"skip_connect": "skips", "identity": "skips", "none": "none"}
IDLE = ("Skips and none have {0:.0%} of the probability, where equal shares would give them {1:.0%}: what has weights is "
        "losing, which is how a collapse begins.")
EDGES = ": edges to "                           # in the name of a table by which a node weighs its edges
UNDECIDED = ("All operations are nearly equal: what would be derived now is close to chance. More epochs or a higher "
             "learning rate of the alphas sharpen them.")


@dataclass(frozen=True)
class SupernetOptions:
    """How the shared weights learn: what every weight-sharing method has. Defaults are those of DARTS."""

    epochs: int = integer(50, low=1, high=10_000, paper=50, help="Epochs in which the shared weights learn.")
    batch_size: int = integer(64, low=2, high=8192, paper=64, help="Examples in one step of the shared weights.")
    lr: float = real(0.025, low=1e-6, high=100.0, paper=0.025, log=True,
                     help="Learning rate of the shared weights at first; half a cosine leads to the last one.")
    last_lr: float = real(0.001, low=0.0, high=100.0, paper=0.001, help="Their learning rate in the end.")
    momentum: float = real(0.9, low=0.0, high=0.999, paper=0.9, help="Momentum of the shared weights.")
    weight_decay: float = real(3e-4, low=0.0, high=1.0, paper=3e-4,
                               help="How strongly the weights that a step uses are pulled to zero.")
    clip: float | None = real(5.0, low=1e-6, high=1000.0, paper=5.0, optional=True,
                              help="Largest norm of the weights' gradient; empty: any.")

    def schedule(self) -> Mapping[str, Any]:
        """More of how the shared weights learn, where a method has options for it: fields of `SharingPlan`."""
        return {}


@dataclass(frozen=True)
class Site:
    """Where a sampler is made: the space and the method's options, the data's shape, and what the epoch's work says
    beside them (`settings`: the stage of a method that changes its supernet; under `plan` other fields of the
    `SharingPlan`; another number `supernet` begins with new weights). `admits`: whether an architecture breaks none of the
    search's limits by formula; `quick`: whether its network, timed on the spot, keeps the limit of the latency."""

    space: Any                                  # offers `supernet` (engine.architecture.relaxed)
    options: Any
    shape: Shape
    classes: int
    seed: int
    device: str = "cpu"
    settings: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "images"                        # of the data
    admits: Callable[[Architecture], bool] = lambda architecture: True
    quick: Callable[[Architecture], bool] = lambda architecture: True


class Phases:
    """Asks for epoch after epoch, each going on where the one before ended. An epoch that failed is the last one.

    Rows give it back but for `asked`, which is the state. `source`: what candidates' weights are."""

    def __init__(self, epochs: int, source: Literal["shared", "generated"] = "shared") -> None:
        self.epochs, self.source = epochs, source
        self.asked = 0
        self.trained: int | None = None         # the trial of the newest epoch that succeeded
        self.reports: Mapping[str, Any] = {}    # its payload
        self.heard = 0
        self.behind = 0                         # of these epochs, those that the newest state has behind it

    @property
    def waiting(self) -> bool:
        """For an epoch that was asked and has not been told."""
        return self.heard < self.asked

    @property
    def over(self) -> bool:
        return not self.waiting and self.asked >= self.epochs

    def epoch(self, **settings: Any) -> SupernetEpoch | None:
        """The next epoch; None while one is under way or when there are no more."""
        if self.waiting or self.over:
            return None
        self.asked += 1
        origin = {"how": "supernet", "of": self.epochs}
        return SupernetEpoch(self.asked - 1, origin, continues=self.trained, settings=settings)

    @property
    def ended(self) -> bool:
        """The last epoch was told: like `over`, but known while rows are replayed."""
        return self.heard >= self.epochs

    def stop(self) -> None:
        """No epoch follows."""
        self.epochs = self.heard

    def extend(self, epochs: int) -> None:
        """So many follow those that were told."""
        self.epochs = self.heard + epochs

    def back(self, trial: int, epochs: int) -> None:
        """Go on from that trial's epoch; those since then, so many, are asked again."""
        self.trained, self.epochs, self.behind = trial, self.epochs + epochs, self.behind - epochs

    def ranked(self, architecture: Architecture, **origin: Any) -> Candidate | None:
        """An architecture to score with the shared weights; None where there are none."""
        if self.trained is None:
            return None
        return Candidate(architecture, weights=Weights(self.source, self.trained), origin=origin)

    def told(self, work: Work, outcome: Outcome) -> bool:
        """Whether it was an epoch that succeeded."""
        if not isinstance(work, SupernetEpoch):
            return False
        self.heard += 1
        if not outcome.ok:
            self.stop()
            return False
        self.trained, self.reports, self.behind = work.trial, outcome.payload, self.behind + 1
        return True


def _figures(report: Mapping[str, Any]) -> list[Picture]:
    """Series, each with what to do where it goes wrong."""
    found: list[Picture] = []
    train, valid = report.get("train_loss"), report.get("valid_loss")
    if train is not None and valid is not None:
        note = MEMORISED if valid - train > WIDE else ""
        found.append({**series("Loss of the supernet", training=train, validation=valid, gap=valid - train), "note": note})
    if "skips" in report:
        note = COLLAPSED if "alphas" in report and report["skips"] >= MANY_SKIPS else ""
        found.append({**series("Skips of the derived cell", skips=report["skips"]), "note": note})
    if entropy := report.get("entropy"):
        means = {name: sum(row) / len(row) for name, row in entropy.items()}
        drawn = _by_owner(means)
        widths = {name: len(table["ops"]) for name, table in report.get("tables", {}).items()}
        parts = [mean / log(widths[name]) for name, mean in means.items() if widths.get(name, 0) > 1]
        note = UNDECIDED if parts and min(parts) > UNCLEAR else ""
        found.append({**series("Mean entropy of an edge", **drawn), "note": note})
    if idle := _idle(report):
        found.append(idle)
    return found


def _idle(report: Mapping[str, Any]) -> Picture | None:
    """The mean probability of skips and of none, over all edges that could carry them. Halfway from equal shares to all of
    it is an alarm."""
    shares: dict[str, list[float]] = {}
    even: dict[str, list[float]] = {}
    for name, table in report.get("alphas", {}).items():
        ops = report.get("tables", {}).get(name, {}).get("ops", ())
        for column, op in enumerate(ops):
            if op in IDLERS:
                shares.setdefault(IDLERS[op], []).extend(row[column] for row in table["softmax"])
                even.setdefault(IDLERS[op], []).extend([1 / len(ops)] * len(table["softmax"]))
    if not shares:
        return None
    means, equal = ({what: sum(row) / len(row) for what, row in sorted(each.items())} for each in (shares, even))
    now, chance = sum(means.values()), sum(equal.values())
    note = IDLE.format(now, chance) if now > (1 + chance) / 2 else ""
    return {**series("Probability without weights", **means), "note": note}


def _by_owner(means: Mapping[str, float]) -> dict[str, float]:
    """Of the tables that the edges of a node have (`engine.nets.partial`) one mean for each cell."""
    found: dict[str, list[float]] = {}
    for name, value in means.items():
        owner, joins, _ = name.partition(EDGES)
        found.setdefault(f"{owner} edges" if joins else name, []).append(value)
    return {name: sum(values) / len(values) for name, values in found.items()}


def _edges(report: Mapping[str, Any]) -> list[Picture]:
    """Those tables side by side: a row for each node of a cell, a column for each node that an edge may come from."""
    cells: dict[str, dict[str, dict[str, float]]] = {}
    for name, table in report.get("alphas", {}).items():
        owner, joins, node = name.partition(EDGES)
        if joins and name in report["tables"]:
            sources = [edge.split(" ")[0] for edge in report["tables"][name]["ops"]]
            cells.setdefault(owner, {})[f"to {node}"] = dict(zip(sources, table["softmax"][0], strict=True))
    found = []
    for owner, rows in cells.items():
        columns = list(dict.fromkeys(source for row in rows.values() for source in row))
        values = [[row.get(source) for source in columns] for row in rows.values()]
        found.append(heat(f"Edges: {owner}", list(rows), columns, values, "Share of each edge among those of its node."))
    return found


def pictures(work: SupernetEpoch, report: Mapping[str, Any], *, every: int = 1) -> list[Event]:
    """What an epoch's payload shows: losses on both halves and their gap, and where there are alphas their probabilities,
    entropy and the skips of what is derived from them."""
    if not due(work.index // every + 1):
        return []
    found, tables = _figures(report), report.get("tables", {})
    kept = report.get("kept", {})
    events = [found] + [[alphas(f"Alphas: {name}", tables[name]["edges"], tables[name]["ops"], table["softmax"],
                                table.get("raw", ()), kept.get(name, ()), "Probability of each operation on each edge.")]
                        for name, table in report.get("alphas", {}).items() if name in tables and EDGES not in name]
    events += [[picture] for picture in _edges(report)]
    heads = [{"epoch": work.index + 1, **({"derived": report["derived"]} if "derived" in report else {})},
             *({"epoch": work.index + 1} for _ in events[1:])]
    return [Event("strategy", work.trial, shown(*each, **head)) for each, head in zip(events, heads, strict=False)
            if each or "derived" in head]
