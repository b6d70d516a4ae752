"""The hypernetwork: its encoding, its explicit interleave, slices that come out even, ranks that rest on the encoding."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from engine.architecture.architecture import Architecture
from engine.architecture.graph import Node
from engine.architecture.relaxed import merged
from engine.nets.generated import Generated
from engine.nets.hypernetwork import Encoder, HyperNetwork, Kernel, NormedConv, Size, bent, cut, interleaved, kernels
from engine.nets.supernet import Choice
from engine.phases import Site
from engine.spec import parse_space
from engine.training.trainer import seed_torch

torch.set_num_threads(1)
CELL_201 = parse_space({"kind": "nas_bench_201", "channels": 2, "layers": 1})[1]
DARTS = parse_space({"kind": "darts_cell", "nodes": 1, "channels": 2, "layers": 3, "stem_multiplier": 1,
                     "ops": ["none", "skip_connect", "sep_conv_3x3"]})[1]
SMALL = Size(2, 2, 1, (1, 1), 3)
SPACES = pytest.mark.parametrize("space", [CELL_201, DARTS])


def net(space: Any = CELL_201, size: Size = SMALL) -> Generated:
    seed_torch(0, cuda=False)
    return Generated(Site(space, None, (1, 8, 8), 2, 0), size)


def member(space: Any, number: int) -> Architecture:
    found: Architecture = space.sample(Random(number)).architecture
    return found


def kernel(outputs: int, inputs: int, name: str = "a") -> Kernel:
    return Kernel(Node(name, "conv"), outputs, inputs, None, 0)


def test_the_paper_has_growth_ten_depths_eight_ten_four_and_no_batch_norm() -> None:
    made = HyperNetwork(5, Size())
    assert [len(block) for block in made.blocks if isinstance(block, nn.ModuleList)] == [8, 10, 4]
    convs = [module for module in made.modules() if isinstance(module, nn.Conv2d)]
    assert all(isinstance(conv, NormedConv) for conv in convs)
    assert all(layer.out_channels == 10 for block in made.blocks for layer in block if isinstance(layer, nn.Conv2d))
    assert not [module for module in made.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    assert made.last.out_channels == 8 * 8 and Size(compression=3).inputs == 24
    assert bent(torch.tensor([-1.0, 2.0])).tolist() == pytest.approx([-0.02, 2.0])


def test_a_kernel_is_divided_by_the_norm_of_all_of_it() -> None:
    conv = NormedConv(3, 4, 3, padding=1, bias=False).double()
    x = torch.randn(1, 3, 5, 5, dtype=torch.float64)
    once = conv(x)
    assert torch.allclose(once, nn.functional.conv2d(x, conv.weight / (conv.weight ** 2).sum().sqrt(), padding=1))
    with torch.no_grad():
        conv.weight *= 7
    assert torch.allclose(conv(x), once)


def test_a_place_of_the_picture_gives_one_tile() -> None:
    size = Size(2, 2, 2)                                        # tiles of 2 outputs × 4 inputs
    height, slices = 2, 3
    x = torch.zeros(1, 8, height, slices)
    for row in range(height):
        for column in range(slices):
            x[0, :, row, column] = 100 * row + 10 * column + torch.arange(8)
    picture = interleaved(x, size)
    assert picture.shape == (4, 12)
    for row in range(height):
        for column in range(slices):
            tile = picture[2 * row:2 * row + 2, 4 * column:4 * column + 4]
            assert torch.equal(tile, (100 * row + 10 * column + torch.arange(8.0)).reshape(2, 4))
    assert not torch.equal(picture, x.reshape(4, 12))           # what a naive reshape would give


def test_large_kernels_are_joined_from_their_slices_and_small_ones_cut_out() -> None:
    size = Size(2, 1)                                           # a slice: 2 outputs × 2 inputs
    picture = torch.arange(14.0).reshape(2, 7 * 1).repeat_interleave(2, 1)[:, :14]
    found = cut(picture, [kernel(3, 5), kernel(1, 1, "b")], size)
    rows = torch.cat([picture[:, :6], picture[:, 6:12]])[:3, :5]
    assert torch.allclose(found["a"][:, :, 0, 0], rows / rows.norm())
    assert found["b"].shape == (1, 1, 1, 1) and found["b"].item() == pytest.approx(1.0)


@pytest.mark.parametrize("columns", [12, 16])
def test_slices_that_are_left_over_or_lacking_are_an_error(columns: int) -> None:
    with pytest.raises((ValueError, RuntimeError)):
        cut(torch.ones(2, columns), [kernel(3, 5), kernel(1, 1, "b")], Size(2, 1))


@SPACES
def test_as_many_slices_are_used_as_were_generated(space: Any) -> None:
    made = net(space)
    for number in range(8):
        order, code = made.code(Choice(space.path(member(space, number))))
        assert code.shape[3] == sum(down * across for down, across in (each.grid(SMALL) for each in order))
        assert code.shape[1:3] == (made.encoder.planes, SMALL.height) and set(code.unique().tolist()) == {-1.0, 1.0}
        assert {each.node.name for each in order} == {name for name in made.lent
                                                     if name in {c.node.name for c in made._plan(space.path(
                                                         member(space, number)))}}


@SPACES
def test_no_two_slices_of_an_architecture_look_alike(space: Any) -> None:
    made = net(space)
    code = made.code(Choice(made.relaxed.everything))[1]
    assert len(code[0].permute(2, 0, 1).flatten(1).unique(dim=0)) == code.shape[3]


def test_kernels_know_the_edge_and_operation_they_belong_to() -> None:
    made = net(DARTS)
    for name, each in kernels(merged(made.relaxed), {n: s[0] for n, s in made.shapes.items()}).items():
        if "_edge_" in name and "sep_conv" in name:
            assert each.place and DARTS.ops[each.place[2]] == "sep_conv_3x3"
            edge = made.relaxed.tables[each.place[0]].edges[each.place[1]]
            assert name.split("_edge_")[1][:3] == edge.replace(" to ", "_") or " " in edge
    named = {name for name, each in made.lent.items() if each.place is None}
    assert named and all("_sep_conv" not in name for name in named)


def test_a_hand_made_code() -> None:
    """Of a kernel with three output units in tiles of two: the path, the cell, its edge and its operation."""
    made = net(CELL_201)
    name = "stage_1_cell_1_edge_0_1_nor_conv_1x1_conv"
    encoder = Encoder(made.relaxed, {name: made.lent[name]._replace(outputs=3)}, SMALL)
    path = {"cell": ((3,), (0,), (1,), (0,), (0,), (0,))}
    code = encoder.encode(path, [*encoder.generated.values()])[0, :, :, 0]
    ops = len(CELL_201.ops)
    expected = -torch.ones(6 * ops)
    for row, (column,) in enumerate(path["cell"]):
        expected[row * ops + column] = 1
    own = made.lent[name].place
    assert own and CELL_201.ops[own[2]] == "nor_conv_1x1"
    place = torch.tensor([1.0, *(1.0 if k == own[1] else -1.0 for k in range(6)),
                          *(1.0 if k == own[2] else -1.0 for k in range(ops)), 1.0, -1.0])
    assert torch.equal(code[:, 0], torch.cat([expected, place, torch.tensor([1.0, 1.0, -1.0])]))
    assert code[-3:, 1].tolist() == [1.0, -1.0, 1.0]


def spearman(one: list[float], other: list[float]) -> float:
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


def planted(codes: torch.Tensor, steps: int = 250) -> tuple[float, list[float]]:
    """Architectures of planted quality: a linear labelling of its own for each, of which the better have fewer labels
    flipped. The rank correlation of the scores with it, with the right codes and with those of others."""
    count, size = len(codes), Size(4, 1, 1, (2,), 8)
    targets = nn.functional.normalize(torch.randn(count, 16))
    quality = torch.linspace(0.55, 1.0, count)[torch.randperm(count)]
    made = HyperNetwork(codes.shape[1] + 1, size)
    adam = torch.optim.Adam(made.parameters(), 0.01, (0.5, 0.999), 1e-4)
    order = [kernel(4, 4)]

    def generate(code: torch.Tensor) -> torch.Tensor:
        return cut(made(torch.cat([code[None], torch.randn(1, 1, 1, 1)], 1)), order, size)["a"].flatten()

    def batch(number: int, examples: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.randn(examples, 16)
        flips = torch.where(torch.rand(examples) < quality[number], 1.0, -1.0)
        return x, (x @ targets[number]).sign() * flips

    for step in range(steps):
        x, y = batch(step % count, 64)
        loss = nn.functional.softplus(-3 * y * (x @ generate(codes[step % count]))).mean()
        adam.zero_grad()
        loss.backward()                                         # type: ignore[no-untyped-call]
        adam.step()

    def score(number: int, code: int) -> float:
        x, y = batch(number, 2000)
        with torch.no_grad():
            return float(((x @ generate(codes[code])).sign() == y).float().mean())

    truth = quality.tolist()
    right = spearman(truth, [score(k, k) for k in range(count)])
    return right, [spearman(truth, [score(k, (k + shift) % count) for k in range(count)]) for shift in range(1, count)]


def test_scores_rank_by_the_right_code_and_not_by_a_shuffled_one() -> None:
    seed_torch(0, cuda=False)
    right, wrong = planted(torch.randint(0, 2, (10, 12, 1, 1)).float() * 2 - 1)
    assert right > 0.85 and abs(float(np.mean(wrong))) < 0.3 and right > max(wrong)
