"""Cells that grow block by block: the counts of the paper, and which cells are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.spaces.cell import OPS, Cell
from engine.spaces.growth import Growth, Rows, identities
from engine.spec import parse_space

PNAS = Growth(8, 1, 5)


def space(**options: Any) -> Cell:
    found = parse_space({"kind": "cell", **({"preset": "progressive"} | options)})[1]
    assert isinstance(found, Cell)
    return found


def some(growth: Growth, blocks: int, count: int, seed: int = 0) -> Rows:
    """Different cells, each grown from one of the level before."""
    generator, rows = np.random.default_rng(seed), growth.first()
    for _ in range(blocks - 1):
        rows = growth.grown(rows)[0]
        rows = rows[np.sort(generator.permutation(len(rows))[:count])]
    return rows


def test_one_block_makes_136_cells_of_256() -> None:
    assert len(PNAS.first()) == 136 == len(np.unique(identities(PNAS.first())))
    raw = np.stack(np.meshgrid(range(2), range(2), range(8), range(8), [0], indexing="ij"), -1).reshape(-1, 1, 5)
    assert len(raw) == 256 and len(np.unique(identities(raw.astype(np.int8)))) == 136


@pytest.mark.parametrize(("level", "raw", "count"),
                         [(1, 256, 136), (2, 576, 300), (3, 1024, 528), (4, 1600, 820), (5, 2304, 1176)])
def test_how_many_blocks_may_come_next(level: int, raw: int, count: int) -> None:
    halves = 8 * (level + 1)
    assert halves ** 2 == raw and len(PNAS.blocks(level)) == halves * (halves + 1) // 2 == count
    assert len(np.unique(PNAS.blocks(level), axis=0)) == count
    assert len(Growth(8, 2, 5).blocks(level)) == 2 * count


def test_two_blocks_make_31620_cells() -> None:
    children, parents = PNAS.grown(PNAS.first())
    assert len(children) == len(parents) == 31_620 and set(parents.tolist()) == set(range(136))
    assert (children[:, 0] == PNAS.first()[parents][:, 0]).all()


@pytest.mark.parametrize(("ops", "combine"), [(1, 1), (2, 2), (8, 1)])
def test_the_hash_agrees_with_the_canonical_id(ops: int, combine: int) -> None:
    found = space(ops=list(OPS[:ops]), combine=["add", "concat"][:combine])
    for blocks in (1, 2, 3, 5):
        rows = some(found.growth(), blocks, 150)
        rows = np.concatenate([rows, found.growth().rewritten(rows, np.random.default_rng(1))])
        names = [found.canonical(found.from_row(row)) for row in rows]
        assert len(set(zip(names, identities(rows).tolist(), strict=True))) == len(set(names)) == len(rows) // 2


def test_rewriting_changes_the_form_and_never_the_cell() -> None:
    found, rows = space(), some(PNAS, 5, 200)
    again = found.growth().rewritten(rows, np.random.default_rng(3))
    assert (again != rows).any((1, 2)).mean() > 0.9
    assert [found.canonical(found.from_row(a)) for a in rows] == [found.canonical(found.from_row(b)) for b in again]
    assert all(found.contains(found.from_row(row)) for row in again)


def test_rows_and_architectures_are_the_same_thing() -> None:
    found = space(combine=["add", "concat"])
    for row in some(found.growth(), 4, 50):
        architecture = found.from_row(row)
        assert found.contains(architecture) and found.row(architecture).tobytes() == row.tobytes()


def test_tokens_are_of_one_vocabulary() -> None:
    tokens = PNAS.tokens(some(PNAS, 5, 300))
    assert tokens.shape[1:] == (5, 4) and PNAS.vocabulary == 14 and tokens.min() == 0 and tokens.max() == 13
    assert tokens[..., :2].max() < 6 <= tokens[..., 2:].min()
    both = Growth(8, 2, 5)
    assert both.tokens(both.first()).shape == (272, 1, 5) and both.tokens(both.first()).max() == both.vocabulary - 1 == 15


def test_the_last_level_of_the_paper_is_grown_at_once() -> None:
    """256 cells of four blocks: 589,824 ways to write a fifth block, at most 301,056 different ones."""
    rows = some(PNAS, 4, 256)
    children, _ = PNAS.grown(rows)
    assert 200_000 < len(children) <= 256 * 1176


def test_only_one_cell_that_may_have_one_block_grows() -> None:
    assert space(preset="progressive").lacks() == {}
    assert all("levels" in space(preset=preset).lacks() for preset in ("pnas", "cpu", "paper"))
