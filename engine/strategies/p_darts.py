"""P-DARTS: stages of growing depth, each with fewer operations on an edge (Chen, Xie, Wu & Tian, ICCV 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.alpha_search import AlphaOptions, AlphaSearch
from engine.errors import Problem
from engine.events import Event
from engine.insight import heat, shown
from engine.options import integer, rate, real
from engine.phases import Site
from engine.registry import discover, strategy
from engine.spaces.space import Space
from engine.work import Outcome, SupernetEpoch, Work

if TYPE_CHECKING:                               # imports torch
    from engine.nets.sampler import Sampler


@dataclass(frozen=True)
class Options(AlphaOptions):
    epochs: int = integer(75, low=1, high=10_000, paper=75, help="Epochs of all stages together; each has as many.")
    batch_size: int = integer(96, low=2, high=8192, paper=96, help="Examples in one step of the shared weights.")
    last_lr: float = real(0.0, low=0.0, high=10.0, paper=0.0, help="Their learning rate at the end of a stage.")
    stages: int = integer(3, low=1, high=8, paper=3,
                          help="Stages, each with a new supernet. The operations on an edge go down to one in as many even "
                               "steps, rounded down: 8, 5, 3.")
    layers: int = integer(5, low=1, high=40, paper=5,
                          help="Cells of the first stage (in NAS-Bench-201 of each of its three groups).")
    deeper: int = integer(6, low=0, high=40, paper=6, help="By how many cells more each further stage is deeper.")
    alpha_after: int = integer(10, low=0, high=10_000, paper=10,
                               help="Epochs at the start of each stage in which only the weights learn.")
    dropout: float = rate(0.1, paper=0.1, help="Dropout on skips at the start of the first stage.")
    last_dropout: float = rate(0.7, paper=0.7, help="The same of the last stage; on a line in between.")
    fading: float = real(0.2, low=0.0, high=10.0, paper=0.2,
                         help="How quickly it falls: by exp of minus this, with each epoch in which alphas learn.")
    most_skips: int = integer(2, low=0, high=1000, paper=2,
                              help="Skips that the (normal) cell may have that the alphas stand for; the weakest ones give "
                                   "way. Derivation by perturbation has no such limit.")
    alpha_lr: float = real(6e-4, low=1e-6, high=10.0, paper=6e-4, log=True, help="Learning rate of the alphas (Adam).")
    alpha_beta1: float = rate(0.5, paper=0.5, help="Adam's memory of the alphas' gradients.")
    alpha_beta2: float = rate(0.999, paper=0.999, help="Adam's memory of their squares.")
    alpha_decay: float = real(1e-3, low=0.0, high=1.0, paper=1e-3, help="How strongly alphas are pulled to zero.")

    def check(self) -> list[Problem]:
        found = super().check()
        if self.epochs < self.stages:
            found.append(Problem("/epochs", "leaves a stage without any", f"at least {self.stages}, one a stage"))
        if self.early_stop == "skips" and self.stop_skips > self.most_skips:
            found.append(Problem("/stop_skips", "is more skips than the derived cell may have", f"1 to {self.most_skips}"))
        return found

    def suits(self, kind: str) -> Iterator[Problem]:
        """Problems of these options with a space of this kind."""
        yield from super().suits(kind)
        least: int = getattr(discover("spaces")[kind].factory, "fewest", 1)
        if self.layers < least:
            reason = "leaves the first stage without a normal cell: so few cells are all reductions"
            yield Problem("/strategy/layers", reason, f"at least {least}")


PAPER = {"epochs": 75, "batch_size": 96, "stages": 3, "layers": 5, "deeper": 6, "alpha_after": 10, "dropout": 0.1,
         "last_dropout": 0.7, "most_skips": 2, "alpha_lr": 6e-4, "alpha_decay": 1e-3}
CPU = {"epochs": 12, "batch_size": 32, "lr": 0.1, "layers": 3, "deeper": 1, "alpha_after": 1, "alpha_lr": 0.02}


def kept(count: int, stage: int, stages: int) -> int:
    """How many of an edge's operations outlive a stage (from 0): evenly down to one, rounded down."""
    return count - -(-(count - 1) * (stage + 1) // stages)


def skip_dropout(options: Options, stage: int) -> float:
    part = stage / (options.stages - 1) if options.stages > 1 else 0.0
    return options.dropout + part * (options.last_dropout - options.dropout)


def stage_of(options: Options, epoch: int) -> tuple[int, int]:
    """The stage of an epoch of the search, and how many epochs that stage has: the first ones have what is over. What comes
    after the planned epochs is the last one's."""
    length, over = divmod(options.epochs, options.stages)
    if epoch < over * (length + 1):
        return epoch // (length + 1), length + 1
    return min(over + (epoch - over * (length + 1)) // length, options.stages - 1), length


@strategy(title="P-DARTS", paper="Chen, Xie, Wu, Tian, ICCV 2019 (arXiv:1904.12760)",
          summary="DARTS in stages: each supernet is deeper than the one before and has fewer operations on an edge; skips "
                  "suffer dropout, and only so many are left in the end.",
          needs={"supernet", "edges"}, asks={"supernet", "shared", "scratch"}, presets={"paper": PAPER, "cpu": CPU})
class PDarts(AlphaSearch):
    """A stage is a supernet of its own. What outlives it is in the report of its last epoch. Early stops look at the last
    stage, and only it is derived from."""

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        super().__init__(space, options, seed)
        self.left: Mapping[str, Any] | None = None      # of the present stage

    @staticmethod
    def sampler(site: Site) -> Sampler:
        from engine.nets.mixture import Learning
        from engine.nets.progressive import Progressive, Stage, path_of

        o: Options = site.options
        number = site.settings.get("supernet", 0)
        stage = Stage(o.layers + number * o.deeper, path_of(site.settings.get("left")),
                      kept(len(site.space.ops), number, o.stages), skip_dropout(o, number), o.fading,
                      site.settings.get("plan", {"epochs": o.epochs})["epochs"],
                      None if site.settings.get("tuning") else o.most_skips, number == o.stages - 1)
        learning = Learning(o.alpha_lr, (o.alpha_beta1, o.alpha_beta2), o.alpha_decay, after=o.alpha_after)
        return Progressive(site, learning, stage)

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        events = super().tell(work, outcome)
        if not (isinstance(work, SupernetEpoch) and outcome.ok):
            return events
        number, _ = stage_of(self.options, work.index)
        if self.phases.ended or stage_of(self.options, work.index + 1)[0] == number:
            return events
        self.left, self.phases.behind = outcome.payload["left"], 0
        return events + _survivors(work, outcome.payload, number + 1)

    @property
    def within(self) -> str:
        return f", with at most {self.options.most_skips} skips"

    def _counts(self, epoch: int) -> bool:
        number, _ = stage_of(self.options, epoch)
        last: int = self.options.stages - 1
        return number == last

    def _settings(self) -> dict[str, Any]:
        number, length = stage_of(self.options, self.phases.heard)
        own: dict[str, Any] = {"supernet": number, "plan": {"epochs": length}}
        if self.left is not None:
            own["left"] = self.left
        more = super()._settings() if self._counts(self.phases.heard) else {}
        return {**own, **more, "plan": {**own["plan"], **more.get("plan", {})}}


def _survivors(work: SupernetEpoch, report: Mapping[str, Any], stage: int) -> list[Event]:
    """Probabilities at the end of a stage of what outlives it."""
    found = []
    for name, rows in report["left"].items():
        table, chances = report["tables"][name], report["alphas"][name]["softmax"]
        values = [[chance if k in row else None for k, chance in enumerate(line)]
                  for row, line in zip(rows, chances, strict=True)]
        found.append(heat(f"What outlives a stage: {name}", table["edges"], table["ops"], values,
                          f"After stage {stage}; what is blank takes no further part."))
    return [Event("strategy", work.trial, shown(picture, epoch=work.index + 1)) for picture in found]
