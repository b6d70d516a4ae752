"""NAS by reinforcement learning: a controller writes architectures and is rewarded for the good ones (Zoph & Le, ICLR 2017;
with proximal updates: Zoph, Vasudevan, Shlens, Le, CVPR 2018)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from engine.architecture.architecture import Proposal, digest
from engine.events import Event
from engine.insight import LARGEST, Picture, due, heat, series, shown
from engine.options import choice, flag, integer, rate, real
from engine.packing import packed, unpack
from engine.registry import strategy
from engine.rng import stream, stream_seed
from engine.spaces.choices import SKIPPED, Choices, Picks
from engine.spaces.space import Space
from engine.work import Candidate, Outcome, Work

SCALE_OF_PERPLEXITY = 80.0                      # c in c / perplexity², the reward of language models
LARGEST_SCORE = 1e4                             # beyond it single precision ends


@dataclass(frozen=True)
class Options:
    update: str = choice("reinforce", choices=("reinforce", "ppo"), paper="reinforce",
                         help="reinforce: one plain step a batch (2017). ppo: several clipped steps (2018).")
    batch: int = integer(8, low=1, high=1000, paper=8, help="Results that the controller learns from at once.")
    lr: float = real(6e-4, low=1e-6, high=1.0, paper=6e-4, log=True, help="Learning rate of Adam.")
    units: int = integer(35, low=4, high=256, paper=35, log=True, help="Width of the controller's LSTM.")
    depth: int = integer(2, low=1, high=4, paper=2, help="LSTM layers of the controller.")
    scale: float = real(0.08, low=1e-3, high=1.0, paper=0.08, log=True,
                        help="Its first weights are drawn between minus and plus this.")
    shared: bool = flag(True, paper=True, help="Decisions of one type (the kernel of every layer) share their weights.")
    reward: str = choice("cube", choices=("cube", "score", "perplexity"), paper="cube",
                         help="Of the score: its cube (accuracies), itself, or 80 / perplexity² (bits per character).")
    last: int = integer(5, low=1, high=1000, paper=5, help="The best of this many last epochs is rewarded.")
    failure: str = choice("worst", choices=("worst", "skip"), paper=None,
                          help="A failed trial is rewarded like the worst so far, with 0 at best; or not learned from.")
    baseline: float = rate(0.95, paper=0.95, help="Decay of the mean of earlier rewards that a reward is compared with.")
    entropy: float = real(0.0, low=0.0, high=10.0, paper=0.0, help="Bonus for undecided controllers: explores for longer.")
    clip: float = real(0.2, low=0.01, high=1.0, paper=0.2, help="PPO: how far a probability may move for one batch.")
    passes: int = integer(4, low=1, high=50, paper=None, help="PPO: steps on one batch.")
    fresh: int = integer(0, low=0, high=10_000, paper=None,
                         help="Results up to this many updates old count as new. Older ones come late.")
    late: str = choice("weigh", choices=("weigh", "discard"), paper=None,
                       help="Late results are weighed by how much likelier they have become, or thrown away.")
    redraws: int = integer(0, low=0, high=1000, paper=0,
                           help="Draws in place of one that was trained before. 0: it is trained again.")


PAPER = {"update": "reinforce", "batch": 8, "lr": 6e-4, "units": 35, "depth": 2, "scale": 0.08, "shared": True,
         "baseline": 0.95, "entropy": 0.0}
PPO = {"update": "ppo", "batch": 20, "lr": 3.5e-4, "units": 100, "depth": 1, "scale": 0.1, "shared": True, "clip": 0.2,
       "baseline": 0.95, "entropy": 1e-5}
CPU = {"update": "reinforce", "batch": 5, "lr": 0.02, "units": 16, "depth": 1, "scale": 0.1, "shared": False,
       "baseline": 0.9, "entropy": 0.0, "redraws": 20}


class Result(NamedTuple):
    work: Candidate
    reward: float | None                        # None: a failure


@strategy(title="Reinforcement learning", needs={"parameters", "finite"},
          paper="Zoph & Le, ICLR 2017 (arXiv:1611.01578); Zoph et al., CVPR 2018 (arXiv:1707.07012)",
          summary="A recurrent network writes architectures decision by decision and learns which choices are rewarded.",
          presets={"paper": PAPER, "ppo": PPO, "cpu": CPU})
class Reinforce:
    """Results are only noted when told; the controller learns from them in `ask`. So telling the rows again is cheap, and
    what was learned comes from the state."""

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        from engine.nets.controller import Controller, decisions_of
        from engine.nets.policy_gradient import PolicyGradient

        self.options, self.seed, self.choices = options, seed, Choices(space)
        decisions = decisions_of(self.choices.parameters, self.choices.values, options.shared)
        self.controller = Controller(decisions, options.depth, options.units, options.scale, stream_seed(seed, "controller"))
        self.learner = PolicyGradient(self.controller, options.lr, options.entropy,
                                      options.clip if options.update == "ppo" else None, options.passes)
        self.proposed = self.heard = self.updates = self.explained = 0
        self.results: list[Result] = []         # told and not yet learned from
        self.known: set[str] = set()            # what was told, where that is not to be drawn again
        self.worst: float | None = None         # the lowest reward so far
        self.figures = np.full(3, math.nan)     # baseline; mean reward and entropy a decision of the last batch

    def ask(self, slots: int) -> list[Work]:
        while batch := self._batch():
            self._learn(batch)
        return [self._propose() for _ in range(slots)]

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        if not isinstance(work, Candidate):
            return []
        if self.options.redraws:
            self.known.add(_name(Proposal(work.architecture, work.hyper)))
        self.results.append(Result(work, self._reward(outcome)))
        if self.explained == self.updates:
            return []
        self.explained = self.updates
        baseline, reward, entropy = map(float, self.figures)
        pictures = [series("Reward", mean=reward, baseline=baseline), series("Entropy of a decision", entropy=entropy),
                    self._probabilities()] if due(self.updates) else []
        return [Event("strategy", work.trial, shown(*pictures, updates=self.updates))]

    def state_dict(self) -> dict[str, Any]:
        learned = packed([self.figures, *self.learner.arrays()]) if self.updates else None
        return {"proposed": self.proposed, "heard": self.heard, "updates": self.updates, "explained": self.explained,
                "learned": learned}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.proposed, self.updates, self.explained = state["proposed"], state["updates"], state["explained"]
        self.results = self.results[state["heard"] - self.heard:]
        self.heard = state["heard"]
        if state["learned"] is not None:
            unpack(state["learned"], [self.figures, *self.learner.arrays()])

    def _propose(self) -> Candidate:
        rng = stream(self.seed, "propose", self.proposed)
        self.proposed += 1
        for _ in range(self.options.redraws + 1):
            drawn = self.controller.draw(self.choices.walk, rng)
            found = self.choices.proposal(drawn.picks)
            if _name(found) not in self.known:
                break
        origin: dict[str, Any] = {"how": "controller", "update": self.updates, "log_probability": drawn.log_probability,
                                  "why": self._why(drawn.log_probability, drawn.picks, drawn.probabilities)}
        if self.choices.picks(found) != drawn.picks:
            origin["drawn"] = list(drawn.picks)         # the space has mended it; learned from is what was drawn
        return Candidate(found.architecture, found.hyper, origin=origin)

    def _why(self, log: float, picks: Picks, probabilities: list[list[float]]) -> str:
        uniform = sum(math.log(len(row)) for row in probabilities if row)
        text = (f"Drawn from the controller after {self.updates:,} updates, which makes it "
                f"{math.exp(min(log + uniform, 700.0)):.3g} times as likely as a uniform draw")
        free = [at for at, row in enumerate(probabilities) if len(row) > 1]
        if not free:
            return text + "."
        sure = max(free, key=lambda at: probabilities[at][picks[at]])
        name, value = self.choices.parameters[sure].name, self.choices.values[sure][picks[sure]]
        return f"{text}; its surest choice is {name} = {value} with {probabilities[sure][picks[sure]]:.0%}."

    def _reward(self, outcome: Outcome) -> float | None:
        """None where nothing can be learned. A stopped training is rewarded for what it had reached."""
        curve = outcome.metrics.get("curve") or ()
        score = outcome.score if outcome.status == "failed" or not curve else max(curve[-self.options.last:])
        if score is None or outcome.status == "failed":
            return None if self.worst is None or self.options.failure == "skip" else min(0.0, self.worst)
        reward = shaped(score, self.options.reward)
        self.worst = reward if self.worst is None else min(self.worst, reward)
        return reward

    def _batch(self) -> list[Result] | None:
        """The next results to learn from, as many as a batch has; None until there are so many."""
        usable: list[Result] = []
        for taken, result in enumerate(self.results, 1):
            if result.reward is not None and not (self.options.late == "discard" and self._late(result)):
                usable.append(result)
            if len(usable) == self.options.batch:
                self.results, self.heard = self.results[taken:], self.heard + taken
                return usable
        return None

    def _late(self, result: Result) -> bool:
        return bool(self.updates - result.work.origin["update"] > self.options.fresh)

    def _learn(self, batch: list[Result]) -> None:
        """Advantages are taken against the mean of *earlier* rewards; only then these join it. The very first reward has
        none before it and is compared with itself."""
        import torch

        rewards = [result.reward for result in batch if result.reward is not None]
        picks = [self._picks(result.work) for result in batch]
        then = [result.work.origin["log_probability"] if self._late(result) else None for result in batch]
        baseline = rewards[0] if math.isnan(self.figures[0]) else float(self.figures[0])
        entropy = self.learner.learn(torch.tensor(picks), [reward - baseline for reward in rewards], then)
        for reward in rewards:
            baseline = self.options.baseline * baseline + (1 - self.options.baseline) * reward
        decided = sum(number != SKIPPED for row in picks for number in row) / len(picks)
        self.figures[:] = baseline, sum(rewards) / len(rewards), entropy / max(1.0, decided)
        self.updates += 1

    def _picks(self, work: Candidate) -> Picks:
        drawn = work.origin.get("drawn")
        return tuple(drawn) if drawn else self.choices.picks(Proposal(work.architecture, work.hyper))

    def _probabilities(self) -> Picture:
        """Of every decision on the way of the likeliest choices."""
        likeliest = self.controller.draw(self.choices.walk, None)
        rows = [at for at, row in enumerate(likeliest.probabilities) if row][:LARGEST]
        labels = {tuple(map(str, self.choices.values[at])) for at in rows}
        widest = max((len(row) for row in likeliest.probabilities), default=0)
        columns = labels.pop() if len(labels) == 1 else tuple(f"choice {n}" for n in range(1, widest + 1))
        values = [[*likeliest.probabilities[at], *[None] * (widest - len(likeliest.probabilities[at]))] for at in rows]
        return heat("Probabilities of the choices", [self.choices.parameters[at].name for at in rows], columns, values,
                    "Each decision after the likeliest choice of those before it.")


def shaped(score: float, form: str) -> float:
    """The reward of a score, kept finite."""
    score = min(LARGEST_SCORE, max(-LARGEST_SCORE, score))
    if form == "perplexity":
        return float(SCALE_OF_PERPLEXITY * 4.0 ** min(score, 10.0))      # perplexity = 2^bits, score = -bits
    return float(score**3 if form == "cube" else score)


def _name(proposal: Proposal) -> str:
    return digest([proposal.architecture.document(), dict(proposal.hyper)])
