"""Encodings: the paths of known cells, decisions as features."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

from engine.architecture.architecture import Architecture
from engine.spaces.nas_bench_201 import NasBench201
from engine.spec import parse_space
from engine.surrogates.encodings import Decisions, Paths, paths

SPACE = NasBench201()


def of(text: str) -> set[tuple[str, ...]]:
    graph = SPACE.cell(Architecture("nas_bench_201", {"arch": text}))
    return {path[1:] for path in paths(graph)}          # without the input


def space(kind: str, **options: Any) -> Any:
    return parse_space({"kind": kind, "preset": "cpu", **options})[1]


def test_the_paths_of_a_cell_are_its_ways_from_input_to_output() -> None:
    cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|"
    assert of(cell) == {("nor_conv_1x1",), ("nor_conv_3x3", "skip_connect", "avg_pool_3x3")}


def test_a_full_cell_has_four_ways_and_a_dead_one_none() -> None:
    full = "|skip_connect~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|avg_pool_3x3~0|skip_connect~1|nor_conv_3x3~2|"
    assert sorted(map(len, of(full))) == [1, 2, 2, 3]
    assert of("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|") == set()


def test_there_are_no_more_paths_than_strings_of_operations() -> None:
    """Four operations on ways of one, two or three edges: 4 + 16 + 64 (the fifth, none, makes no way)."""
    found = set().union(*(paths(SPACE.cell(p.architecture)) for p in SPACE.sample_many(Random(0), 3000)))
    assert len(found) == 84


def test_equal_networks_have_equal_paths() -> None:
    by_name: dict[str, Any] = {}
    for proposal in SPACE.sample_many(Random(1), 500):
        known = by_name.setdefault(SPACE.canonical(proposal.architecture), paths(SPACE.cell(proposal.architecture)))
        assert known == paths(SPACE.cell(proposal.architecture))


@pytest.mark.parametrize("kind", ["cell", "darts_cell", "enas_micro", "nas_bench_201"])
def test_paths_tell_most_cells_apart(kind: str) -> None:
    found, encoding = space(kind), Paths(space(kind), 2000)
    drawn = found.sample_many(Random(2), 100)
    raw = [encoding.raw(proposal) for proposal in drawn]
    encoding.learn(raw)
    rows = {row.tobytes() for row in encoding.features(raw)}
    names = {found.canonical(proposal.architecture) for proposal in drawn}
    assert 0.8 * len(names) < len(rows) <= len(names)


def test_normal_and_reduction_cells_have_paths_of_their_own() -> None:
    found = space("cell")
    raw = Paths(found, 10).raw(found.sample(Random(0)))
    assert {path[0] for path in raw} == {"Normal cell", "Reduction cell"}


def test_the_most_frequent_paths_are_kept() -> None:
    encoding = Paths(SPACE, 2)
    data = [frozenset({("a",), ("b",)}), frozenset({("b",), ("c",)}), frozenset({("b",), ("c",), ("d",)})]
    encoding.learn(data)
    assert encoding.features(data).tolist() == [[1, 0], [1, 1], [1, 1]]
    assert encoding.features([frozenset({("unseen",)})]).tolist() == [[0, 0]]


def test_decisions_are_one_hot_and_numbers_have_a_place() -> None:
    found = space("mlp")
    encoding = Decisions(found)
    drawn = found.sample_many(Random(3), 40)
    features = encoding.features([encoding.raw(proposal) for proposal in drawn])
    assert features.shape == (40, encoding.width) and np.isfinite(features).all() and len(np.unique(features, axis=0)) == 40
    for start, parameter in zip(encoding.starts, encoding.parameters, strict=True):
        if parameter.kind == "categorical":
            assert set(features[:, start:start + len(parameter.choices)].sum(1).tolist()) <= {0.0, 1.0}
        else:
            assert (features[features[:, start + 1] == 0, start] == 0).all()


def test_training_decisions_are_read_too() -> None:
    found = space("composed")
    encoding = Decisions(found)
    assert len(encoding.parameters) == len(encoding.raw(found.sample(Random(0)))) > len(found.training_parameters()) > 0
