"""What is added up while writing is what the written network costs; parts alike are priced once."""

from __future__ import annotations

from functools import partial

import pytest

from engine.architecture.cost import measure
from engine.architecture.layers import Layers
from engine.architecture.tally import Known, Tally
from engine.errors import Invalid


def put_block(layers: Layers, name: str, source: str, channels: int) -> str:
    return layers.norm(name, layers.conv(f"{name}_conv", source, channels, 3))


def write(layers: Layers, blocks: int, channels: int = 4) -> None:
    source = "input"
    for k in range(blocks):
        name = f"block_{k}"
        source = layers.once(channels, name, (source,), partial(put_block, layers, name, source, channels))
    layers.linear("classes", layers.put("pool", "global_avg_pool", source), 10)


def tallied(blocks: int, known: Known, shape: tuple[int, ...] = (3, 8, 8)) -> Tally:
    tally = Tally(shape, known)
    write(tally, blocks)
    return tally


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_the_sum_is_that_of_the_written_network(blocks: int) -> None:
    layers = Layers()
    write(layers, blocks)
    total = tallied(blocks, {}).total()
    assert total == measure(layers.graph(), (3, 8, 8)).total
    assert total.layers == 1 + 2 * blocks + 2 and total.flops == 2 * total.macs
    assert total.memory(3) == 4 * (3 * total.parameters + 3 * total.numbers)


def test_parts_alike_are_written_once_and_kept_for_the_next_network() -> None:
    written: list[str] = []

    class Told(Tally):
        def put(self, name: str, op: str, *inputs: str, label: str = "", **settings: object) -> str:
            written.append(name)
            return super().put(name, op, *inputs, label=label, **settings)

    known: Known = {}
    write(Told((3, 8, 8), known), 5)
    assert written == ["block_0_conv", "block_0", "block_1_conv", "block_1", "pool", "classes"]     # 3 to 4, then 4 to 4
    written.clear()
    write(Told((3, 8, 8), known), 9)
    assert written == ["pool", "classes"]


def test_the_same_part_on_another_shape_is_another_part() -> None:
    known: Known = {}
    small, large = tallied(3, known, (3, 8, 8)).total(), tallied(3, known, (3, 16, 16)).total()
    assert small.parameters == large.parameters and large.numbers > small.numbers
    assert large == tallied(3, {}, (3, 16, 16)).total()


def test_what_cannot_be_is_told_each_time() -> None:
    known: Known = {}
    for _ in range(2):
        with pytest.raises(Invalid, match="needs an image"):
            tallied(2, known, (3,))
    assert not known


def test_layers_that_are_kept_are_written_every_time() -> None:
    layers = Layers()
    write(layers, 3)
    assert [node.op for node in layers.graph()].count("conv") == 3
