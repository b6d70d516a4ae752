"""The controller: an LSTM that writes an architecture down, decision by decision (Zoph & Le, ICLR 2017, section 3).

Each choice is fed back as an embedding. Where layers may read any earlier one, a layer ends in an anchor: a step whose
state is compared with those of the earlier anchors, which gives the probability of each skip. Inputs of nodes may be chosen
alike, by attention to the anchors of the earlier nodes (Pham et al., ICML 2018).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from engine.spaces.space import Parameter

SKIPPED = -1                                    # in place of a choice: the decision is not active
ONE = torch.ones(1, dtype=torch.bool)            # a batch of one, whose step is active
Module = TypeVar("Module", bound=nn.Module)
Walk = Callable[[Callable[[int, Sequence[int]], int]], tuple[int, ...]]


@dataclass(frozen=True)
class Decision:
    """One place of the sequence. Decisions of the same `head` share logits and embeddings; `columns` are those of the head
    that are choices here, all others are masked."""

    head: str
    columns: tuple[int, ...]
    layer: int = 0
    reads: int = 0                              # of a skip: the earlier layer
    points: tuple[int, ...] = ()                # of an input chosen by attention: earlier layers; 0, -1, … are outside


class Logits(NamedTuple):
    """What becomes of a logit: `bound` · tanh(logit / `temperature`); `eased` divides the bound where no attention is."""

    temperature: float = 1.0
    bound: float | None = None
    eased: float = 1.0

    def of(self, raw: Tensor, attention: bool) -> Tensor:
        raw = raw / self.temperature
        return raw if self.bound is None else self.bound / (1.0 if attention else self.eased) * torch.tanh(raw)


UNBOUNDED = Logits()


class Step(NamedTuple):
    """One step of the LSTM: a decision, or the anchor of a layer with all its skips."""

    decisions: tuple[int, ...]
    follows: int                                # the decision by whose activity an anchor is active
    anchor: int = 0


class Drawn(NamedTuple):
    picks: tuple[int, ...]
    log_probability: float
    probabilities: list[list[float]]            # of every decision, [] where it was not active


@dataclass
class Reading:
    """Where the LSTM is in a batch of sequences."""

    x: Tensor
    hidden: list[Tensor]
    cells: list[Tensor]
    anchors: dict[int, Tensor] = field(default_factory=dict)


def decisions_of(parameters: Sequence[Parameter], values: Sequence[Sequence[Any]], shared: bool,
                 attention: bool = False) -> list[Decision]:
    """The decisions of a space. `shared`: those whose names differ by numbers only are of one type, and of one head.
    `attention`: inputs are chosen by it, where a space says what they read."""
    known: dict[str, dict[str, int]] = {}
    found = []
    for parameter, choices in zip(parameters, values, strict=True):
        head = re.sub(r"\d+", "#", parameter.name) if shared else parameter.name
        columns = known.setdefault(head, {})
        places = tuple(columns.setdefault(repr(choice), len(columns)) for choice in choices)
        layer, points = (parameter.result or parameter.layer, parameter.points) if attention else (parameter.layer, ())
        found.append(Decision(head, places, layer, parameter.reads, points))
    return found


def steps_of(decisions: Sequence[Decision]) -> Iterator[Step]:
    """A step a decision; skips wait for the end of their layer and are decided there together."""
    anchors = any(decision.reads or decision.points for decision in decisions)
    last = {d.layer: at for at, d in enumerate(decisions) if d.layer and not d.reads} if anchors else {}
    for at, decision in enumerate(decisions):
        if not decision.reads:
            yield Step((at,), at)
        if last.get(decision.layer) == at:
            own = tuple(t for t, d in enumerate(decisions) if d.reads and d.layer == decision.layer)
            yield Step(own, at, decision.layer)


class Controller(nn.Module):
    """`units` wide and `depth` LSTM cells deep; all weights are drawn from [-scale, scale]."""

    def __init__(self, decisions: Sequence[Decision], depth: int, units: int, scale: float, seed: int,
                 logits: Logits = UNBOUNDED) -> None:
        super().__init__()
        self.logits = logits
        self.decisions, self.steps = tuple(decisions), tuple(steps_of(decisions))
        widths: dict[str, int] = {}
        for decision in decisions:
            if decision.reads or decision.points:
                continue                        # decided by attention
            widths[decision.head] = max(widths.get(decision.head, 0), 1 + max(decision.columns))
        self.place = {name: at for at, name in enumerate(widths)}
        self.lstm = nn.ModuleList(_blank(nn.LSTMCell(units, units, device="meta")) for _ in range(depth))
        self.heads = nn.ModuleList(_blank(nn.Linear(units, width, device="meta")) for width in widths.values())
        self.embeddings = nn.ModuleList(_blank(nn.Embedding(width, units, device="meta")) for width in widths.values())
        self.start = nn.Parameter(torch.empty(units))
        if any(step.anchor for step in self.steps):
            self.earlier = _blank(nn.Linear(units, units, bias=False, device="meta"))
            self.current = _blank(nn.Linear(units, units, bias=False, device="meta"))
            self.attention = _blank(nn.Linear(units, 1, bias=False, device="meta"))
        if outside := max((1 - min(decision.points) for decision in decisions if decision.points), default=0):
            self.outside = nn.Parameter(torch.empty(outside, units))
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weights in self.parameters():
                weights.uniform_(-scale, scale, generator=generator)
        for at, decision in enumerate(decisions):
            if decision.reads or decision.points:
                continue
            columns = torch.tensor(decision.columns)
            allowed = torch.zeros(widths[decision.head], dtype=torch.bool).index_fill_(0, columns, True)
            self.register_buffer(f"columns_{at}", columns, persistent=False)
            self.register_buffer(f"masked_{at}", ~allowed, persistent=False)

    def score(self, picks: Tensor) -> tuple[Tensor, Tensor]:
        """Of given sequences (a row each, SKIPPED where inactive): the log-probability, and the entropy on the way."""
        total, entropy, _ = self.judged(picks, None)
        return total, entropy

    def judged(self, picks: Tensor, rate: float | None) -> tuple[Tensor, Tensor, Tensor]:
        """The same, and how far skips are from this rate: the divergence KL(skip or not ‖ rate), summed over the skips of a
        layer and averaged over the layers that have skips."""
        reading = self._begin(len(picks))
        zero = torch.zeros(len(picks), dtype=self.start.dtype)
        total, entropy, apart = zero, zero, zero
        wanted = None if rate is None else torch.tensor([1.0 - rate, rate], dtype=zero.dtype).log()
        layers = max(1, len({decision.layer for decision in self.decisions if decision.reads}))
        for step in self.steps:
            live = picks[:, step.follows] != SKIPPED
            for at, logs in self._advance(reading, step, live):
                active = picks[:, at] != SKIPPED
                chosen = torch.where(active, picks[:, at], 0)
                total = total + torch.where(active, logs.gather(1, chosen[:, None])[:, 0], 0.0)
                entropy = entropy - torch.where(active, (logs.exp() * logs).sum(1), 0.0)
                if wanted is not None and step.anchor:
                    apart = apart + torch.where(active, (logs.exp() * (logs - wanted)).sum(1), 0.0) / layers
            self._feed(reading, step, picks, live)
        return total, entropy, apart

    @torch.no_grad()
    def draw(self, walk: Walk, rng: Random | None) -> Drawn:
        """One sequence: `walk` asks for the choice of each active decision. Without `rng` the likeliest of each."""
        reading, waiting, passed = self._begin(1), list(reversed(self.steps)), list[Step]()
        logs: dict[int, Tensor] = {}
        probabilities: list[list[float]] = [[] for _ in self.decisions]
        total = 0.0

        def pick(at: int, before: Sequence[int]) -> int:
            nonlocal total
            known = torch.tensor([[*before, *[SKIPPED] * (len(self.decisions) - len(before))]])
            while at not in logs:                       # on to the step that decides it, past those that are not active
                step = waiting.pop()
                if at in step.decisions or step.anchor and before[step.follows] != SKIPPED:
                    if passed:
                        self._feed(reading, passed[-1], known, ONE)
                    logs.update(self._advance(reading, step, ONE))
                    passed.append(step)
            probabilities[at] = logs[at][0].exp().tolist()
            number = int(logs[at].argmax()) if rng is None else _sampled(probabilities[at], rng.random())
            total += float(logs[at][0, number])
            return number

        return Drawn(walk(pick), total, probabilities)

    def _begin(self, batch: int) -> Reading:
        x = self.start.expand(batch, -1)
        return Reading(x, [torch.zeros_like(x) for _ in self.lstm], [torch.zeros_like(x) for _ in self.lstm])

    def _advance(self, reading: Reading, step: Step, live: Tensor) -> Iterator[tuple[int, Tensor]]:
        """One step of the LSTM where `live`; for each of its decisions the log-probabilities of its choices."""
        x, everywhere = reading.x, bool(live.all())
        if not everywhere and not bool(live.any()):
            x = reading.hidden[-1]
        else:
            for n, cell in enumerate(self.lstm):
                hidden, memory = cell(x, (reading.hidden[n], reading.cells[n]))
                if not everywhere:
                    hidden = torch.where(live[:, None], hidden, reading.hidden[n])
                    memory = torch.where(live[:, None], memory, reading.cells[n])
                reading.hidden[n], reading.cells[n], x = hidden, memory, hidden
        if step.anchor:
            yield from self._skips(reading, step, x)
            reading.anchors[step.anchor] = x
        else:
            (at,) = step.decisions
            if points := self.decisions[at].points:
                yield at, torch.log_softmax(self._attended(self._results(reading, points), x), 1)
                return
            logits = self.logits.of(self.heads[self.place[self.decisions[at].head]](x), False)
            logits = logits.masked_fill(self.get_buffer(f"masked_{at}"), float("-inf"))
            yield at, torch.log_softmax(logits, 1)[:, self.get_buffer(f"columns_{at}")]

    def _skips(self, reading: Reading, step: Step, current: Tensor) -> Iterator[tuple[int, Tensor]]:
        """sigmoid(v · tanh(W h_j + U h_k)) is the probability that layer k reads layer j: of the second choice of two."""
        if not step.decisions:
            return
        scores = self._attended(self._results(reading, [self.decisions[at].reads for at in step.decisions]), current)
        no, yes = nn.functional.logsigmoid(-scores), nn.functional.logsigmoid(scores)
        yield from ((at, torch.stack((no[:, n], yes[:, n]), 1)) for n, at in enumerate(step.decisions))

    def _results(self, reading: Reading, numbers: Sequence[int]) -> Tensor:
        """Anchors of layers, and vectors for what comes from outside: sequences × results × units."""
        batch = len(reading.x)
        return torch.stack([reading.anchors[n] if n > 0 else self.outside[-n].expand(batch, -1) for n in numbers], 1)

    def _attended(self, results: Tensor, current: Tensor) -> Tensor:
        raw: Tensor = self.attention(torch.tanh(self.earlier(results) + self.current(current)[:, None]))[..., 0]
        return self.logits.of(raw, True)

    def _feed(self, reading: Reading, step: Step, picks: Tensor, live: Tensor) -> None:
        """What the next step reads: the embedding of the choice, or the result chosen by attention; after an anchor the mean
        of those that are read."""
        if not step.anchor:
            (at,) = step.decisions
            chosen = torch.where(live, picks[:, at], 0)
            if points := self.decisions[at].points:
                x = self._results(reading, points)[torch.arange(len(chosen)), chosen]
            else:
                columns = self.get_buffer(f"columns_{at}")[chosen]
                x = self.embeddings[self.place[self.decisions[at].head]](columns)
        elif step.decisions:
            read = (picks[:, list(step.decisions)] == 1).to(reading.x.dtype)
            before = self._results(reading, [self.decisions[at].reads for at in step.decisions])
            count = read.sum(1, keepdim=True)
            mean = (read[..., None] * before).sum(1) / count.clamp(min=1)
            x = torch.where(count > 0, mean, self.start)
        else:
            x = self.start.expand_as(reading.x)
        reading.x = torch.where(live[:, None], x, reading.x)


def _blank(module: Module) -> Module:
    """Weights to be filled: drawing them here would use the global generator."""
    return module.to_empty(device="cpu")


def _sampled(probabilities: Sequence[float], share: float) -> int:
    """The choice in whose part of [0, 1) a share lies. Rounding never leads to a choice without probability."""
    total, found = 0.0, 0
    for number, probability in enumerate(probabilities):
        if probability > 0.0:
            total, found = total + probability, number
        if share < total:
            break
    return found
