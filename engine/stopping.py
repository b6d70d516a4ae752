"""Early stop of mixtures (RobustDARTS: Zela et al., ICLR 2020; DARTS+: Liang et al., 2019): by curvature or by skips; or
back from a sharp place with more weight decay (DARTS-ADA, the same paper as RobustDARTS)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import Problem
from engine.events import Event
from engine.insight import series, shown
from engine.options import choice, integer, real
from engine.work import SupernetEpoch


@dataclass(frozen=True)
class StopOptions:
    """When a mixture should end before its last epoch: what every method with alphas has."""

    early_stop: str = choice("no", choices=("no", "curvature", "adapt", "skips"), paper="no",
                             help="curvature: when the validation loss becomes sharp in the alphas, and what was derived "
                                  "before that is kept. adapt: then back to the supernet of before, and on with more weight "
                                  "decay. skips: when the derived cell has too many of them.")
    stop_window: int = integer(5, low=1, high=1000, paper=5, help="Epochs over which the curvature is averaged.")
    stop_delta: int = integer(4, low=1, high=1000, paper=4, help="How many epochs back the average is compared.")
    stop_factor: float = real(1.3, low=1.0, high=100.0, paper=1.3, help="The growth of the average that is an alarm.")
    stop_start: int = integer(10, low=0, high=10_000, paper=10, help="The first epoch that may be compared with.")
    stop_skips: int = integer(2, low=1, high=1000, paper=2, help="Skips of the derived cell that are an alarm.")
    adapt_factor: float = real(3.0, low=1.1, high=100.0, paper=3.0, help="Adapt: what weight decay is multiplied by.")
    adapt_limit: float = real(0.0243, low=0.0, high=1.0, paper=0.0243,
                              help="Adapt: the largest weight decay; an alarm with that one ends the search.")
    adapt_times: int = integer(4, low=1, high=100, paper=4, help="Adapt: how often; one more alarm ends the search.")

    def check(self) -> list[Problem]:
        if self.early_stop != "adapt" or getattr(self, "weight_decay", 1.0) > 0:
            return []
        return [Problem("/weight_decay", "is none, so it cannot be multiplied", "more than 0, or another early_stop")]


class Watch:
    """Hears the reports of epochs. After an alarm `alarm` says it in words and `keep` is the architecture to keep; or
    `back` is the epoch to go on from, among those that count (`trials`)."""

    def __init__(self, options: Any) -> None:
        self.options = options
        self.curvatures: list[float] = []
        self.derived: list[Mapping[str, Any]] = []
        self.trials: list[int] = []
        self.start, self.returns = options.stop_start, 0
        self.back: int | None = None
        self.alarm = ""
        self.keep: Mapping[str, Any] | None = None
        self.kept = 0                           # the trial of its epoch

    @property
    def decay(self) -> float:
        """Weight decay after so many returns."""
        o = self.options
        first: float = o.weight_decay
        return min(max(first, o.adapt_limit), first * o.adapt_factor ** self.returns) if self.returns else first

    @property
    def settings(self) -> dict[str, Any]:
        """Of the next epoch: how many states of the supernet are kept, and what is different after a return."""
        if self.options.early_stop != "adapt":
            return {}
        return {"keep": self.options.stop_delta, **({"plan": {"weight_decay": self.decay}} if self.returns else {})}

    def hear(self, work: SupernetEpoch, report: Mapping[str, Any]) -> list[Event]:
        o = self.options
        if o.early_stop == "no" or self.alarm:
            return []
        self.derived.append(report["derived"])
        self.trials.append(work.trial)
        self.back, note = None, ""
        found = []
        if o.early_stop != "skips":
            self.curvatures.append(report["curvature"])
            found.append(series("Largest eigenvalue of the alphas' Hessian", eigenvalue=self.curvatures[-1],
                                average=averaged(self.curvatures, len(self.curvatures) - 1, o.stop_window)))
            back = sharpened(self.curvatures, o.stop_window, o.stop_delta, o.stop_factor, self.start)
            if back is not None and o.early_stop == "adapt" and self.returns < o.adapt_times and self.decay < o.adapt_limit:
                note = self._return(back)
            elif back is not None:
                self.keep, self.kept = self.derived[back], self.trials[back]
                self.alarm = (f"The curvature grew over {o.stop_factor:g} times since epoch {back + 1} of the supernet: "
                              f"alphas are about to collapse. Stopped, and back to what was derived then. "
                              f"More weight decay of the shared weights makes this later.")
        else:
            found.append(series("Skips until the alarm", skips=report["skips"], limit=o.stop_skips))
            if report["skips"] >= o.stop_skips:
                self.keep, self.kept = report["derived"], work.trial
                self.alarm = (f"The derived cell has {report['skips']} skips: more training would add more. Stopped. "
                              f"Fewer epochs or more weight decay of the shared weights help.")
        said = note or self.alarm
        more = {"alarm": said, **({"kept": self.kept} if self.alarm else {})} if said else {}
        found = [{**picture, "note": said} for picture in found]
        return [Event("strategy", work.trial, shown(*found, epoch=work.index + 1, **more))]

    def _return(self, back: int) -> str:
        """Epochs after `back` no longer count, and none before it is gone back to."""
        self.start, self.back, self.returns = back, back, self.returns + 1
        del self.curvatures[back + 1:], self.derived[back + 1:], self.trials[back + 1:]
        return (f"The curvature grew over {self.options.stop_factor:g} times since epoch {back + 1} of the supernet: back "
                f"to that one, and on with weight decay {self.decay:g}.")


def averaged(values: Sequence[float], at: int, window: int) -> float:
    """Over the `window` values that end there, or as many as there are."""
    part = values[max(0, at - window + 1):at + 1]
    return sum(part) / len(part)


def sharpened(values: Sequence[float], window: int, delta: int, factor: float, start: int) -> int | None:
    """The epoch (from 0) to go back to, if the newest average is too large beside the one of that epoch."""
    now = len(values) - 1
    back = now - delta
    if back < start:
        return None
    before = averaged(values, back, window)
    return back if before > 0 and averaged(values, now, window) / before > factor else None
