"""MetaQNN: Q-learning decides layer by layer, with less and less exploration (Baker, Gupta, Naik, Raskar, ICLR 2017)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Any, NamedTuple

import numpy as np

from engine.architecture.architecture import Proposal, digest
from engine.events import Event
from engine.insight import LARGEST, Picture, due, heat, series, shown
from engine.options import integer, rate, real
from engine.packing import packed, unpack
from engine.registry import strategy
from engine.rng import stream
from engine.spaces.choices import SKIPPED, Choices, Picks
from engine.spaces.space import Space
from engine.work import Candidate, Outcome, Work

# The schedule of the paper: share of random choices, and how many of 2,700 models are drawn with it. The last one stays.
SCHEDULE = ((1.0, 1500), (0.9, 100), (0.8, 100), (0.7, 100), (0.6, 150), (0.5, 150), (0.4, 150), (0.3, 150), (0.2, 150),
            (0.1, 150))
MODELS = sum(models for _, models in SCHEDULE)
LARGEST_REWARD = 1e6
REDRAWS = 20                                    # draws of known architectures in a row, then one is trained again


@dataclass(frozen=True)
class Options:
    models: int = integer(2700, low=1, high=1_000_000, paper=2700, log=True,
                          help="Length of the schedule: 56 % of these are drawn at random, then ever fewer choices are.")
    lr: float = real(0.01, low=1e-4, high=1.0, paper=0.01, log=True, help="How far a value moves towards what was seen.")
    discount: float = rate(1.0, paper=1.0, help="What the value of the next decision counts for this one.")
    replay: int = integer(100, low=0, high=1000, paper=100, help="Earlier trials that are learned from again after each.")
    start: float = real(0.5, low=-1000.0, high=1000.0, paper=0.5, help="Value of a choice that was never made.")


class Told(NamedTuple):
    work: Candidate
    reward: float | None                        # None: nothing to learn from


class Step(NamedTuple):
    """One decision of a trial in the table: the values of the choices there are table[low:high]."""

    low: int
    high: int
    chosen: int


@strategy(title="Q-learning", needs={"parameters", "finite"},
          paper="Baker, Gupta, Naik, Raskar, ICLR 2017 (arXiv:1611.02167)",
          summary="A table says what each choice is worth after the last ones; the best is taken, or, ever less often, any.",
          presets={"paper": {"models": 2700, "lr": 0.01, "discount": 1.0, "replay": 100, "start": 0.5},
                   "cpu": {"models": 60, "lr": 0.1, "replay": 20}})
class QLearning:
    """A state is what was decided last, and what kind of layer it is. The table has a fixed size and is the state that is
    kept; like the list of trials, it is only learned from in `ask`."""

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        self.options, self.seed, self.choices = options, seed, Choices(space)
        self.widths = [len(values) for values in self.choices.values]
        self.remembered = remembered([p.layer for p in self.choices.parameters])
        sizes = [width * math.prod(self.widths[earlier] + 1 for earlier in self.remembered[at])
                 for at, width in enumerate(self.widths)]
        self.offsets = [0, *accumulate(sizes)]
        self.table = [options.start] * self.offsets[-1]
        self.proposed = self.learned = 0
        self.told: list[Told] = []
        self.known: dict[str, int] = {}         # where architectures (with their training decisions) were told last
        self.steps: dict[int, list[Step]] = {}  # of told trials, as far as they were needed
        self.worst: float | None = None         # the lowest reward so far

    def ask(self, slots: int) -> list[Work]:
        while self.learned < len(self.told):
            self._learn(self.learned)
            self.learned += 1
        return [self._propose() for _ in range(slots)]

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        if not isinstance(work, Candidate):
            return []
        reward = self._reward(outcome)
        if reward is not None:
            self.known[_name(Proposal(work.architecture, work.hyper))] = len(self.told)
        self.told.append(Told(work, reward))
        if not due(len(self.told)):
            return []
        figures = {"exploration": exploration(self.proposed, self.options.models)}
        pictures = [series("Exploration", **figures), self._values()]
        if reward is not None:
            pictures.insert(0, series("Reward", reward=reward))
        return [Event("strategy", work.trial, shown(*pictures))]

    def state_dict(self) -> dict[str, Any]:
        return {"proposed": self.proposed, "learned": self.learned, "table": packed([np.array(self.table)])}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.proposed, self.learned = state["proposed"], state["learned"]
        table = np.empty(len(self.table))
        unpack(state["table"], [table])
        self.table = table.tolist()

    def _propose(self) -> Candidate:
        """Known architectures are not trained again: their reward is remembered, learned from, and another is drawn."""
        rng, epsilon = stream(self.seed, "propose", self.proposed), exploration(self.proposed, self.options.models)
        self.proposed += 1
        recalled = 0
        while True:
            picks, strayed = self._drawn(rng, epsilon)
            proposal = self.choices.proposal(picks)
            known = self.known.get(_name(proposal))
            if known is None or recalled == REDRAWS:
                break
            recalled += 1
            self._towards(self._path(self.choices.picks(proposal)), self.told[known].reward)
        active = sum(number != SKIPPED for number in picks)
        why = (f"{strayed} of {active} choices were drawn at random (their share is {epsilon:.0%} now), "
               "the others have the highest value")
        why += f"; {recalled} draws before it were known already." if recalled else "."
        origin = {"how": "exploration" if strayed else "best", "epsilon": epsilon, "strayed": strayed, "recalled": recalled,
                  "why": why}
        return Candidate(proposal.architecture, proposal.hyper, origin=origin)

    def _drawn(self, rng: Random, epsilon: float) -> tuple[Picks, int]:
        """A sequence of choices, and how many of them were drawn at random."""
        strayed = 0

        def pick(at: int, before: Sequence[int]) -> int:
            nonlocal strayed
            if rng.random() < epsilon:
                strayed += 1
                return rng.randrange(self.widths[at])
            low = self._state(at, before)
            values = self.table[low:low + self.widths[at]]
            best = max(values)
            return rng.choice([number for number, value in enumerate(values) if value == best])

        return self.choices.walk(pick), strayed

    def _state(self, at: int, picks: Sequence[int]) -> int:
        """Where in the table the values of decision `at` begin, after these choices."""
        index = 0
        for earlier in self.remembered[at]:
            index = index * (self.widths[earlier] + 1) + picks[earlier] - SKIPPED
        return self.offsets[at] + index * self.widths[at]

    def _path(self, picks: Sequence[int]) -> list[Step]:
        """The decisions of a sequence, the last one first."""
        found = []
        for at, number in enumerate(picks):
            if number != SKIPPED:
                low = self._state(at, picks)
                found.append(Step(low, low + self.widths[at], low + number))
        return found[::-1]

    def _learn(self, number: int) -> None:
        """From one trial, then from some of all trials so far, drawn anew."""
        self._again(number)
        rng = stream(self.seed, "replay", number)
        for _ in range(self.options.replay):
            self._again(rng.randrange(number + 1))

    def _again(self, number: int) -> None:
        told = self.told[number]
        if told.reward is None:
            return
        if number not in self.steps:
            self.steps[number] = self._path(self.choices.picks(Proposal(told.work.architecture, told.work.hyper)))
        self._towards(self.steps[number], told.reward)

    def _towards(self, path: list[Step], reward: float | None) -> None:
        """Values move towards the best that follows them, the last towards the reward; from the end to the beginning, so
        that a reward arrives at the first choice at once."""
        table, lr, target = self.table, self.options.lr, reward or 0.0
        for low, high, chosen in path:
            table[chosen] += lr * (target - table[chosen])
            target = self.options.discount * max(table[low:high])

    def _reward(self, outcome: Outcome) -> float | None:
        """The score. A failure is as bad as the worst so far, with 0 at best; None before there was a success."""
        if outcome.status == "failed" or outcome.score is None:
            return None if self.worst is None else min(0.0, self.worst)
        score = min(LARGEST_REWARD, max(-LARGEST_REWARD, outcome.score))
        self.worst = score if self.worst is None else min(self.worst, score)
        return score

    def _values(self) -> Picture:
        """Of every decision on the way of the best choices."""
        found: dict[int, list[float]] = {}

        def pick(at: int, before: Sequence[int]) -> int:
            low = self._state(at, before)
            found[at] = self.table[low:low + self.widths[at]]
            return found[at].index(max(found[at]))

        self.choices.walk(pick)
        rows, widest = list(found)[:LARGEST], max(map(len, found.values()), default=0)
        labels = {tuple(map(str, self.choices.values[at])) for at in rows}
        columns = labels.pop() if len(labels) == 1 else tuple(f"choice {n}" for n in range(1, widest + 1))
        return heat("Values of the choices", [self.choices.parameters[at].name for at in rows], columns,
                    [[*found[at], *[None] * (widest - len(found[at]))] for at in rows],
                    "Each decision after the best choice of those before it.")


def exploration(drawn: int, models: int) -> float:
    """The share of random choices after so many models."""
    left = drawn * MODELS / models
    for epsilon, length in SCHEDULE:
        left -= length
        if left < 0:
            return epsilon
    return SCHEDULE[-1][0]


def remembered(layers: Sequence[int]) -> list[tuple[int, ...]]:
    """For every decision the earlier ones that its state knows: the one before it, and the first one of its layer (of the
    layer before, for the first one itself). `layers` holds the layer of each decision, 0 for none."""
    first: dict[int, int] = {}
    found = []
    for at, layer in enumerate(layers):
        near = {at - 1} if at else set[int]()
        if layer and first.setdefault(layer, at) < at:
            near.add(first[layer])
        elif layer - 1 in first:
            near.add(first[layer - 1])
        found.append(tuple(sorted(near)))
    return found


def _name(proposal: Proposal) -> str:
    return digest([proposal.architecture.document(), dict(proposal.hyper)])
