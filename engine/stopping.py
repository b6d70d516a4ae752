"""Early stop of mixtures (RobustDARTS: Zela et al., ICLR 2020; DARTS+: Liang et al., 2019): by curvature or by skips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.events import Event
from engine.insight import series, shown
from engine.options import choice, integer, real
from engine.work import SupernetEpoch


@dataclass(frozen=True)
class StopOptions:
    """When a mixture should end before its last epoch: what every method with alphas has."""

    early_stop: str = choice("no", choices=("no", "curvature", "skips"), paper="no",
                             help="curvature: when the validation loss becomes sharp in the alphas, and what was derived "
                                  "before that is kept. skips: when the derived cell has too many of them.")
    stop_window: int = integer(5, low=1, high=1000, paper=5, help="Epochs over which the curvature is averaged.")
    stop_delta: int = integer(4, low=1, high=1000, paper=4, help="How many epochs back the average is compared.")
    stop_factor: float = real(1.3, low=1.0, high=100.0, paper=1.3, help="The growth of the average that is an alarm.")
    stop_start: int = integer(10, low=0, high=10_000, paper=10, help="The first epoch that may be compared with.")
    stop_skips: int = integer(2, low=1, high=1000, paper=2, help="Skips of the derived cell that are an alarm.")


class Watch:
    """Hears the reports of epochs. After an alarm `alarm` says it in words and `derived` is what to keep."""

    def __init__(self, options: Any) -> None:
        self.options = options
        self.curvatures: list[float] = []
        self.derived: list[Mapping[str, Any]] = []
        self.alarm = ""
        self.keep: Mapping[str, Any] | None = None

    def hear(self, work: SupernetEpoch, report: Mapping[str, Any]) -> list[Event]:
        o = self.options
        if o.early_stop == "no" or self.alarm:
            return []
        self.derived.append(report["derived"])
        found = []
        if o.early_stop == "curvature":
            self.curvatures.append(report["curvature"])
            found.append(series("Largest eigenvalue of the alphas' Hessian", eigenvalue=self.curvatures[-1],
                                average=averaged(self.curvatures, len(self.curvatures) - 1, o.stop_window)))
            back = sharpened(self.curvatures, o.stop_window, o.stop_delta, o.stop_factor, o.stop_start)
            if back is not None:
                self.keep = self.derived[back]
                self.alarm = (f"The curvature grew over {o.stop_factor:g} times since epoch {back + 1}: alphas are about "
                              f"to collapse. Stopped, and back to what was derived then. "
                              f"More weight decay of the shared weights makes this later.")
        else:
            found.append(series("Skips until the alarm", skips=report["skips"], limit=o.stop_skips))
            if report["skips"] >= o.stop_skips:
                self.keep = report["derived"]
                self.alarm = (f"The derived cell has {report['skips']} skips: more training would add more. Stopped. "
                              f"Fewer epochs or more weight decay of the shared weights help.")
        more = {"alarm": self.alarm} if self.alarm else {}
        found = [{**picture, "note": self.alarm} for picture in found]
        return [Event("strategy", work.trial, shown(*found, epoch=work.index + 1, **more))]


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
