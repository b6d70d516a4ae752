"""Looking for the largest value of something cheap to evaluate by evolution (Kandasamy et al., NeurIPS 2018).

Parents are drawn with probability exp(value / (2 sd)); nobody dies; children are evaluated a few at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Generic, NamedTuple, TypeVar

import numpy as np

T = TypeVar("T")
GENERATION = 5                                  # children that are evaluated together
HEAT = 2.0                                      # of the draw of parents, in standard deviations of the values
ROUNDS = 4                                      # times as many generations as are needed if no child is a repeat


class Member(NamedTuple, Generic[T]):
    """One that was evaluated. `parent`: its place in the list of members; -1: it was there at the beginning."""

    what: T
    value: float
    parent: int = -1
    done: tuple[str, ...] = ()


def evolved(pool: Sequence[Member[T]], value: Callable[[Sequence[T]], Sequence[float]],
            mutate: Callable[[T, Random], tuple[T, list[str]]], name: Callable[[T], str], rng: Random,
            evaluations: int) -> list[Member[T]]:
    """The pool and all children that were evaluated, in the order in which they were. A repeat is not evaluated again."""
    members = list(pool)
    seen = {name(member.what) for member in members}
    for _ in range(ROUNDS * math.ceil(evaluations / GENERATION)):
        left = evaluations - (len(members) - len(pool))
        if left <= 0:
            break
        born: list[tuple[T, int, tuple[str, ...]]] = []
        for parent in rng.choices(range(len(members)), _weights(members), k=min(GENERATION, left)):
            child, done = mutate(members[parent].what, rng)
            if name(child) not in seen:
                seen.add(name(child))
                born.append((child, parent, tuple(done)))
        if born:
            values = value([child for child, _, _ in born])
            members += [Member(child, float(worth), parent, done)
                        for (child, parent, done), worth in zip(born, values, strict=True)]
    return members


def effort(told: int, most: int) -> int:
    """Evaluations after so many results: 25 sqrt(t), from 50 to 500 in the paper."""
    return int(min(most, max(min(50, most), 25 * math.sqrt(told))))


def _weights(members: Sequence[Member[T]]) -> list[float]:
    values = np.array([member.value for member in members])
    deviation = float(values.std())
    if deviation <= 0:
        return [1.0] * len(members)
    found: list[float] = np.exp((values - values.max()) / (HEAT * deviation)).tolist()
    return found
