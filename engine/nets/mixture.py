"""Mixtures: all operations at once, weighed by alphas that learn by gradient on examples of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from engine.architecture.architecture import Architecture
from engine.architecture.relaxed import Path, Relaxed, named
from engine.nets.alphas import Alphas
from engine.nets.bilevel import first_order, second_order
from engine.nets.curvature import largest_eigenvalue
from engine.nets.perturbation import Perturbation
from engine.nets.sampler import Draw, Step
from engine.nets.supernet import Choice, Supernet
from engine.phases import Site

SHARP = ("curvature", "adapt")                  # early stops that want to know how sharp the place is
Weigh = Callable[[Alphas, Step], Choice]
Derive = Callable[[Alphas], Mapping[str, Any]]          # strengths by table, as `Space.derived` takes them


class Learning(NamedTuple):
    """How alphas learn. `unrolled`: by the second-order gradient; `after`: epochs in which only weights learn."""

    lr: float
    betas: tuple[float, float]
    weight_decay: float
    unrolled: bool = False
    after: int = 0


class Mixture:
    """`weigh` says what of the supernet takes part and how much of it, `derive` how strong each operation is in the end:
    softmax for both, if they are not given. `relaxed` stands for the space's own supernet (more operations on an edge,
    fewer channels in a mixture), `left` for all operations, if only some of them take part."""

    closing = opening = 0

    def __init__(self, site: Site, learning: Learning, weigh: Weigh | None = None, derive: Derive | None = None,
                 relaxed: Relaxed | None = None, left: Path | None = None) -> None:
        self.space, self.learning = site.space, learning
        self.clip = site.options.clip if site.kind == "text" else None
        self.watched = not site.settings.get("tuning") and getattr(site.options, "early_stop", "no") in SHARP
        self.supernet = Supernet(relaxed or site.space.supernet(site.shape, site.classes), site.shape)
        self.tables = (self.supernet.relaxed if relaxed is None else site.space.supernet(site.shape, site.classes)).tables
        relaxed = self.supernet.relaxed
        self.alphas = Alphas(relaxed.tables, site.seed, site.device, lr=learning.lr, betas=learning.betas,
                             weight_decay=learning.weight_decay, left=left)
        self.everything = left or relaxed.everything
        self.weigh = weigh or (lambda alphas, step: Choice(self.everything, alphas.probabilities()))
        self.derive = derive or Alphas.strengths
        self.removals: Perturbation | None = None
        if getattr(site.options, "derivation", "magnitude") == "perturbation":
            self.removals = Perturbation(site, self.completed, left)
            self.opening = self.removals.opening

    def draw(self, step: Step) -> Sequence[Draw]:
        """Without a way back to the alphas: a weight step is the weights' alone."""
        choice = self._weighed(step)
        fixed = choice.weights and {name: table.detach() for name, table in choice.weights.items()}
        return [Draw(Choice(choice.path, fixed))]

    def learn(self, step: Step) -> None:
        if self.removals and step.closing:
            whole = Choice(self.everything, self.alphas.fixed())
            self.removals.answer(step, self.removals.applied(whole), self.derive(self.alphas))
        elif step.epoch >= self.learning.after and not (self.removals and self.removals.complete):
            self.alphas.move(self._gradients(step))

    def choice(self, architecture: Architecture) -> Choice:
        return Choice(self.completed(self.space.path(architecture)))

    def completed(self, path: Path) -> Path:
        """Of a path that the space knows, all that this supernet has to be told."""
        return path

    def report(self, step: Step) -> dict[str, Any]:
        strengths = self.derive(self.alphas)
        derived = self.space.derived(self.removals.strengths(strengths) if self.removals else strengths)
        found = {**self.alphas.document(), "derived": derived.document(), "skips": self.space.skips(derived),
                 "kept": named(self.space.path(derived), self.tables),
                 **(self.removals.report() if self.removals else {})}
        if self.watched:
            loss = step.validation_loss(self._weighed(step))
            found["curvature"] = largest_eigenvalue(loss, self.alphas.parameters)
        return found

    def state_dict(self) -> dict[str, Any]:
        return {"alphas": self.alphas.state_dict(), **({"removals": self.removals.state_dict()} if self.removals else {})}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.alphas.load_state_dict(state["alphas"])
        if self.removals:
            self.removals.load_state_dict(state["removals"])

    def _weighed(self, step: Step) -> Choice:
        choice = self.weigh(self.alphas, step)
        return self.removals.applied(choice) if self.removals else choice

    def _gradients(self, step: Step) -> list[Tensor]:
        alphas = self.alphas.parameters

        def validation() -> Tensor:
            return step.validation_loss(self._weighed(step))

        def train() -> Tensor:
            return step.train_loss(self._weighed(step))

        if not self.learning.unrolled:
            return first_order(alphas, validation)
        return second_order([*self.supernet.parameters()], alphas, train, validation, rate=step.rate,
                            momentum=step.momentum, velocities=step.velocities(), decay=step.decay, clip=self.clip)
