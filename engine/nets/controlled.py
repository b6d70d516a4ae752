"""Paths drawn by a controller, which learns between the passes of the weights (Pham et al., ICML 2018, section 2.2)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import torch

from engine.architecture.architecture import Architecture
from engine.nets.controller import SKIPPED, Controller, Drawn, Logits, decisions_of
from engine.nets.policy_gradient import PolicyGradient
from engine.nets.sampler import Draw, Step
from engine.nets.supernet import Choice, Supernet
from engine.phases import Site
from engine.rng import stream, stream_seed
from engine.spaces.choices import Choices

TRIES, ROOM = 20, 40_000                        # draws for each candidate wanted; characters that all of them may fill


class Policy(NamedTuple):
    """The controller and how it learns. `skips`: the wanted rate of skips and how strongly it is kept."""

    units: int
    depth: int
    scale: float
    shared: bool
    logits: Logits
    lr: float
    betas: tuple[float, float]
    eps: float
    entropy: float
    rewarded: bool                              # entropy joins the reward, instead of being a term of its own
    skips: tuple[float, float]
    baseline: float
    steps: int                                  # after each pass of the weights
    samples: int                                # architectures a step of the controller
    models: int                                 # architectures a step of the weights
    candidates: int                             # architectures named in each report
    perplexity: float = 80.0                    # of text: a reward is this divided by the perplexity


class Controlled:
    """Two phases an epoch: weight steps on what the controller draws, then steps of the controller alone."""

    def __init__(self, site: Site, policy: Policy) -> None:
        self.space, self.policy, self.seed, self.text = site.space, policy, site.seed, site.kind == "text"
        self.supernet = Supernet(site.space.supernet(site.shape, site.classes), site.shape)
        self.choices = Choices(site.space)
        decisions = decisions_of(self.choices.parameters, self.choices.values, policy.shared, attention=True)
        seed = stream_seed(site.seed, "controller")
        self.controller = Controller(decisions, policy.depth, policy.units, policy.scale, seed, policy.logits)
        self.learner = PolicyGradient(self.controller, policy.lr, 0.0 if policy.rewarded else policy.entropy,
                                      skips=policy.skips, betas=policy.betas, eps=policy.eps)
        self.closing = policy.steps
        self.baseline: float | None = None      # decayed mean of earlier rewards
        self.sums = [0.0, 0.0, 0.0]             # of the steps of this phase: reward, entropy of a decision, their number

    def draw(self, step: Step) -> Sequence[Draw]:
        """The mean loss of `models` architectures."""
        share = 1.0 / self.policy.models
        return [Draw(self.choice(self._architecture(self._drawn(step.rng))), share) for _ in range(self.policy.models)]

    def learn(self, step: Step) -> None:
        """Only in closing steps, and only the controller: rewards are accuracies on one batch of arch-val (of text c divided
        by the perplexity), compared with the mean of *earlier* rewards. The first ones of all with their own mean."""
        if not step.closing:
            return
        if step.position == 0:
            self.sums = [0.0, 0.0, 0.0]
        drawn = [self._drawn(step.rng) for _ in range(self.policy.samples)]
        scores = [step.validation_score(self.choice(self._architecture(one))) for one in drawn]
        self.reward(drawn, [self.policy.perplexity * 2.0 ** score for score in scores] if self.text else scores)

    def reward(self, drawn: Sequence[Drawn], rewards: Sequence[float]) -> None:
        """One step of the controller."""
        plain = sum(rewards) / len(rewards)
        if self.policy.rewarded:
            rewards = [reward + self.policy.entropy * _entropy(one) for one, reward in zip(drawn, rewards, strict=True)]
        baseline = sum(rewards) / len(rewards) if self.baseline is None else self.baseline
        picks = torch.tensor([one.picks for one in drawn])
        entropy = self.learner.learn(picks, [reward - baseline for reward in rewards], [None] * len(drawn))
        for reward in rewards:
            baseline = self.policy.baseline * baseline + (1 - self.policy.baseline) * reward
        self.baseline = baseline
        decided = float((picks != SKIPPED).sum()) / len(drawn)
        self.sums = [total + more for total, more in zip(self.sums, (plain, entropy / decided, 1.0), strict=True)]

    def choice(self, architecture: Architecture) -> Choice:
        return Choice(self.space.path(architecture))

    def report(self, step: Step | None = None) -> dict[str, Any]:
        """What is likeliest, some draws to be scored, and the distribution on the way of the likeliest."""
        likeliest = self.controller.draw(self.choices.walk, None)
        derived = self._architecture(likeliest)
        reward, entropy, count = self.sums
        known = {"reward": reward / count, "baseline": self.baseline, "entropy": entropy / count} if count else {}
        skips = [row[1] for row, decision in zip(likeliest.probabilities, self.controller.decisions, strict=True)
                 if decision.reads]
        if skips:
            known["skip rate"] = sum(skips) / len(skips)
        return {"derived": derived.document(), "skips": self.space.skips(derived), "drawn": self._candidates(),
                "policy": known, "chances": self._chances(likeliest)}

    def state_dict(self) -> dict[str, Any]:
        return {"controller": self.controller.state_dict(), "adam": self.learner.adam.state_dict(),
                "baseline": self.baseline, "sums": list(self.sums)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.controller.load_state_dict(state["controller"])
        self.learner.adam.load_state_dict(state["adam"])
        self.baseline, self.sums = state["baseline"], list(state["sums"])

    def _drawn(self, rng: Random) -> Drawn:
        return self.controller.draw(self.choices.walk, rng)

    def _architecture(self, drawn: Drawn) -> Architecture:
        return self.choices.proposal(drawn.picks).architecture

    def _candidates(self) -> list[Any]:
        """Genotypes of different architectures, drawn from the controller as it is."""
        steps = int(self.learner.adam.state[self.learner.weights[0]]["step"])
        rng, found, room = stream(self.seed, "candidates", steps), dict[str, Any](), ROOM
        for _ in range(TRIES * self.policy.candidates):
            architecture = self._architecture(self._drawn(rng))
            if architecture.encoding_id not in found:
                room -= len(json.dumps(architecture.genotype))
                if found and (room < 0 or len(found) == self.policy.candidates):
                    break
                found[architecture.encoding_id] = architecture.genotype
        return list(found.values())

    def _chances(self, drawn: Drawn) -> list[dict[str, Any]]:
        """By kind of decision a table of probabilities: decisions × choices, skips as layers × earlier layers."""
        tables: dict[str, dict[str, Any]] = {}
        choices, said = self.choices, getattr(self.space, "said", lambda parameter, value: str(value))
        for parameter, values, row, decision in zip(choices.parameters, choices.values, drawn.probabilities,
                                                    self.controller.decisions, strict=True):
            if len(row) > 1:
                known = dict(zip((said(parameter, value) for value in values), row, strict=True))
                if decision.reads:
                    known = {f"layer {decision.reads}": row[1]}
                title = "skips" if decision.reads else _kind(parameter.name)
                rows = tables.setdefault(title, {})
                name = f"layer {decision.layer}" if decision.reads else parameter.name
                rows.setdefault(name, {}).update({key: round(chance, 3) for key, chance in known.items()})
        found = []
        for title, rows in tables.items():
            columns = list(dict.fromkeys(column for row in rows.values() for column in row))
            found.append({"title": title, "rows": list(rows), "columns": columns,
                          "values": [[row.get(column) for column in columns] for row in rows.values()]})
        return found


def _kind(name: str) -> str:
    """The words of a decision's name without its numbers: what decisions of one kind have in common."""
    return " ".join(word for word in name.split("_") if not word.isdigit())


def _entropy(drawn: Drawn) -> float:
    """-Σ p log p over all decisions of a sequence."""
    return -sum(chance * math.log(chance) for row in drawn.probabilities for chance in row if chance > 0.0)
