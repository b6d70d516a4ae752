"""Cells block by block, many at once: every cell with one block more, and which of them are the same (PNAS, ECCV 2018).

A cell is a row [blocks, 5] of small numbers: two inputs (0 and 1 are the cell's own), two ops, how they are combined.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int8]                         # [cells, blocks, SLOTS]
Index = NDArray[np.int64]
Hash = NDArray[np.uint64]
SLOTS = 5
STEP, FIRST, SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


class Growth:
    """What a space that offers `levels` gives: level b is its cells with b blocks."""

    def __init__(self, ops: int, combines: int, levels: int) -> None:
        self.ops, self.combines, self.levels = ops, combines, levels
        self.vocabulary = levels + 1 + ops + (combines if combines > 1 else 0)

    def blocks(self, level: int) -> Rows:
        """Every block that may be the one of this number, the order of its halves aside."""
        halves = (level + 1) * self.ops
        one, other = np.triu_indices(halves)
        pairs = np.stack([one // self.ops, other // self.ops, one % self.ops, other % self.ops], 1)
        joined = np.tile(np.arange(self.combines), len(pairs))[:, None]
        return np.concatenate([np.repeat(pairs, self.combines, 0), joined], 1).astype(np.int8)

    def first(self) -> Rows:
        """All different cells of one block."""
        return self.blocks(1)[:, None]

    def grown(self, rows: Rows) -> tuple[Rows, Index]:
        """All different cells that have one block more than one of these, and which of these that is."""
        more = self.blocks(rows.shape[1] + 1)
        children = np.concatenate([np.repeat(rows, len(more), 0), np.tile(more, (len(rows), 1))[:, None]], 1)
        places = np.sort(np.unique(identities(children), return_index=True)[1])
        return children[places], (places // len(more)).astype(np.int64)

    def tokens(self, rows: Rows) -> Index:
        """[cells, blocks, slots] in one vocabulary: inputs, then ops, then combinations where there is a choice."""
        offsets = np.array([0, 0, self.levels + 1, self.levels + 1, self.levels + 1 + self.ops])
        slots = SLOTS if self.combines > 1 else SLOTS - 1
        found: Index = (rows.astype(np.int64) + offsets)[..., :slots]
        return found

    @staticmethod
    def rewritten(rows: Rows, generator: np.random.Generator) -> Rows:
        """The same cells written otherwise: halves swapped, blocks exchanged with the next where that does not hear them."""
        found = rows.copy()
        swapped = generator.random(rows.shape[:2]) < 0.5
        found[swapped] = found[swapped][:, [1, 0, 3, 2, 4]]
        for k in generator.permutation(rows.shape[1] - 1):
            free = (found[:, k + 1, :2] != k + 2).all(1) & (generator.random(len(rows)) < 0.5)
            chosen = found[free]
            chosen[:, [k, k + 1]] = chosen[:, [k + 1, k]]
            inputs = chosen[:, k + 2:, :2]
            chosen[:, k + 2:, :2] = np.where(inputs == k + 2, k + 3, np.where(inputs == k + 3, k + 2, inputs))
            found[free] = chosen
        return found


def identities(rows: Rows) -> Hash:
    """Equal for cells that differ only in the order of halves and blocks: a hash swept forth, back and forth again."""
    count, blocks = rows.shape[:2]
    cells = np.arange(count)
    colours = np.tile(np.arange(2, blocks + 4, dtype=np.uint64), (count, 1))
    colours[:, 2:] = 0
    colours = _forth(rows, _mixed(colours), cells)
    heard = np.zeros_like(colours)
    for k in range(blocks - 1, -1, -1):
        here = _mixed(colours[:, k + 2] ^ _mixed(heard[:, k + 2] + STEP))
        for half in (0, 1):
            heard[cells, rows[:, k, half]] += _mixed(here + (rows[:, k, 2 + half].astype(np.uint64) + FIRST))
    found: Hash = _mixed(_forth(rows, _mixed(colours ^ _mixed(heard + STEP)), cells)).sum(1, dtype=np.uint64)
    return found


def _forth(rows: Rows, colours: Hash, cells: Index) -> Hash:
    """Every block hears its two inputs, in any order."""
    colours = colours.copy()
    for k in range(rows.shape[1]):
        halves = [_mixed(colours[cells, rows[:, k, half]] + (rows[:, k, 2 + half].astype(np.uint64) + SECOND))
                  for half in (0, 1)]
        own = colours[:, k + 2] ^ _mixed(rows[:, k, 4].astype(np.uint64) + STEP)
        colours[:, k + 2] = _mixed(own + _mixed(halves[0] + halves[1]))
    return colours


def _mixed(numbers: Hash) -> Hash:
    numbers = (numbers ^ (numbers >> np.uint64(30))) * FIRST
    numbers = (numbers ^ (numbers >> np.uint64(27))) * SECOND
    mixed: Hash = numbers ^ (numbers >> np.uint64(31))
    return mixed
