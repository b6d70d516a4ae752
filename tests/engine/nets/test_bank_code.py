"""The code of programs on memory banks: what a slice says of itself, and kernels put together bank by bank."""

from __future__ import annotations

from itertools import product
from random import Random

import numpy as np
import pytest
import torch

from engine.nets.bank_code import BankEncoder
from engine.nets.hypernetwork import Size
from engine.spaces.memory_bank import MemoryBank, Op, Read
from engine.training.trainer import seed_torch
from tests.engine.nets.test_hypernetwork import planted

torch.set_num_threads(1)
SPACE = MemoryBank(blocks=2, banks=3, channels=4, ops=2, kernels=(3, 5), dilations=(1, 2), groups=(1, 2), units=(1, 2))
SMALL = Size(2, 2, 1, (2,), 4)                              # a slice: 4 outputs × 2 inputs
OP = Op((1, 3), (2,), (3,), 2, 5, 1, 2)


def test_a_hand_made_code() -> None:
    """Two banks of four channels to eight units: per bank two slices down, two across."""
    encoder = BankEncoder(SPACE, SMALL)
    code = encoder.encode([Read("p", OP, 1, 4)])[0]
    assert code.shape == (encoder.planes, 2, 8) and encoder.bits == 4      # in block 2: 16 units, 8 channels: 4 × 4
    for column in range(8):
        bank = (-1, -1, 1) if column >= 4 else (1, -1, -1)
        number = [1 if (column % 4) >> k & 1 else -1 for k in range(4)]
        flags = [*bank, -1, 1, 1, 1, -1, -1, 1, 1, -1, -1, 1, -1, 1, *number]
        for row in range(2):
            place = [1, -1] if row == 0 else [-1, 1]
            assert code[:, row, column].tolist() == [*flags, 1, *place]


def test_rows_without_output_units_say_so() -> None:
    encoder = BankEncoder(SPACE, Size(2, 4, 1, (2,), 4))    # 8 outputs in a slice
    units = encoder.encode([Read("p", OP._replace(units=1), 1, 4)])[0, -5]
    assert all(units[:, column].tolist() == [1, 1, -1, -1] for column in range(units.shape[1]))


def test_every_setting_changes_the_code() -> None:
    encoder = BankEncoder(SPACE, SMALL)
    changes = [{"adds": (1,)}, {"fills": ()}, {"kernel": 3}, {"dilation": 2}, {"groups": 1}]
    codes = [encoder.encode([Read("p", OP._replace(**change), 1, 4)]) for change in ({}, *changes)]    # type: ignore[arg-type]
    codes.append(encoder.encode([Read("p", OP, 2, 4)]))
    assert all(not torch.equal(a, b) for k, a in enumerate(codes) for b in codes[:k])
    assert encoder.encode([Read("p", OP._replace(units=1), 1, 4)]).shape[-1] == 4       # half as many slices


def test_kernels_are_joined_bank_by_bank_and_divided_by_the_norm_of_the_whole() -> None:
    encoder = BankEncoder(SPACE, Size(4, 1, 1, (2,), 4))    # one slice: a bank of four channels to four units
    read = Read("p", OP._replace(units=1), 1, 4)
    picture = torch.randn(4, 8)
    found = encoder.kernels(picture, [read])["p"]
    assert found.shape == (4, 8, 1, 1) and torch.allclose(found[:, :, 0, 0], picture / picture.norm())


@pytest.mark.parametrize("extra", [-2, 2])
def test_as_many_slices_are_generated_as_channels_are_read(extra: int) -> None:
    for seed, size in product(range(8), (SMALL, Size(3, 2, 1, (2,), 4), Size(4, 4, 2, (2,), 4))):
        encoder, reads = BankEncoder(SPACE, size), SPACE.reads(SPACE.sample(Random(seed)).architecture)
        slices = encoder.encode(reads).shape[-1]
        picture = torch.randn(size.outputs, slices * size.inputs)
        found = encoder.kernels(picture, reads)
        for read in reads:
            assert found[read.name].shape == (read.op.units * read.width, len(read.op.reads) * read.width, 1, 1)
        wrong = torch.randn(size.outputs, (slices + extra) * size.inputs)
        with pytest.raises((ValueError, RuntimeError)):
            encoder.kernels(wrong, reads)


def test_scores_rank_by_the_right_program_and_not_by_a_shuffled_one() -> None:
    """As for random codes: ten programs of one operation, which write different banks."""
    seed_torch(0, cuda=False)
    space = MemoryBank(blocks=1, banks=4, channels=4, ops=1)
    encoder = BankEncoder(space, Size(4, 1, 1, (2,), 8))
    settings = [(kernel, groups) for kernel in space.kernels for groups in space.settings["groups"]]
    ops = [Op((1 + k % 2,), (1 + k // 2 % 2,), (), 1, settings[k % 9][0], 1 + k // 5, settings[k % 9][1])
           for k in range(10)]
    codes = torch.cat([encoder.encode([Read("p", op, 1, 4)]) for op in ops])
    assert codes.shape[2:] == (1, 1) and len(codes.unique(dim=0)) == 10
    right, wrong = planted(codes, 600)
    assert right > 0.8 and abs(float(np.mean(wrong))) < 0.3 and right > max(wrong)
