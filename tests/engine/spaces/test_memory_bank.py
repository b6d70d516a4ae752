"""Memory banks: what may be read and written, what the count counts, which programs are the same, what they compute."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.canonical import canonical_id
from engine.architecture.cost import measure
from engine.architecture.counting import count
from engine.errors import Invalid
from engine.nets.build import build
from engine.spaces.memory_bank import CPU, GROUPS, PAPER, MemoryBank, Op, subsets
from engine.spec import parse_space

torch.set_num_threads(1)
SHAPE = (1, 8, 8)
SMALL = MemoryBank(**{**{name: tuple(v) if isinstance(v, list) else v for name, v in CPU.items()}, "ops": 3})
TINY = MemoryBank(blocks=1, banks=3, channels=2, ops=2, kernels=(3, 5), dilations=(1,), groups=(1,), units=(1,))
FOUR = MemoryBank(blocks=1, banks=4, channels=4, ops=3, kernels=(3,), dilations=(1,), groups=(1,), units=(1,))


def made(space: MemoryBank, plan: str, *ops: tuple[str, str]) -> Architecture:
    """Of one block: for each operation what it reads, and to what it adds; all else is the first choice."""
    config: genotype.Config = {"block_1_plan": plan}
    filled = space.inputs
    for number, (fills, (reads, adds)) in enumerate(zip(map(int, plan.split("-")), ops, strict=True), 1):
        name = f"block_1_op_{number}"
        config[f"{name}_reads_of_{filled}"] = reads
        config[f"{name}_{'adds' if fills else 'writes'}_of_{filled}"] = adds
        config |= {f"{name}_{what}": values[0] for what, values in space.settings.items()}
        filled += fills
    return space.parse(config)


def some(space: MemoryBank, number: int) -> list[Architecture]:
    return [proposal.architecture for proposal in space.sample_many(Random(1), number)]


def test_options_have_the_papers_values() -> None:
    space = parse_space({"kind": "memory_bank", "preset": "paper"})[1]
    assert (space.blocks, space.channels, space.kernels, space.groups) == (3, 8, (3, 5, 7), (1, 2, 4, 8))
    assert set(PAPER) == set(CPU)


@pytest.mark.parametrize("space", [SMALL, TINY, FOUR, MemoryBank()], ids=str)
def test_every_bank_that_is_read_was_written_or_holds_the_input(space: MemoryBank) -> None:
    for architecture in some(space, 100):
        for ops in space.program(architecture):
            filled = set(range(1, space.inputs + 1))
            for op in ops:
                assert op.reads and set(op.reads) <= filled
                assert op.writes and set(op.adds) <= filled and not set(op.fills) & filled
                filled |= set(op.fills)
                assert filled == set(range(1, len(filled) + 1)) and len(filled) <= space.banks


def test_the_size_is_the_count_of_all_architectures() -> None:
    every = [TINY.architecture(config) for config in genotype.completions(TINY.parameters())]
    assert len({a.encoding_id for a in every}) == len(every) == TINY.size() == count(TINY.parameters())
    sets = 3                                                # of two banks, of which one is empty at first
    one = sets * sets * 2 + sets * 4 * 2                    # a single operation that fills nothing; or the third
    two = (sets * sets * 2) ** 2 + sets * sets * 2 * sets * 4 * 2 + sets * 4 * 2 * 7 * 7 * 2
    assert TINY.size() == one + two
    for space in (SMALL, FOUR, MemoryBank(), MemoryBank(banks=2, ops=1)):
        assert space.size() == count(space.parameters())


def test_groups_divide_the_channels_of_a_bank() -> None:
    for channels in (1, 2, 6, 8):
        space = MemoryBank(channels=channels, groups=GROUPS)
        for architecture in some(space, 10):
            assert all(channels % op.groups == 0 for ops in space.program(architecture) for op in ops)
            assert measure(space.network(architecture, SHAPE, 10), SHAPE).parameters > 0
    assert MemoryBank(channels=3, groups=(2, 4)).settings["groups"] == (1,)


def test_what_is_not_filled_yet_cannot_be_read() -> None:
    good = made(FOUR, "1-0", ("1", "none"), ("3", "2"))
    assert FOUR.program(good) == [[Op((1,), (), (3,), 1, 3, 1, 1), Op((3,), (2,), (), 1, 3, 1, 1)]]
    for change in ({"block_1_op_1_reads_of_2": "3"}, {"block_1_op_2_writes_of_3": "4"}, {"block_1_op_2_writes_of_3": "none"},
                   {"block_1_plan": "0-1"}, {"block_1_plan": "3-0"}):
        with pytest.raises(Invalid):
            FOUR.parse({**good.genotype, **change})


def test_sets_are_those_of_the_first_banks_without_the_empty_one() -> None:
    assert subsets(2) == ("1", "2", "1+2") and len(subsets(5)) == 31


def test_the_order_of_operations_that_do_not_read_each_other_is_no_difference() -> None:
    one = made(FOUR, "0-0", ("1", "1"), ("2", "2"))
    other = made(FOUR, "0-0", ("2", "2"), ("1", "1"))
    assert one != other and FOUR.canonical(one) == FOUR.canonical(other)
    after = made(FOUR, "0-0", ("1", "2"), ("2", "2"))       # reads what was written: order counts
    before = made(FOUR, "0-0", ("2", "2"), ("1", "2"))
    assert FOUR.canonical(after) != FOUR.canonical(before)


def test_banks_that_nothing_tells_apart_have_no_numbers() -> None:
    assert FOUR.canonical(made(FOUR, "0", ("1", "1"))) == FOUR.canonical(made(FOUR, "0", ("2", "2")))
    assert FOUR.canonical(made(FOUR, "0", ("1", "1"))) != FOUR.canonical(made(FOUR, "0", ("1", "2")))
    assert FOUR.canonical(made(FOUR, "1", ("1", "1"))) != FOUR.canonical(made(FOUR, "2", ("1", "none")))
    third, fourth = (made(FOUR, "2-0", ("1+2", "none"), (bank, "1")) for bank in ("3", "4"))
    assert FOUR.canonical(third) == FOUR.canonical(fourth)


def test_every_setting_counts() -> None:
    seen = set()
    for what, values in SMALL.settings.items():
        base = next(a for a in some(SMALL, 50) if a.genotype["block_1_plan"].count("-") == 1)
        changed = [SMALL.canonical(SMALL.parse({**base.genotype, f"block_1_op_1_{what}": value})) for value in values]
        assert len(set(changed)) == len(values)
        seen |= set(changed)
    assert len(seen) > 4


def test_all_that_is_written_is_live() -> None:
    for architecture in some(SMALL, 50):
        cell, network = SMALL.cell(architecture), SMALL.network(architecture, SHAPE, 10)
        assert cell == cell.live() and network == network.live() and canonical_id(cell) == SMALL.canonical(architecture)


def reference(net: nn.Module, space: MemoryBank, program: Sequence[Sequence[Op]], x: Tensor) -> Tensor:
    """The network as its definition says it, with the weights of `net`."""
    weights = dict(net.named_parameters())

    def active(name: str, value: Tensor) -> Tensor:
        return functional.batch_norm(value, None, None, weights[f"{name}.weight"], weights[f"{name}.bias"], True).relu()

    value = functional.conv2d(x, weights["stem_conv.weight"], padding=1)
    for block, ops in enumerate(program, 1):
        name, width = f"block_{block}", space.width(block)
        banks: dict[int, Tensor] = dict(enumerate(value.split(width, 1), 1))
        for number, op in enumerate(ops, 1):
            at = f"{name}_op_{number}"
            read = torch.cat([active(f"{at}_read_{k}_norm", banks[k]) for k in op.reads], 1)
            units = active(f"{at}_norm", functional.conv2d(read, weights[f"{at}_point.weight"]))
            found = functional.conv2d(units, weights[f"{at}_conv.weight"], None, 1, op.dilation * (op.kernel - 1) // 2,
                                      op.dilation, op.groups)
            assert units.shape[1] == op.units * width
            for k, part in zip(op.writes, found.split(width, 1), strict=True):
                banks[k] = banks[k] + part if k in banks else part
        value = active(f"{name}_norm", torch.cat([banks[k] for k in sorted(banks)], 1))
        if block < space.blocks:
            value = functional.avg_pool2d(functional.conv2d(value, weights[f"{name}_transition.weight"]), 2)
    return functional.linear(value.mean((2, 3)), weights["classifier.weight"], weights["classifier.bias"])


def test_a_network_computes_what_its_program_says() -> None:
    x = torch.randn(3, *SHAPE, dtype=torch.float64)
    for architecture in some(SMALL, 6):
        net = build(SMALL.network(architecture, SHAPE, 10), SHAPE).double().train()
        assert torch.allclose(net(x), reference(net, SMALL, SMALL.program(architecture), x), rtol=0, atol=1e-10)


def test_the_first_write_assigns_and_the_second_adds() -> None:
    architecture = made(FOUR, "1-0", ("1", "none"), ("2", "3"))
    graph = FOUR.network(architecture, SHAPE, 10)
    assert graph["block_1_op_2_bank_3"].op == "add"
    assert graph["block_1_op_2_bank_3"].inputs == ("block_1_op_1_conv", "block_1_op_2_conv")
    assert not [node for node in graph if node.name == "block_1_op_1_bank_3"]


def test_the_order_of_writes_to_different_banks_leaves_the_output_as_it_is() -> None:
    one = made(FOUR, "0-0", ("1", "1"), ("2", "2"))
    other = made(FOUR, "0-0", ("2", "2"), ("1", "1"))
    first, second = (build(FOUR.network(a, SHAPE, 10), SHAPE).double() for a in (one, other))
    names: dict[str, Any] = {"op_1": "op_2", "op_2": "op_1"}
    second.load_state_dict({key.replace(key[8:12], names.get(key[8:12], key[8:12])): value
                            for key, value in first.state_dict().items()})
    x = torch.randn(3, *SHAPE, dtype=torch.float64)
    assert torch.equal(first.train()(x), second.train()(x))


def test_the_whole_holds_the_layers_of_every_network_none_of_them_narrower() -> None:
    whole = {node.name: node for node in SMALL.whole(SHAPE, 10)}
    assert measure(SMALL.whole(SHAPE, 10), SHAPE).parameters > 0
    for architecture in some(SMALL, 50):
        for node in SMALL.network(architecture, SHAPE, 10):
            if node.op in ("conv", "batch_norm", "linear"):
                for name in ("channels", "units", "kernel"):
                    assert node.settings.get(name, 0) <= whole[node.name].settings.get(name, 0)


def test_blocks_read_no_more_than_the_most() -> None:
    assert (TINY.most, MemoryBank(banks=6, ops=6).most) == (5, 33)
    for space in (SMALL, TINY, FOUR):
        assert all(sum(len(op.reads) for op in ops) <= space.most for a in some(space, 100) for ops in space.program(a))
