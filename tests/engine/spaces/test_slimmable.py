"""The slimmable space: its count, its conditions, its widths, and blocks that compute what a reference computes."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models import mobilenetv3

from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.cost import measure
from engine.architecture.graph import Shape
from engine.architecture.layers import Layers
from engine.errors import Invalid
from engine.nets.build import build
from engine.spaces.slimmable import PAPER, Slimmable, _block, eights
from engine.spec import parse_space

torch.set_num_threads(1)
_, OFA = parse_space({"kind": "slimmable", "preset": "paper"})
TINY = Slimmable(channels=8, stages=2, kernels=(3, 5), depths=(1, 2), expansions=(1, 2))


def extreme(space: Slimmable, at: int) -> Architecture:
    """The first or the last choice everywhere."""
    config: genotype.Config = {}
    for parameter in space.parameters():
        if genotype.active(parameter, config):
            config[parameter.name] = parameter.choices[at]
    return space.architecture(config)


def test_the_extremes_have_the_same_choice_everywhere_and_a_part_of_the_space_has_the_largest() -> None:
    assert (OFA.smallest, OFA.largest) == (extreme(OFA, 0), extreme(OFA, -1)) == (OFA.uniform(3, 2, 3), OFA.uniform(7, 4, 6))
    part = OFA.within([7, 5], [4], [6, 4])
    assert part.size() == ((2 * 2) ** 4) ** 5 and part.largest == OFA.largest and part.smallest == OFA.uniform(5, 4, 4)
    for seed in range(20):
        member = part.sample(Random(seed)).architecture
        assert OFA.contains(member) and part.contains(member) and not part.contains(OFA.smallest)
        assert OFA.network(member, (3, 32, 32), 10) == part.network(member, (3, 32, 32), 10)


def test_every_network_has_only_layers_of_the_largest_none_of_them_wider() -> None:
    """What slices need: the same names, and shapes within those of the largest."""
    for space in (OFA, TINY):
        largest = {node.name: node for node in space.network(space.largest, (3, 32, 32), 10)}
        for seed in range(10):
            for node in space.network(space.sample(Random(seed)).architecture, (3, 32, 32), 10):
                whole = largest[node.name]
                assert node.op == whole.op and node.settings.get("stride") == whole.settings.get("stride")
                for name in ("channels", "units", "kernel"):
                    assert node.settings.get(name, 0) <= whole.settings.get(name, 0)


def test_the_size_of_once_for_all() -> None:
    assert OFA.size() == ((3 * 3)**2 + (3 * 3)**3 + (3 * 3)**4)**5 == 21_758_655_492_572_485_851


def test_the_size_is_the_count_of_all_architectures() -> None:
    every = [TINY.architecture(config) for config in genotype.completions(TINY.parameters())]
    assert len(every) == TINY.size() == (4 + 16)**2
    assert len({TINY.canonical(a) for a in every}) == len(every) and all(TINY.contains(a) for a in every)


def test_block_k_of_a_stage_exists_exactly_if_it_is_deep_enough() -> None:
    for proposal in OFA.sample_many(Random(0), 500):
        config = proposal.architecture.genotype
        for stage in range(1, 6):
            for block in range(1, 5):
                there = block <= config[f"stage_{stage}_depth"]
                for decision in ("kernel", "expansion"):
                    assert (f"stage_{stage}_block_{block}_{decision}" in config) == there


def test_a_block_of_a_shallow_stage_is_refused() -> None:
    config = dict(extreme(TINY, 0).genotype)
    with pytest.raises(Invalid) as caught:
        TINY.parse({**config, "stage_1_block_2_kernel": 3}, "/at")
    assert caught.value.problems[0].path == "/at/stage_1_block_2_kernel"


def test_largest_and_smallest_network_on_imagenet() -> None:
    shape = (3, 224, 224)
    largest, smallest = (measure(OFA.network(extreme(OFA, at), shape, 1000), shape) for at in (-1, 0))
    assert (largest.parameters, smallest.parameters) == (7_664_760, 3_410_792)
    assert (round(largest.macs / 1e6), round(smallest.macs / 1e6)) == (566, 121)


@pytest.mark.parametrize(("stem", "sides"), [("imagenet", [56, 28, 14, 14, 7]), ("cifar", [224, 112, 56, 56, 28])])
def test_stages_halve_the_image(stem: str, sides: list[int]) -> None:
    _, space = parse_space({"kind": "slimmable", **PAPER, "stem": stem})
    rows = {row.name: row.shape for row in measure(space.network(extreme(space, -1), (3, 224, 224), 10), (3, 224, 224)).rows}
    widths = (24, 40, 80, 112, 160)
    assert [rows[f"stage_{n}_block_1_norm"] for n in range(1, 6)] == [
        (width, side, side) for width, side in zip(widths, sides, strict=True)]


@pytest.mark.parametrize(("given", "eight"), [(1, 8), (11, 16), (12, 16), (13.3, 16), (72, 72), (26.7, 32), (19, 24)])
def test_widths_are_multiples_of_eight(given: float, eight: int) -> None:
    assert eights(given) == eight == mobilenetv3._make_divisible(given, 8)


NAMES = ("arriving", "channels", "kernel", "expansion", "stride", "bent", "gated")
BLOCKS = [dict(zip(NAMES, values, strict=True)) for values in (
    (16, 16, 3, 1, 1, "relu", False), (16, 24, 5, 4, 2, "relu", False), (24, 24, 7, 3, 1, "relu", True),
    (40, 40, 5, 6, 1, "hard_swish", True), (40, 48, 3, 3, 1, "hard_swish", False))]


def twin(block: dict[str, Any]) -> nn.Module:
    """The block of another implementation."""
    settings = mobilenetv3.InvertedResidualConfig(
        block["arriving"], block["kernel"], eights(block["arriving"] * block["expansion"]), block["channels"],
        block["gated"], "RE" if block["bent"] == "relu" else "HS", block["stride"], 1, 1.0)
    return mobilenetv3.InvertedResidual(settings, partial(nn.BatchNorm2d, eps=1e-5))


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_computes_what_the_reference_computes(block: dict[str, Any]) -> None:
    layers, arriving = Layers(), block["arriving"]
    _block(layers, {"name": "it", **block}, "input")
    ours, theirs = build(layers.graph(), (arriving, 9, 8)).eval(), twin(block).eval()
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    with torch.no_grad():
        for one, other in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
            one.copy_(torch.rand_like(one.float()))
            other.copy_(one.reshape(other.shape))
        images = torch.randn(3, arriving, 9, 8)
        assert torch.allclose(ours(images), theirs(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (3, 7, 10), (1, 1, 1)], ids=str)
@pytest.mark.parametrize("preset", ["paper", "cpu"])
def test_every_image_size_fits(shape: Shape, preset: str) -> None:
    _, space = parse_space({"kind": "slimmable", "preset": preset})
    for seed in range(10):
        cost = measure(space.network(space.sample(Random(seed)).architecture, shape, 3), shape)
        assert cost.rows[-1].shape == (3,)


def test_without_gates_there_are_none() -> None:
    _, space = parse_space({"kind": "slimmable", **PAPER, "squeeze_excite": False})
    gated, plain = (s.network(extreme(s, 0), (3, 32, 32), 10) for s in (OFA, space))
    assert sum(n.op == "scale" for n in gated) == 2 + 2 + 2 and not any(n.op == "scale" for n in plain)


@pytest.mark.parametrize(("option", "value"), [
    ("kernels", [2]), ("kernels", []), ("kernels", [3, 4]), ("depths", [0]), ("depths", [2, 2]), ("expansions", [5]),
    ("stages", 6), ("stages", 0), ("channels", 7), ("stem", "tiny"), ("squeeze_excite", 1)], ids=str)
def test_bad_options_are_pointed_at(option: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse_space({"kind": "slimmable", option: value})
    assert caught.value.problems[0].path == f"/{option}"
