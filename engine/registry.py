"""Discovery: every strategy, space, estimation, dataset and export is one file that declares itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from engine import options
from engine.datasets.kinds import KINDS as DATA

T = TypeVar("T", bound=type)
KINDS = ("strategies", "spaces", "estimation", "datasets", "export")
_declared: dict[tuple[str, str], Entry] = {}


@dataclass(frozen=True)
class Entry:
    """A declaration. `name` is the module's name; `options` the dataclass that forms and parsers read."""

    name: str
    title: str
    summary: str
    factory: type
    options: type
    paper: str = ""
    needs: frozenset[str] = frozenset()
    offers: frozenset[str] = frozenset()
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return {"name": self.name, "title": self.title, "summary": self.summary, "paper": self.paper,
                "needs": sorted(self.needs), "offers": sorted(self.offers), "presets": dict(self.presets),
                "options": options.describe(self.options), **self.facts}


def declare(kind: str, **facts: Any) -> Callable[[T], T]:
    """The decorator behind `strategy`, `space`, `estimation`, `dataset` and `export`.

    The options are the class's `Options` in the same module if there is one, else the class itself (spaces, datasets).
    """

    def register(factory: T) -> T:
        module = importlib.import_module(factory.__module__)
        name = factory.__module__.rsplit(".", 1)[-1]
        _declared[kind, name] = Entry(name=name, factory=factory, options=getattr(module, "Options", factory), **facts)
        return factory

    return register


def strategy(*, title: str, summary: str, paper: str = "", needs: frozenset[str] | set[str] = frozenset(),
             asks: frozenset[str] | set[str] = frozenset({"scratch"}), ensemble: int = 0,
             presets: Mapping[str, Mapping[str, Any]]) -> Callable[[T], T]:
    """`needs` of a space; `asks` of an estimation (see there); `ensemble`: picks of the ensemble that closes its searches
    where the document does not say."""
    return declare("strategies", title=title, summary=summary, paper=paper, needs=frozenset(needs), presets=presets,
                   facts={"asks": sorted(asks), "ensemble": ensemble})


def space(*, title: str, summary: str, paper: str = "", offers: set[str], presets: Mapping[str, Mapping[str, Any]],
          data: tuple[str, ...] = ("images",)) -> Callable[[T], T]:
    """`data`: the kinds of datasets that its networks can read. Whatever form shared weights have, it offers `sharing`;
    where supernets are made of cells, their dense kernels can be `generated`."""
    offers = offers | ({"sharing"} if offers & {"supernet", "slices"} else set())
    offers = offers | ({"generated"} if offers >= {"supernet", "cells"} else set())
    return declare("spaces", title=title, summary=summary, paper=paper, offers=frozenset(offers), presets=presets,
                   facts={"data": list(data)})


def estimation(*, title: str, summary: str, paper: str = "", presets: Mapping[str, Mapping[str, Any]],
               trains: bool = True, performs: frozenset[str] | set[str] = frozenset({"scratch"}),
               scores: str = "scratch") -> Callable[[T], T]:
    """`trains`: it needs the dataset's images. `performs`: candidates with weights from these sources (`Weights.source`),
    and `supernet` epochs. `scores`: the kind of score that a candidate with fresh weights gets."""
    return declare("estimation", title=title, summary=summary, paper=paper, presets=presets,
                   facts={"trains": trains, "performs": sorted(performs), "scores": scores})


def dataset(*, title: str, summary: str, kind: str, shape: tuple[int, ...], classes: int,
            source: str = "") -> Callable[[T], T]:
    """`kind` is a key of `engine.datasets.kinds.KINDS`, which says what the score of a network on it is."""
    return declare("datasets", title=title, summary=summary, paper=source, presets={},
                   facts={"kind": kind, "shape": list(shape), "classes": classes, "score": DATA[kind].score,
                          "outputs": DATA[kind].classes})


def export(*, title: str, summary: str) -> Callable[[T], T]:
    return declare("export", title=title, summary=summary, presets={})


@cache
def discover(kind: str) -> dict[str, Entry]:
    """Every declaration of one kind, by name. Imports the kind's modules, none of which imports torch."""
    package = importlib.import_module(f"engine.{kind}")
    for found in pkgutil.iter_modules(package.__path__, f"engine.{kind}."):
        importlib.import_module(found.name)
    return {name: entry for (of, name), entry in sorted(_declared.items()) if of == kind}
