"""TPE, the tree-structured Parzen estimator (Bergstra, Bardenet, Bengio, Kégl, NeurIPS 2011; Bergstra et al., ICML 2013)."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

import numpy as np

from engine.architecture.architecture import Proposal, digest
from engine.events import Event
from engine.insight import Picture, bars, due, pairs, series, shown
from engine.options import choice, flag, integer, rate, real
from engine.registry import strategy
from engine.rng import stream
from engine.work import Candidate, Outcome, Work

MOST = 25                                       # of the best, where their number grows with the root of the trials
PATIENCE = 500                                  # repeats in a row after which a space is taken for exhausted
TRIES = 12                                      # draws from the model until one is new, then the prior is asked
ROOM = 3000                                     # bytes of pictures in one event
BARS = 8


@dataclass(frozen=True)
class Options:
    startup: int = integer(20, low=1, high=10_000, paper=20, log=True,
                           help="Trials drawn from the prior before the model is asked.")
    draws: int = integer(24, low=1, high=1_000, paper=24, log=True,
                         help="Draws from the density of the best; the one with the highest l / g is proposed.")
    split: str = choice("root", choices=("root", "quantile"), paper="root",
                        help="How many trials are the best: gamma times the root of all, at most 25; or the share gamma.")
    gamma: float = rate(0.25, paper=0.25, help="How many trials are the best, see `split`. In 2011: 0.15 of all.")
    prior_weight: float = real(1.0, low=0.01, high=100.0, paper=1.0, log=True,
                                help="Weight of the prior beside one observation.")
    forget: int = integer(25, low=0, high=10_000, paper=25, log=True,
                          help="The newest trials that count in full; older ones count less and less. 0: all count alike.")
    multivariate: bool = flag(False, paper=False,
                              help="Decisions that are made together are modelled together, not one by one.")
    pending: str = choice("worst", choices=("worst", "ignored"), paper="ignored",
                          help="What trials without a result count as: bad ones, so that slots do not crowd, or nothing.")
    dedup: bool = flag(True, paper=False, help="Never propose a network twice (with the same training).")


class Pending(NamedTuple):
    """Asked for and not told yet."""

    name: str
    vector: Sequence[float]

    def text(self) -> str:
        """As long for every proposal of a space."""
        return base64.b64encode(np.array(self.vector, dtype="<f8").tobytes()).decode()


@strategy(title="TPE", paper="Bergstra, Bardenet, Bengio, Kégl, NeurIPS 2011; Bergstra, Yamins, Cox, ICML 2013",
          needs={"parameters"},
          summary="Models where the best trials lie and where the rest lie; proposes what is far likelier among the best.",
          presets={"paper": {"startup": 20, "draws": 24, "split": "root", "gamma": 0.25, "prior_weight": 1.0, "forget": 25,
                             "multivariate": False, "pending": "ignored", "dedup": False},
                   "paper_2011": {"split": "quantile", "gamma": 0.15, "pending": "ignored", "dedup": False},
                   "multivariate": {"multivariate": True},
                   "cpu": {"startup": 10, "split": "quantile", "gamma": 0.15}})
class Tpe:
    """The model is a function of the trials told and of those pending; see `state_dict` for what rows cannot give back."""

    def __init__(self, space: Any, options: Options, seed: int) -> None:
        from engine.surrogates.product_kernel import ProductKernel
        from engine.surrogates.split import Observations
        from engine.surrogates.tree_parzen import Decisions, TreeParzen

        self.space, self.options, self.seed = space, options, seed
        training = space.training_parameters()
        decisions = Decisions([p for p in space.parameters() if p not in training] + list(training))
        self.model = TreeParzen(decisions, options.prior_weight, options.forget)
        self.joint = ProductKernel(decisions, options.prior_weight, options.forget) if options.multivariate else None
        self.observed = Observations(len(decisions.parameters))
        self.pending: list[Pending] = []
        self.seen: set[str] = set()                   # identities that were proposed, and genotypes known to repeat one
        self.proposed = 0

    def ask(self, slots: int) -> list[Work]:
        found = (self._propose() for _ in range(slots))
        return [work for work in found if work is not None]

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        """What failed or was pruned belongs to the rest, as the worst."""
        if not isinstance(work, Candidate):
            return []
        proposal = Proposal(work.architecture, work.hyper)
        waiting = self._waiting(proposal)
        self.observed.add(waiting.vector, -outcome.score if outcome.ok and outcome.score is not None else None)
        return [Event("strategy", work.trial, self._pictures())] if due(self.observed.count) else []

    def state_dict(self) -> dict[str, Any]:
        return {"proposed": self.proposed, "pending": [p.text() for p in self.pending]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.proposed = state["proposed"]
        self.pending = []
        for text in state["pending"]:
            vector = np.frombuffer(base64.b64decode(text), dtype="<f8").tolist()
            self._expect(self.space.proposal_from_vector(vector))

    @property
    def wanted(self) -> int:
        """How many trials are the best."""
        told, gamma = self.observed.count, self.options.gamma
        return min(MOST, math.ceil(gamma * math.sqrt(told))) if self.options.split == "root" else math.ceil(gamma * told)

    def _propose(self) -> Candidate | None:
        """None: nothing new was found for a long time."""
        rng = stream(self.seed, "propose", self.proposed)
        found = self._drawn(rng) if self.proposed >= self.options.startup else None
        if found is None:
            found = self._sampled(rng)
        if found is None:
            return None
        proposal, origin = found
        self._expect(proposal)
        self.proposed += 1
        return Candidate(proposal.architecture, proposal.hyper, origin=origin)

    def _drawn(self, rng: Random) -> tuple[Proposal, dict[str, Any]] | None:
        """From the model. After a repeat there are half as many draws, so that chance has more room."""
        generator = np.random.Generator(np.random.PCG64(rng.getrandbits(64)))
        worst = self.options.pending == "worst"
        model = self.joint or self.model
        model.fit(self.observed, self.wanted, [p.vector for p in self.pending] if worst else [])
        count = self.options.draws
        for repeats in range(TRIES):
            draw = model.draw(generator, count)
            proposal = self.space.proposal_from_vector(draw.vector)
            if self._new(proposal):
                return proposal, self._origin(draw.gains, count, repeats)
            count = max(1, count // 2)
        return None

    def _sampled(self, rng: Random) -> tuple[Proposal, dict[str, Any]] | None:
        """From the prior."""
        for _ in range(PATIENCE):
            proposal = self.space.sample(rng)
            if self._new(proposal):
                early = self.proposed < self.options.startup
                why = "Drawn from the prior: " + (f"the first {self.options.startup} trials are." if early else
                                                  "what the model drew had been proposed already.")
                return proposal, {"how": "sample", "why": why}
        return None

    def _origin(self, gains: Mapping[str, float], count: int, repeats: int) -> dict[str, Any]:
        names = sorted(gains, key=lambda name: -gains[name])[:3]
        loudest = ", ".join(f"{name} ({math.exp(min(gains[name], 50.0)):.3g} times)" for name in names if gains[name] > 0)
        best, told = min(self.wanted, len(self.observed.order)), self.observed.count
        of = f"Of {count} draws" if count > 1 else "One draw"
        why = f"{of} from where the best {best} of {told} trials lie, " + (
            f"likelier there than among the rest by {loudest}." if loudest else "no decision tells them from the rest yet.")
        again = f" {repeats} before it had been proposed already." if repeats else ""
        return {"how": "model", "best": best, "told": told, "ratio": round(sum(gains.values()), 4), "why": why + again}

    def _new(self, proposal: Proposal) -> bool:
        if not self.options.dedup:
            return True
        name = digest(proposal.document())
        if name not in self.seen and self._identity(proposal) in self.seen:
            self.seen.add(name)
        return name not in self.seen

    def _identity(self, proposal: Proposal) -> str:
        """Equal for networks that are the same, trained in the same way."""
        identity: str = self.space.canonical(proposal.architecture)
        return "=" + (digest([identity, dict(proposal.hyper)]) if proposal.hyper else identity)

    def _expect(self, proposal: Proposal) -> Pending:
        found = Pending(digest(proposal.document()), self.space.proposal_vector(proposal))
        self.pending.append(found)
        if self.options.dedup:
            self.seen |= {found.name, self._identity(proposal)}
        return found

    def _waiting(self, proposal: Proposal) -> Pending:
        """Taken off the list of the pending; where it is not on it, as in a replay, it is as if it had been."""
        name = digest(proposal.document())
        found = next((p for p in self.pending if p.name == name), None) or self._expect(proposal)
        self.pending.remove(found)
        return found

    def _pictures(self) -> dict[str, Any]:
        """The decisions in which the best differ most from the rest, as many as there is room for."""
        self.model.fit(self.observed, self.wanted)
        told = self.model.information()
        names = sorted(told, key=lambda name: -told[name])[:BARS]
        place = {p.name: at for at, p in enumerate(self.model.decisions.parameters)}
        first: list[Picture] = [bars("What tells the best from the rest", {name: told[name] for name in names}, "bits")]
        threshold = self.observed.threshold(self.wanted)
        if threshold is not None:
            first.append(series("Scores of the best", best=-self.observed.order[0][0], threshold=-threshold))
        densities: dict[str, Any] = {name: self.model.shown(place[name]) for name in names}
        while True:
            title = ("best (l)", "rest (g)")
            data = shown(pairs("Densities", title, densities), *first, told=self.observed.count)
            if len(json.dumps(data)) <= ROOM or not densities:
                return data
            densities.popitem()
