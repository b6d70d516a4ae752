"""Arc-kernel GP: a Gaussian process that knows which decisions exist (Swersky et al., arXiv:1409.4011)."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.architecture.architecture import Proposal, digest
from engine.events import Event
from engine.insight import bars, due, heat, scatter, shown
from engine.options import choice, flag, integer
from engine.registry import strategy
from engine.rng import stream
from engine.spaces.space import Space
from engine.work import Candidate, Outcome, Work

if TYPE_CHECKING:
    from engine.surrogates.arc_process import Floats, Posterior
    from engine.surrogates.arc_search import Found
    from engine.surrogates.score_scale import ScoreScale

PATIENCE = 10_000               # draws in a row that were proposed before, after which a space is taken for exhausted
LOOKED = 100                    # of the most promising rows: those after them are worth no more than a random draw
SHOWN, MATRIX, DECISIONS = 90, 14, 12           # points, rows and bars of the pictures


@dataclass(frozen=True)
class Options:
    initial: int = integer(10, low=2, high=10_000, log=True, help="Drawn at random before the first fit.")
    share: bool = flag(False, paper=False,
                       help="Decisions that play the same part in different layers (their names differ in a number alone) "
                            "share a radius and an angle: for few trials of deep spaces.")
    ordered: bool = flag(True, paper=False, help="Choices that are numbers also lie on a line, in their order.")
    ranks: bool = flag(False, paper=False, help="Fit to the ranks of the scores: for scores with a few that are very bad.")
    refit: int = integer(5, low=1, high=1000, log=True, paper=1,
                         help="Radii, angles and noise are fitted again after so many outcomes; every outcome is learnt "
                              "from at once.")
    steps: int = integer(30, low=1, high=1000, log=True, help="Steps of a fit, at most.")
    memory: int = integer(300, low=10, high=2000, log=True,
                          help="Most trials that are fitted: half of them the best, the other half the newest of the rest.")
    random: int = integer(1000, low=1, high=100_000, log=True, help="Random points that are looked at for each suggestion.")
    starts: int = integer(5, low=0, high=100, help="Local searches, from the best known candidates.")
    climb: int = integer(10, low=1, high=100, help="Steps of each local search, at most.")
    width: int = integer(200, low=1, high=10_000, log=True, help="Neighbours that a step looks at, at most.")
    pending: str = choice("mean", choices=("mean", "worst"),
                          help="What a trial that still runs is taken to score meanwhile: what is expected of it, or the "
                               "worst that is known.")


class Known(NamedTuple):
    """A trial that was told of. A failure's score is NaN."""

    trial: int
    row: Any
    score: float


class Belief(NamedTuple):
    """The process after what was told and what is under way."""

    posterior: Posterior
    scale: ScoreScale
    fitted: list[Known]
    means: Any                  # of the fitted, in values
    best: float                 # the largest of these


@strategy(title="Arc-kernel GP", paper="Swersky, Duvenaud, Snoek, Hutter, Osborne, 2014 (arXiv:1409.4011)",
          summary="A Gaussian process over the decisions predicts every candidate's score and says how sure it is. Its "
                  "kernel knows that a decision of a layer that does not exist has no value.", needs={"parameters"},
          presets={"paper": {"share": False, "ordered": False, "ranks": False, "refit": 1, "steps": 100, "memory": 2000},
                   "cpu": {"refit": 10, "steps": 12, "memory": 150, "random": 500, "starts": 3, "climb": 4, "width": 100}})
class ArcGP:
    """What was told is rebuilt by telling; `state_dict` holds the counter and the rows of what is under way."""

    def __init__(self, space: Space, options: Options, seed: int) -> None:
        from engine.surrogates.arc_process import ArcProcess
        from engine.surrogates.vectors import Vectors

        self.space: Any = space
        self.options, self.seed = options, seed
        self.vectors = Vectors(space.parameters())
        self.process = ArcProcess(space.parameters(), share=options.share, ordered=options.ordered)
        self.proposed = 0
        self.waiting: dict[str, Any] = {}                       # rows of what was not told yet, by name
        self.history: list[Known] = []
        self.seen: set[str] = set()                             # names of what was told
        self.names: dict[str, str] = {}
        self.foreseen: list[tuple[float, float]] = []           # predicted and observed scores, as they were told
        self.fitted_to = 0                                      # the first so many of the history gave radii, angles, noise
        self.belief: tuple[tuple[int, tuple[str, ...]], Belief] | None = None

    def ask(self, slots: int) -> list[Work]:
        found = (self._propose() for _ in range(slots))
        return [work for work in found if work is not None]

    def tell(self, work: Work, outcome: Outcome) -> list[Event]:
        """Failures are told too: they count as the worst score that is known."""
        if not isinstance(work, Candidate):
            return []
        name, row = self._placed(Proposal(work.architecture, work.hyper))
        self.waiting.pop(name, None)
        self.seen.add(name)
        score = outcome.score if outcome.ok and outcome.score is not None else float("nan")
        self.history.append(Known(work.trial, row, score))
        if outcome.ok and "predicted" in work.origin:
            self.foreseen.append((work.origin["predicted"], score))
        return self._said(work.trial) if due(len(self.history)) else []

    def state_dict(self) -> dict[str, Any]:
        return {"proposed": self.proposed, "waiting": [row.tobytes().hex() for row in self.waiting.values()]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        import numpy as np

        self.proposed, self.waiting = state["proposed"], {}
        for text in state["waiting"]:
            row = np.frombuffer(bytes.fromhex(text))
            name, _ = self._placed(self.space.proposal_from_vector(row.tolist()))
            self.waiting[name] = row

    def _propose(self) -> Candidate | None:
        """None where the space is exhausted."""
        rng = stream(self.seed, "propose", self.proposed)
        early = self._early
        found = None if early else self._promising(rng)
        found = found or self._sampled(rng, ("Too few outcomes to learn from" if early else "What promised most was tried")
                                       + ": drawn at random.")
        if found is not None:
            self.proposed += 1
            name, row = self._placed(Proposal(found.architecture, found.hyper))
            self.waiting[name] = row
        return found

    @property
    def _early(self) -> bool:
        return len(self.history) < self.options.initial or not _differ(self.history)

    def _sampled(self, rng: Random, why: str) -> Candidate | None:
        size = self.space.size()
        for _ in range(PATIENCE if size is None else min(PATIENCE, 20 * size)):
            proposal = self.space.sample(rng)
            if self._new(proposal):
                return Candidate(proposal.architecture, proposal.hyper, origin={"how": "sample", "why": why})
        return None

    def _promising(self, rng: Random) -> Candidate | None:
        """The point with the largest expected improvement that is new."""
        belief = self._believed()
        found, starts = self._looked(belief, rng)
        for at in range(min(LOOKED, len(found.gains))):
            proposal = self.space.proposal_from_vector(found.rows[at].tolist())
            if self._new(proposal):
                start = None if found.starts[at] < 0 else starts[found.starts[at]].trial
                return self._candidate(proposal, belief, float(found.gains[at]), len(found.gains), start)
        return None

    def _candidate(self, proposal: Proposal, belief: Belief, gain: float, looked: int, start: int | None) -> Candidate:
        _, row = self._placed(proposal)
        means, deviations = belief.posterior.predict(row[None])
        mean, scale = float(means[0]), belief.scale
        low, predicted, high = (scale.score(mean + width * float(deviations[0])) for width in (-1.0, 0.0, 1.0))
        where = "one of the random points" if start is None else f"near trial {start}"
        why = (f"Fitted to {len(belief.fitted):,} of {len(self.history):,} outcomes, the process expects {predicted:.4g} "
               f"({low:.4g} to {high:.4g}) here and {scale.score(belief.best):.4g} of the best that it knows: of {looked:,} "
               f"points that it looked at, the largest expected improvement that is new ({where}).")
        origin = {"how": "process", "predicted": float(f"{predicted:.6g}"), "log_improvement": float(f"{gain:.4g}"),
                  "why": why}
        return Candidate(proposal.architecture, proposal.hyper, parents=() if start is None else (start,), origin=origin)

    def _looked(self, belief: Belief, rng: Random) -> tuple[Found, list[Known]]:
        import numpy as np

        from engine.surrogates.arc_process import one_thread
        from engine.surrogates.arc_search import promising

        o = self.options
        starts = [belief.fitted[at] for at in np.argsort(-belief.means, kind="stable")[: o.starts]]
        generator = np.random.Generator(np.random.PCG64(rng.getrandbits(64)))
        known = self._rows([known.row for known in starts])
        with one_thread():
            return promising(self.vectors, belief.posterior, belief.best, known, random=o.random, steps=o.climb,
                             width=o.width, generator=generator), starts

    def _believed(self) -> Belief:
        """The process, fitted as far as it is due; kept until an outcome or a proposal changes what it knows."""
        state = len(self.history), tuple(self.waiting)
        if self.belief is None or self.belief[0] != state:
            from engine.surrogates.arc_process import one_thread

            with one_thread():
                self._refit()
                self.belief = state, self._conditioned()
        return self.belief[1]

    def _refit(self) -> None:
        """To the outcomes up to the last round number: a search that is taken up again fits to the same ones."""
        o, told = self.options, len(self.history)
        due_at = o.initial + (told - o.initial) // o.refit * o.refit
        if self.fitted_to != due_at:
            chosen = self._chosen(self.history[:due_at])
            if _differ(chosen):
                self.process.fit(self._rows([known.row for known in chosen]), self._scale(chosen).values, o.steps)
            self.fitted_to = due_at

    def _conditioned(self) -> Belief:
        import numpy as np

        from engine.surrogates.arc_process import Posterior

        chosen = self._chosen(self.history)
        scale, rows = self._scale(chosen), self._rows([known.row for known in chosen])
        posterior = Posterior(self.process, rows, scale.values)
        means = posterior.predict(rows).means
        if self.waiting:
            running = self._rows(list(self.waiting.values()))
            lies = (posterior.predict(running).means if self.options.pending == "mean" else
                    np.full(len(running), scale.values.min()))
            posterior = Posterior(self.process, np.concatenate([rows, running]), np.concatenate([scale.values, lies]))
        return Belief(posterior, scale, chosen, means, float(means.max()))

    def _chosen(self, history: list[Known]) -> list[Known]:
        """As many as are remembered, in the order of the trials: the best, and of the others the newest."""
        memory = self.options.memory
        if len(history) <= memory:
            return list(history)
        order = sorted(range(len(history)), key=lambda at: (-_or_worst(history[at].score), at))
        best = set(order[: memory // 2])
        newest = [at for at in range(len(history)) if at not in best][-(memory - len(best)):]
        return [history[at] for at in sorted(best | set(newest))]

    def _scale(self, chosen: list[Known]) -> ScoreScale:
        import numpy as np

        from engine.surrogates.score_scale import ScoreScale

        return ScoreScale(np.array([known.score for known in chosen]), self.options.ranks)

    def _rows(self, rows: list[Any]) -> Floats:
        import numpy as np

        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.vectors.parameters))

    def _placed(self, proposal: Proposal) -> tuple[str, Any]:
        """A name, equal for networks that compute the same and are trained the same way; and the row."""
        import numpy as np

        written = digest(proposal.document())
        if written not in self.names:
            self.names[written] = digest([self.space.canonical(proposal.architecture), dict(proposal.hyper)])
        return self.names[written], np.array(self.space.proposal_vector(proposal), dtype=np.float64)

    def _new(self, proposal: Proposal) -> bool:
        name, _ = self._placed(proposal)
        return name not in self.seen and name not in self.waiting

    def _said(self, trial: int) -> list[Event]:
        """What the process takes for alike, what matters to it, and how its predictions did."""
        if self.belief is None and (not self.proposed or self._early):      # none is needed yet, or rows are told again
            return []
        belief = self._believed() if self.belief is None else self.belief[1]
        order = sorted(range(len(belief.fitted)), key=lambda at: (-_or_worst(belief.fitted[at].score), at))[:MATRIX]
        names = [str(belief.fitted[at].trial) for at in order]
        gram = belief.posterior.gram[order][:, order].tolist()
        note = f"the best trials; fitted to {len(belief.fitted):,} of {len(self.history):,} outcomes"
        radii = sorted(self.process.radii().items(), key=lambda item: -item[1])[:DECISIONS]
        pictures = (heat("Kernel: how alike two trials are", names, names, gram, note),
                    bars("What matters: radii", dict(radii)))
        told = [Event("strategy", trial, shown(*pictures, fitted=len(belief.fitted), told=len(self.history)))]
        if len(self.foreseen) > 2:
            picture = scatter("Predicted and observed", "predicted score", "observed score", self.foreseen[-SHOWN:],
                              f"{len(self.foreseen):,} candidates, each predicted before it was trained")
            told.append(Event("strategy", trial, shown(picture)))
        return told


def _differ(history: list[Known]) -> bool:
    return len({known.score for known in history if known.score == known.score}) > 1


def _or_worst(score: float) -> float:
    return score if score == score else float("-inf")
