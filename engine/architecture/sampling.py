"""Many random architectures at once: decisions are drawn as columns, conditions are tested as masks."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.architecture import priors
from engine.architecture.genotype import Config
from engine.spaces.space import Parameter

Mask = NDArray[np.bool_]
ABSENT: Any = object()


class Columns:
    """`count` independent draws of the decisions: the same law as `genotype.sample`, other streams."""

    def __init__(self, parameters: Sequence[Parameter], rng: Random, count: int) -> None:
        self.count = count
        self.generator = np.random.Generator(np.random.PCG64(rng.getrandbits(64)))
        self.values: dict[str, NDArray[Any]] = {}
        self.active: dict[str, Mask | None] = {}            # None: in all of them
        for parameter in parameters:
            self.active[parameter.name] = self._activity(parameter)
            self.values[parameter.name] = self._drawn(parameter, self.active[parameter.name])

    def _drawn(self, parameter: Parameter, active: Mask | None) -> NDArray[Any]:
        """Numbers are found where they are active only: their quantiles take time."""
        shares = self.generator.random(self.count)
        if parameter.kind == "categorical":
            table = np.empty(len(parameter.choices), dtype=object)
            table[:] = parameter.choices
            return table[(shares * len(table)).astype(np.intp)]
        places = np.arange(self.count) if active is None else np.flatnonzero(active)
        column = np.full(self.count, parameter.low, dtype=object)
        column[places] = [priors.quantile(parameter, share) for share in shares[places].tolist()]
        return column

    def _activity(self, parameter: Parameter) -> Mask | None:
        mask: Mask | None = None
        for condition in parameter.when:
            found = self._holds(condition)
            above = self.active[condition["name"]]
            found = found if above is None else found & above
            mask = found if mask is None else mask & found
        return mask

    def _holds(self, condition: Mapping[str, Any]) -> Mask:
        column = self.values[condition["name"]]
        found = np.zeros(self.count, dtype=np.bool_)
        if "at_least" in condition:
            found |= (column >= condition["at_least"]).astype(np.bool_)
        for value in condition.get("among", ()):
            found |= (column == value).astype(np.bool_)
        return found

    def rows(self) -> Iterator[Config]:
        """The configs, in the order of the decisions, with the active decisions only."""
        names = tuple(self.values)
        columns = []
        for name, values in self.values.items():
            mask = self.active[name]
            if mask is not None:
                values = values.copy()
                values[~mask] = ABSENT
            columns.append(values.tolist())
        if all(mask is None for mask in self.active.values()):
            return (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))
        return ({name: value for name, value in zip(names, row, strict=True) if value is not ABSENT}
                for row in zip(*columns, strict=True))


@contextmanager
def uncollected() -> Iterator[None]:
    """For making many objects that are all kept and hold no circles: the garbage collector, which would go through all of
    them again and again, waits until they are there."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def sample_many(parameters: Sequence[Parameter], rng: Random, count: int) -> Iterator[Config]:
    return Columns(parameters, rng, count).rows()
