"""NASBOT's nine modifiers of networks, as changes of decisions (Kandasamy et al., NeurIPS 2018, appendix).

What is a layer is read off a space's decisions: the number in a name is the layer's, its words say what is decided. Whatever
a modifier does, every decision that is left open is drawn from its prior, so no child ever leaves its space.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from engine.architecture import genotype, priors
from engine.architecture.architecture import Proposal
from engine.spaces.conditional import Conditional
from engine.spaces.space import Parameter

Config = genotype.Config
Fixed = dict[str, Any] | None                   # decisions that are made; the rest is drawn. None: not possible here

MASSES = {"more units": 0.1, "fewer units": 0.1, "more units in many layers": 0.1, "fewer units in many layers": 0.1,
          "another label": 0.2, "a layer wedged in": 0.1, "a layer removed": 0.1, "a path doubled": 0.2, "a skip": 0.2}
OWN = "the space's own mutation"                # reaches what no modifier does: strides, dropout, how to train
OWN_MASS = 0.2
STEPS = (0.5, 0.25, 0.125, 0.075, 0.05)         # how likely it is that a child is 1 … 5 steps away
CHANGE = 1 / 8                                  # of the units
PARTS = (1, 2, 4, 8)                            # many layers: one of so many equal parts of the network
UNITS = frozenset({"channels", "filters", "units"})
LABELS = frozenset({"type", "op", "kernel", "height", "width", "activation"})
READS = frozenset({"reads", "skip"})
NUMBERED = re.compile(r"^(.*?)_(\d+)(.*)$")


class Role(NamedTuple):
    """A decision of a numbered layer: `block_3_kernel` is the role `block__kernel` of layer 3."""

    parameter: Parameter
    layer: int
    name: str
    words: frozenset[str]


class Modifiers:
    """Children of a proposal. Without numbered layers, only the space's own mutation is left."""

    def __init__(self, space: Any) -> None:
        inner = getattr(space, "inner", space)
        self.space, self.inner = space, inner if isinstance(inner, Conditional) else None
        training = {p.name for p in space.training_parameters()}
        self.decisions = [p for p in inner.parameters() if p.name not in training] if self.inner else []
        self.roles = [role for p in self.decisions if (role := _role(p))]
        self.named = {role.parameter.name: role for role in self.roles}
        self.places = {(role.name, role.layer): role.parameter.name for role in self.roles}
        self.count = self._counting()
        self.actions: Mapping[str, Callable[[Config, Random], Fixed]] = dict(zip(MASSES, (
            lambda config, rng: self._one(config, rng, 1), lambda config, rng: self._one(config, rng, -1),
            lambda config, rng: self._many(config, rng, 1), lambda config, rng: self._many(config, rng, -1),
            self._label, self._wedged, self._removed, self._doubled, self._skip), strict=True))

    def modified(self, proposal: Proposal, rng: Random) -> tuple[Proposal, list[str]]:
        """A child one to five steps away, and what was done."""
        (steps,) = rng.choices(range(1, len(STEPS) + 1), STEPS)
        done = []
        for _ in range(steps):
            proposal, what = self.step(proposal, rng)
            done.append(what)
        return proposal, done

    def step(self, proposal: Proposal, rng: Random) -> tuple[Proposal, str]:
        """One modifier, drawn by mass among those that can do something here."""
        open_ = {**MASSES, OWN: OWN_MASS} if self.roles else {OWN: OWN_MASS}
        config = self.inner.config(proposal.architecture) if self.inner and self.roles else {}
        while True:
            (name,) = rng.choices(list(open_), list(open_.values()))
            if name == OWN or self.inner is None:
                return self.space.mutate_proposal(proposal, rng), OWN
            fixed = self.actions[name](config, rng)
            if fixed is not None:
                child = genotype.sample(self.decisions, rng, fixed)
                return Proposal(self.inner.architecture(child), proposal.hyper), name
            del open_[name]

    def possible(self, proposal: Proposal, rng: Random) -> list[str]:
        """The modifiers that can do something to this one."""
        if self.inner is None or not self.roles:
            return []
        config = self.inner.config(proposal.architecture)
        return [name for name, action in self.actions.items() if action(config, rng) is not None]

    def _counting(self) -> Parameter | None:
        """The decision how many layers there are, if there is one that all numbered layers go by."""
        asked = {(c["name"], c["at_least"], role.layer) for role in self.roles for c in role.parameter.when
                 if "at_least" in c}
        names = {name for name, _, _ in asked}
        if len(names) != 1 or any(at_least != layer for _, at_least, layer in asked):
            return None
        return next((p for p in self.decisions if p.name in names and p.kind == "integer"), None)

    def _active(self, config: Config, words: frozenset[str]) -> list[Role]:
        return [role for role in self.roles if role.parameter.name in config and role.words & words]

    def _one(self, config: Config, rng: Random, way: int) -> Fixed:
        found = [(role, value) for role in self._active(config, UNITS)
                 if (value := _changed(role.parameter, config[role.parameter.name], way)) is not None]
        if not found:
            return None
        role, value = rng.choice(found)
        return {**config, role.parameter.name: value}

    def _many(self, config: Config, rng: Random, way: int) -> Fixed:
        """A part of the network in which at least one layer can change."""
        roles = self._active(config, UNITS)
        parts = rng.choice(PARTS)
        part = rng.randrange(parts)
        chosen = roles[part * len(roles) // parts:(part + 1) * len(roles) // parts]
        moved = {role.parameter.name: _changed(role.parameter, config[role.parameter.name], way) for role in chosen}
        changed = {name: value for name, value in moved.items() if value is not None}
        return {**config, **changed} if changed else None

    def _label(self, config: Config, rng: Random) -> Fixed:
        found = [role for role in self._active(config, LABELS) if len(role.parameter.choices) > 1]
        if not found:
            return None
        parameter = rng.choice(found).parameter
        others = [value for value in parameter.choices if value != config[parameter.name]]
        return {**config, parameter.name: rng.choice(others)}

    def _wedged(self, config: Config, rng: Random) -> Fixed:
        """A layer drawn from the prior, as wide as its neighbours on the mean."""
        if self.count is None or config[self.count.name] >= (self.count.high or 0):
            return None
        layers = config[self.count.name]
        at = rng.randint(1, layers + 1)
        moved = self._shifted(config, at, 1)
        for role in self.roles:
            if role.layer == at and role.words & UNITS:
                beside = [config[name] for near in (at - 1, at) if (name := self.places.get((role.name, near))) in config]
                if beside:
                    moved[role.parameter.name] = _nearest(role.parameter, sum(beside) / len(beside))
        return {**moved, self.count.name: layers + 1}

    def _removed(self, config: Config, rng: Random) -> Fixed:
        if self.count is None or config[self.count.name] <= (self.count.low or 0):
            return None
        layers = config[self.count.name]
        at = rng.randint(1, layers)
        left = {name: value for name, value in config.items() if self._layer(name) != at}
        return {**self._shifted(left, at + 1, -1), self.count.name: layers - 1}

    def _shifted(self, config: Config, first: int, by: int) -> dict[str, Any]:
        """The decisions of layer `first` and those after it, moved up or down."""
        moved = {}
        for name, value in config.items():
            role = self.named.get(name)
            beyond = role is not None and role.layer >= first
            target = self.places.get((role.name, role.layer + by)) if role and beyond else name
            if target is not None:
                moved[target] = value
        return moved

    def _doubled(self, config: Config, rng: Random) -> Fixed:
        """A later layer becomes the twin of an earlier one: the same settings, the same inputs, the same readers."""
        layers = sorted({role.layer for role in self._active(config, READS)})
        if len(layers) < 2:
            return None
        twin = rng.choice(layers[1:])
        one = rng.randint(layers[0] - 1, twin - 1)
        fixed = dict(config)
        for role in self.roles:
            name, source = role.parameter.name, _read(role)
            if role.layer == twin and source is None:
                fixed[name] = config.get(self.places.get((role.name, one), ""), config.get(name))
            elif role.layer == twin:
                original = self.places.get((role.name, one)) if source is not None and source < one else None
                fixed[name] = config[original] if original else role.parameter.choices[0]
            elif source == twin and (original := self._reading(role, one)):
                fixed[name] = config[original]
        return fixed if fixed != config else None

    def _reading(self, role: Role, source: int) -> str | None:
        """The decision by which the same layer reads another one."""
        return self.places.get((re.sub(r"\d+$", str(source), role.name), role.layer))

    def _skip(self, config: Config, rng: Random) -> Fixed:
        found = [role for role in self._active(config, READS) if not config[role.parameter.name]]
        if not found:
            return None
        parameter = rng.choice(found).parameter
        return {**config, parameter.name: parameter.choices[-1]}

    def _layer(self, name: str) -> int | None:
        role = self.named.get(name)
        return role.layer if role else None


def _role(parameter: Parameter) -> Role | None:
    found = NUMBERED.match(parameter.name)
    if not found:
        return None
    head, number, tail = found.groups()
    return Role(parameter, int(number), f"{head}_{tail}", frozenset(f"{head}{tail}".split("_")))


def _read(role: Role) -> int | None:
    """The layer that a decision to read speaks of."""
    found = re.search(r"_(\d+)$", role.name) if role.words & READS else None
    return int(found[1]) if found else None


def _changed(parameter: Parameter, units: float, way: int) -> Any:
    """An eighth more or fewer, or the next choice; None at the end of the range."""
    if parameter.kind == "categorical":
        beyond: Sequence[Any] = sorted(value for value in parameter.choices if (value - units) * way > 0)
        return (beyond[0] if way > 0 else beyond[-1]) if beyond else None
    step = units * CHANGE if parameter.kind == "real" else max(1, round(units * CHANGE))
    value = priors.fitted(parameter, units + way * step)
    return value if value != units else None


def _nearest(parameter: Parameter, units: float) -> Any:
    if parameter.kind == "categorical":
        return min(parameter.choices, key=lambda value: abs(value - units))
    return priors.fitted(parameter, units)
