"""What an architecture of a fabric may be: a path through the trellis, or a set of edges with at least one path."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any, ClassVar, Protocol

from engine.architecture.genotype import Config
from engine.architecture.trellis import Edge, Trellis
from engine.errors import Invalid, Problem, fail
from engine.spaces.space import Parameter

TRIES = 100                                     # sets of edges drawn in search of one with a path


class Members(Protocol):
    key: ClassVar[str]                          # the one key of the genotype; its value is a list
    form: ClassVar[str]

    def parameters(self) -> tuple[Parameter, ...]: ...
    def size(self) -> int: ...
    def written(self, config: Config) -> list[Any]: ...            # mends what is no member
    def decided(self, given: Sequence[Any], at: str) -> Config: ...    # raises Invalid
    def draw(self, rng: Random) -> Config: ...                     # each member equally likely
    def moves(self) -> int: ...
    def moved(self, config: Config, move: int) -> Config | None: ...   # None: no member
    def having(self, edges: Collection[Edge]) -> Config: ...       # the member with these, which hold a path (or are one)
    def edges(self, config: Config) -> tuple[Edge, ...]: ...       # those on a way from the input to the output


@dataclass(frozen=True)
class Paths:
    """The scale of each layer: see `Trellis.path`. A path moves by one scale at most between layers."""

    trellis: Trellis
    key: ClassVar[str] = "path"
    form: ClassVar[str] = '{"path": [1, 2, 2]}: the scale of each layer'

    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(Parameter(f"scale_{layer}", "integer", low=1, high=self.trellis.scales)
                     for layer in range(1, self.trellis.layers + 1))

    def size(self) -> int:
        return self.trellis.count_paths()

    def written(self, config: Config) -> list[Any]:
        path: list[int] = []
        for scale in config.values():
            path.append(min(max(scale, path[-1] - 1), path[-1] + 1) if path else scale)
        return path

    def decided(self, given: Sequence[Any], at: str) -> Config:
        if len(given) != self.trellis.layers:
            raise fail(at, f"has {len(given)} scales", f"one for each of {self.trellis.layers} layers")
        problems = [Problem(f"{at}/{n}", "is not a scale of this space", f"a whole number from 1 to {self.trellis.scales}")
                    for n, scale in enumerate(given) if type(scale) is not int or not 1 <= scale <= self.trellis.scales]
        problems = problems or [Problem(f"{at}/{n}", "moves by more than one scale", "the scale before, one more or less")
                                for n in range(1, len(given)) if abs(given[n] - given[n - 1]) > 1]
        if problems:
            raise Invalid(*problems)
        return self._config(given)

    def draw(self, rng: Random) -> Config:
        path: list[int] = []
        for ways in self.trellis.completions:
            near = [s for s in range(1, self.trellis.scales + 1) if not path or abs(s - path[-1]) <= 1]
            path += rng.choices(near, [ways[s - 1] for s in near])
        return self._config(path)

    def moves(self) -> int:
        return 2 * self.trellis.layers

    def moved(self, config: Config, move: int) -> Config | None:
        """One scale more or less in one layer."""
        path = list(config.values())
        path[move // 2] += 1 if move % 2 else -1
        smooth = all(abs(after - before) <= 1 for before, after in pairwise(path))
        return self._config(path) if smooth and 1 <= path[move // 2] <= self.trellis.scales else None

    def having(self, edges: Collection[Edge]) -> Config:
        scales: dict[int, set[int]] = {layer: set() for layer in range(1, self.trellis.layers + 1)}
        for layer, scale in (self.trellis.ends[0], *(target for _, target in edges)):
            scales[layer].add(scale)
        first, *others = scales.values()                    # deep in the first layer, then where each further one is entered
        return self._config([max(first), *map(min, others)])

    def edges(self, config: Config) -> tuple[Edge, ...]:
        return self.trellis.path(list(config.values()))

    @staticmethod
    def _config(path: Sequence[int]) -> Config:
        return {f"scale_{layer}": scale for layer, scale in enumerate(path, 1)}


@dataclass(frozen=True)
class Subgraphs:
    """Every edge is on or off. A set of edges without a path gets those that the nearest path lacks."""

    trellis: Trellis
    key: ClassVar[str] = "edges"
    form: ClassVar[str] = '{"edges": ["1.1>1.2", "1.2>2.2"]}: layer.scale>layer.scale'

    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(Parameter(_name(edge), "categorical", (False, True)) for edge in self.trellis.edges)

    def size(self) -> int:
        return self.trellis.count_subgraphs()

    def written(self, config: Config) -> list[Any]:
        chosen = set(self._on(config))
        chosen |= set() if self.trellis.connects(chosen) else set(self.trellis.nearest_way(chosen))
        return [_word(edge) for edge in self.trellis.edges if edge in chosen]

    def decided(self, given: Sequence[Any], at: str) -> Config:
        known = {_word(edge): edge for edge in self.trellis.edges}
        problems = [Problem(f"{at}/{n}", "is not an edge of this space", "layer.scale>layer.scale, as 1.1>2.2")
                    for n, word in enumerate(given) if not isinstance(word, str) or word not in known]
        if not problems and len(set(given)) < len(given):
            problems = [Problem(at, "repeats an edge", "each edge once")]
        if not problems and not self.trellis.connects([known[word] for word in given]):
            problems = [Problem(at, "leave no way from the input to the output", "edges with at least one path")]
        if problems:
            raise Invalid(*problems)
        return {_name(edge): word in given for word, edge in known.items()}

    def draw(self, rng: Random) -> Config:
        """Tried until there is a path; in the thinnest of trellises the last try is mended when it is written."""
        config: Config = {}
        for _ in range(TRIES):
            config = {_name(edge): rng.random() < 0.5 for edge in self.trellis.edges}
            if self.trellis.connects(self._on(config)):
                break
        return config

    def moves(self) -> int:
        return len(self.trellis.edges)

    def moved(self, config: Config, move: int) -> Config | None:
        """One edge more or less."""
        name = _name(self.trellis.edges[move])
        changed = {**config, name: not config[name]}
        return changed if self.trellis.connects(self._on(changed)) else None

    def having(self, edges: Collection[Edge]) -> Config:
        return {_name(edge): edge in edges for edge in self.trellis.edges}

    def edges(self, config: Config) -> tuple[Edge, ...]:
        return self.trellis.live(self._on(config))

    def _on(self, config: Config) -> list[Edge]:
        return [edge for edge, on in zip(self.trellis.edges, config.values(), strict=True) if on]


def _word(edge: Edge) -> str:
    (layer, scale), (to_layer, to_scale) = edge
    return f"{layer}.{scale}>{to_layer}.{to_scale}"


def _name(edge: Edge) -> str:
    (layer, scale), (to_layer, to_scale) = edge
    return f"edge_{layer}_{scale}_{to_layer}_{to_scale}"
