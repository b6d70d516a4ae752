"""The distances between the networks that a model is fitted to: each pair computed once, the later to the earlier."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from engine.surrogates.network_layers import Floats, Layered
from engine.surrogates.otmann import Crowd, Otmann
from engine.surrogates.otmann_kernel import Distances, training_distances


class Point:
    """A network, looked at when it is needed, and the vector of its training decisions."""

    def __init__(self, look: Callable[[], Layered], training: Sequence[float] = ()) -> None:
        self.look, self.training = look, tuple(training)
        self._layers: Layered | None = None

    @property
    def layers(self) -> Layered:
        if self._layers is None:
            self._layers = self.look()
        return self._layers


class Book:
    """Points by number; `known` are those whose distances to each other are written down."""

    def __init__(self, otmann: Otmann, categorical: Sequence[bool] = ()) -> None:
        self.otmann, self.categorical = otmann, tuple(categorical)
        self.points: list[Point] = []
        self.known: tuple[int, ...] = ()
        self.plain = np.zeros((len(otmann.structure), 0, 0))

    def between(self, members: Sequence[int]) -> Distances:
        """Of these points, in rising order, to each other. What was known of others is forgotten."""
        members = tuple(members)
        if members != self.known:
            self._learn(members)
        totals = self.totals(members)
        return Distances(self.plain, self.plain / (totals[:, None] + totals), self._training(members, members))

    def totals(self, members: Sequence[int]) -> Floats:
        """Masses of the networks."""
        return np.array([self.points[member].layers.total for member in members])

    def crowd(self, members: Sequence[int], more: Sequence[Point] = ()) -> Crowd:
        """These points and some that are not in the book."""
        return Crowd([*(self.points[member].layers for member in members), *(point.layers for point in more)])

    def towards(self, crowd: Crowd, of: Sequence[Point], others: Sequence[Point]) -> Distances:
        """From the networks of a crowd (rows), whose points are `of`, to others."""
        plain = np.stack([self.otmann.distances(other.layers, crowd) for other in others], axis=2)
        bar = plain / (crowd.totals[:, None] + np.array([other.layers.total for other in others]))
        training = None
        if self.categorical:
            training = training_distances(_rows(of), _rows(others), self.categorical)
        return Distances(plain, bar, training)

    def _training(self, one: Sequence[int], other: Sequence[int]) -> Floats | None:
        if not self.categorical:
            return None
        rows = [_rows([self.points[member] for member in members]) for members in (one, other)]
        return training_distances(rows[0], rows[1], self.categorical)

    def _learn(self, members: tuple[int, ...]) -> None:
        place = {member: at for at, member in enumerate(self.known)}
        plain = np.zeros((len(self.otmann.structure), len(members), len(members)))
        old = [at for at, member in enumerate(members) if member in place]
        was = [place[members[at]] for at in old]
        plain[np.ix_(range(len(plain)), old, old)] = self.plain[np.ix_(range(len(plain)), was, was)]
        for at, member in enumerate(members):
            missing = [earlier for earlier in range(at) if member not in place or members[earlier] not in place]
            if missing:
                found = self.otmann.distances(self.points[member].layers, self.crowd([members[e] for e in missing]))
                plain[:, at, missing] = plain[:, missing, at] = found
        self.known, self.plain = members, plain


def _rows(points: Sequence[Point]) -> Floats:
    return np.array([point.training for point in points], dtype=np.float64)
