"""The quick sum of a space is that of the network which it writes, and the work for it does not grow with what repeats."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from engine.architecture import tally
from engine.architecture.cost import Total, measure
from engine.errors import Invalid
from engine.registry import discover
from engine.spaces.repeated import Repeated
from engine.spec import parse_space

INPUTS: dict[str, tuple[tuple[int, ...], ...]] = {"images": ((3, 32, 32), (1, 9, 7)), "table": ((7,),), "text": ((12,),)}
PRESETS = [(kind, preset) for kind, entry in sorted(discover("spaces").items()) for preset in entry.document()["presets"]]


def total_or_fault(action: Callable[..., Any], *given: Any) -> Any:
    try:
        return action(*given)
    except Invalid as error:
        return error.problems[0].reason


def written(space: Any, point: Any, shape: tuple[int, ...]) -> Total:
    return measure(space.network(point, shape, 10), shape).total


@pytest.mark.parametrize(("kind", "preset"), PRESETS)
def test_the_sum_is_that_of_the_network(kind: str, preset: str) -> None:
    space: Any = parse_space({"kind": kind, "preset": preset})[1]
    for shape in INPUTS[discover("spaces")[kind].facts["data"][0]]:
        known: tally.Known = {}
        for proposal in space.sample_many(Random(5), 2):
            point = proposal.architecture
            quick = total_or_fault(space.total, point, shape, 10, known)
            assert quick == total_or_fault(written, space, point, shape), shape


def priced(monkeypatch: pytest.MonkeyPatch, document: dict[str, Any], samples: int) -> tuple[int, int]:
    """How many layers were priced for so many samples, and how many layers they have."""
    count = 0

    def price(*given: Any) -> Any:
        nonlocal count
        count += 1
        return real(*given)

    real = tally.price
    monkeypatch.setattr(tally, "price", price)
    space: Any = parse_space(document)[1]
    known: tally.Known = {}
    totals = [space.total(p.architecture, (3, 32, 32), 10, known) for p in space.sample_many(Random(1), samples)]
    monkeypatch.setattr(tally, "price", real)
    return count, sum(total.layers for total in totals)


@pytest.mark.parametrize("kind", ["cell", "darts_cell", "enas_micro", "nas_bench_201"])
def test_more_of_the_same_cells_cost_no_more_work(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    deep, deeper = (priced(monkeypatch, {"kind": kind, "preset": "paper", "layers": layers}, 1) for layers in (12, 18))
    assert deep[0] == deeper[0] and deep[1] < deeper[1]


@pytest.mark.parametrize(("kind", "share"), [("cell", 12), ("darts_cell", 20), ("hierarchical", 3), ("enas_micro", 6),
                                             ("enas_macro", 4), ("nas_bench_201", 4)])
def test_the_papers_values_are_priced_in_a_fraction_of_their_layers(monkeypatch: pytest.MonkeyPatch, kind: str,
                                                                    share: float) -> None:
    assert isinstance(parse_space({"kind": kind})[1], Repeated)
    priced_layers, layers = priced(monkeypatch, {"kind": kind, "preset": "paper"}, 32)
    assert share * priced_layers <= layers, layers / priced_layers
