"""Joint spaces: an architecture and how it is trained, searched as one (Zela, Klein, Falkner & Hutter 2018)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any, Protocol

from engine import options
from engine.architecture import decisions
from engine.architecture.architecture import Architecture, Proposal
from engine.architecture.cost import Total
from engine.architecture.counting import count
from engine.architecture.graph import Graph, Shape
from engine.architecture.tally import Known
from engine.errors import Invalid, Problem, fail
from engine.options import Option, structured
from engine.registry import discover, space
from engine.spaces.proposals import Proposals
from engine.spaces.space import Parameter, Space
from engine.spec import parse_space

FIXED = ("checkpoint_seconds", "early_stop")    # options of the estimation that do not change what is learnt
LR = {"name": "lr", "kind": "real", "low": 1e-3, "high": 1.0, "prior": "log"}
DECAY = {"name": "weight_decay", "kind": "real", "low": 1e-5, "high": 1e-3, "prior": "log"}
ZELA = (LR, {"name": "batch_size", "kind": "integer", "low": 32, "high": 128, "prior": "log"}, DECAY,
        {"name": "momentum", "kind": "real", "low": 1e-3, "high": 0.99})
SMALL = ({"name": "optimizer", "kind": "categorical", "choices": ["sgd", "adamw"]},
         {**LR, "low": 1e-3, "high": 0.1}, DECAY,
         {"name": "momentum", "kind": "real", "low": 0.5, "high": 0.99, "when": [{"name": "optimizer", "among": ["sgd"]}]})
SPACE_FORM = '{"kind": "chain", "preset": "cpu"}, any space of architectures alone'


def read_space(given: Any, path: str) -> dict[str, Any]:
    """The document of an inner space with every option written out."""
    kind = given.get("kind") if isinstance(given, Mapping) else None
    if isinstance(kind, str) and (kind == "composed" or "hyper" in getattr(discover("spaces").get(kind), "offers", ())):
        raise fail(f"{path}/kind", "already holds training decisions: it cannot be composed again", SPACE_FORM)
    kind, inner = parse_space(given, path)
    return {"kind": kind, **options.document(inner)}


def searchable() -> dict[str, Option]:
    """The options of training that may be searched, by name."""
    declared = options.options_of(discover("estimation")["scratch"].options)
    return {name: option for name, option in declared.items() if name not in FIXED}


def read_hyper(given: Any, path: str) -> tuple[dict[str, Any], ...]:
    """Decisions that are options of training from scratch, within the bounds of those, in order."""
    found, known = decisions.read(given, path), searchable()
    place = {row["name"]: f"{path}/{k}" for k, row in enumerate(given)}
    if problems := [fault for p in found for fault in _beyond(p, known, place[p.name])]:
        raise Invalid(*problems)
    try:
        count(found)
    except Invalid as error:
        raise Invalid(*[problem.under(path) for problem in error.problems]) from None
    return tuple(decisions.written(p) for p in found)


def _beyond(parameter: Parameter, known: Mapping[str, Option], path: str) -> Iterable[Problem]:
    """Where a decision leaves what the option of its name may be."""
    option = known.get(parameter.name)
    if option is None:
        yield Problem(f"{path}/name", "is not an option of training", "one of " + ", ".join(known))
    elif parameter.kind == "categorical":
        for k, value in enumerate(parameter.choices):
            if fault := option.check(value):
                yield Problem(f"{path}/choices/{k}", fault, option.allowed())
    elif option.kind not in ("integer", "real") or (option.kind, parameter.kind) == ("integer", "real"):
        yield Problem(f"{path}/kind", f"does not fit the option {parameter.name}", option.allowed())
    else:
        for key, bound in (("low", parameter.low), ("high", parameter.high)):
            if fault := option.check(bound):
                yield Problem(f"{path}/{key}", fault, option.allowed())


class Inner(Space, Protocol):
    """A space of architectures with vectors."""

    def movable(self, architecture: Architecture) -> int: ...
    def vector(self, architecture: Architecture) -> list[float]: ...
    def from_vector(self, numbers: Sequence[float]) -> Architecture: ...


@space(title="Architecture and training", paper="Zela, Klein, Falkner, Hutter 2018 (arXiv:1807.06906)",
       summary="Any other space and, searched with it, how to train: the best learning rate depends on the network.",
       offers={"parameters", "mutate", "graph", "hyper"}, data=("images", "text", "table"),
       presets={"paper": {"architecture": {"kind": "nas_bench_201", "preset": "paper"}, "hyper": ZELA},
                "cpu": {"architecture": {"kind": "chain", "preset": "cpu"}, "hyper": SMALL}})
@dataclass(frozen=True)
class Composed(Proposals):
    """What concerns the architecture alone is asked of the inner space, whose kind its architectures carry."""

    architecture: Mapping[str, Any] = structured(
        "space", {"kind": "chain", "preset": "cpu"}, read=read_space, form=SPACE_FORM, help="The space of architectures.")
    hyper: tuple[Mapping[str, Any], ...] = structured(
        "decisions", SMALL, read=read_hyper, form=decisions.FORM,
        help="Training hyperparameters that are searched: options of training from scratch, with ranges and conditions.")

    @cached_property
    def inner(self) -> Inner:
        found: Inner = parse_space(self.architecture)[1]
        return found

    @property
    def data(self) -> tuple[str, ...]:
        """The kinds of datasets that the inner space's networks can read."""
        return tuple(discover("spaces")[self.architecture["kind"]].facts["data"])

    def training_parameters(self) -> tuple[Parameter, ...]:
        return decisions.read(self.hyper)

    def parameters(self) -> tuple[Parameter, ...]:
        return self.inner.parameters() + self._hyper

    def size(self) -> int | None:
        architectures, trainings = self.inner.size(), count(self._hyper)
        return None if architectures is None or trainings is None else architectures * trainings

    def sample(self, rng: Random) -> Proposal:
        return self.beside(self.inner.sample(rng).architecture, rng)

    def sample_many(self, rng: Random, count: int) -> list[Proposal]:
        return self.beside_many([proposal.architecture for proposal in self.inner.sample_many(rng, count)], rng)

    def contains(self, architecture: Architecture) -> bool:
        return self.inner.contains(architecture)

    def mutate(self, architecture: Architecture, rng: Random) -> Architecture:
        return self.inner.mutate(architecture, rng)

    def movable(self, architecture: Architecture) -> int:
        return self.inner.movable(architecture)

    def neighbours(self, architecture: Architecture) -> Iterable[Architecture]:
        return self.inner.neighbours(architecture)

    def parse(self, given: Any, path: str = "") -> Architecture:
        return self.inner.parse(given, path)

    def read(self, given: Any, path: str = "") -> Architecture:
        return self.inner.read(given, path)

    def texts(self, architecture: Architecture) -> Mapping[str, str]:
        return self.inner.texts(architecture)

    def vector(self, architecture: Architecture) -> list[float]:
        return self.inner.vector(architecture)

    def from_vector(self, numbers: Sequence[float]) -> Architecture:
        return self.inner.from_vector(numbers)

    def cell(self, architecture: Architecture) -> Graph:
        return self.inner.cell(architecture)

    def pictures(self, architecture: Architecture) -> Mapping[str, Graph]:
        return self.inner.pictures(architecture)

    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph:
        return self.inner.network(architecture, shape, classes)

    def total(self, architecture: Architecture, shape: Shape, classes: int, known: Known) -> Total:
        return self.inner.total(architecture, shape, classes, known)

    def canonical(self, architecture: Architecture) -> str:
        return self.inner.canonical(architecture)
