"""The cell spaces of NASNet, PNAS and AmoebaNet: counts, identity, and how cells become networks."""

from __future__ import annotations

import re
from itertools import combinations_with_replacement, product
from random import Random
from typing import Any

import pytest
import torch

from engine.architecture.architecture import Architecture
from engine.architecture.canonical import MERGES, canonical_id
from engine.architecture.cost import measure
from engine.architecture.graph import Graph
from engine.errors import Invalid
from engine.nets.build import build
from engine.spaces.cell import EIGHT, OPS, Cell, loose_ends
from engine.spec import parse_space

torch.set_num_threads(1)
Blocks = list[list[Any]]
SHAPE = (3, 16, 16)
SMALL = {"channels": 4, "layers": 1, "reductions": 1}
NASNET_A: dict[str, Blocks] = {
    "normal": [[1, 0, "sep_conv_5x5", "sep_conv_3x3", "add"], [0, 0, "sep_conv_5x5", "sep_conv_3x3", "add"],
               [1, 0, "avg_pool_3x3", "identity", "add"], [0, 0, "avg_pool_3x3", "avg_pool_3x3", "add"],
               [1, 1, "sep_conv_3x3", "identity", "add"]],
    "reduction": [[1, 0, "sep_conv_5x5", "sep_conv_7x7", "add"], [1, 0, "max_pool_3x3", "sep_conv_7x7", "add"],
                  [1, 0, "avg_pool_3x3", "sep_conv_5x5", "add"], [3, 2, "identity", "avg_pool_3x3", "add"],
                  [2, 1, "sep_conv_3x3", "max_pool_3x3", "add"]]}
PNASNET_5: dict[str, Blocks] = {
    "cell": [[0, 0, "sep_conv_5x5", "max_pool_3x3", "add"], [1, 1, "sep_conv_7x7", "max_pool_3x3", "add"],
             [1, 1, "sep_conv_5x5", "sep_conv_3x3", "add"], [4, 1, "sep_conv_3x3", "max_pool_3x3", "add"],
             [0, 1, "sep_conv_3x3", "identity", "add"]]}


def space(**options: Any) -> Cell:
    found = parse_space({"kind": "cell", **options})[1]
    assert isinstance(found, Cell)
    return found


PNAS = space(preset="pnas", **SMALL)
NASNET = space(preset="nasnet", **SMALL)


def one(blocks: Blocks, **options: Any) -> tuple[Cell, Architecture]:
    """The space with a single cell of these blocks, and the cell."""
    everything = {"preset": "pnas", **SMALL, "ops": list(OPS), "combine": ["add", "concat"], "blocks": len(blocks)}
    found = space(**{**everything, **options})
    return found, found.parse({"cell": blocks})


def identity(blocks: Blocks) -> str:
    found, architecture = one(blocks)
    return found.canonical(architecture)


def shapes(graph: Graph, shape: tuple[int, ...] = SHAPE) -> dict[str, tuple[int, ...]]:
    return {row.name: row.shape for row in measure(graph, shape).rows}


def random_cells(count: int, **options: Any) -> list[Blocks]:
    found = space(**{"preset": "pnas", **options})
    return [proposal.architecture.genotype["cell"] for proposal in found.sample_many(Random(5), count)]


def test_sizes_are_those_of_the_papers() -> None:
    assert [space(preset="pnas", blocks=b).size() for b in (1, 2)] == [256, 256 * 576]
    assert PNAS.size() == 256 * 576 * 1024 * 1600 * 2304 == 556_627_761_561_600
    assert space(preset="amoebanet").size() == PNAS.size() ** 2
    one_cell = space(preset="nasnet", cells="one").size()
    assert f"{one_cell:.3e}" == "2.287e+18" and NASNET.size() == one_cell ** 2 and f"{NASNET.size():.1e}" == "5.2e+36"
    assert space(preset="paper", blocks=12).size() > 10**90


@pytest.mark.parametrize(("blocks", "cells"), [(1, "one"), (5, "one"), (5, "two"), (3, "two")])
def test_a_cell_has_five_decisions_a_block(blocks: int, cells: str) -> None:
    found = space(preset="nasnet", blocks=blocks, cells=cells)
    assert len(found.parameters()) == 5 * blocks * (2 if cells == "two" else 1)
    genotype = found.sample(Random(0)).architecture.genotype
    assert all(sum(map(len, cell)) == 5 * blocks for cell in genotype.values())
    assert set(genotype) == ({"normal", "reduction"} if cells == "two" else {"cell"})


def test_block_b_chooses_among_b_plus_one_inputs() -> None:
    choices = {p.name: len(p.choices) for p in NASNET.parameters()}
    assert [choices[f"reduction_block_{b}_input_2"] for b in range(1, 6)] == [2, 3, 4, 5, 6]
    assert choices["normal_block_5_op_1"] == 13 and choices["normal_block_5_combine"] == 2


def test_one_block_has_256_encodings_of_136_cells() -> None:
    pairs = list(product(range(2), range(2), EIGHT, EIGHT, ["add"]))
    assert len(pairs) == 256 and len({identity([list(block)]) for block in pairs}) == 136


def test_two_blocks_make_31620_different_cells() -> None:
    """40,800 sequences of blocks with unordered halves; independent blocks may stand in either order."""
    found = space(preset="pnas", blocks=2)

    def halves(inputs: int) -> list[list[Any]]:
        pairs = combinations_with_replacement(product(range(inputs), EIGHT), 2)
        return [[i, j, op, other, "add"] for (i, op), (j, other) in pairs]

    sequences = list(product(halves(2), halves(3)))
    assert len(sequences) == 40_800
    assert len({found.canonical(Architecture("cell", {"cell": [*pair]})) for pair in sequences}) == 31_620


def reordered(blocks: Blocks, rng: Random) -> tuple[Blocks, dict[int, int], list[bool]]:
    """The same cell written differently: another order of blocks and swapped halves; where each result went."""
    moved, order, swapped = {0: 0, 1: 1}, [], [rng.random() < 0.5 for _ in blocks]
    while len(order) < len(blocks):
        ready = [b for b, block in enumerate(blocks) if b not in order and all(i in moved for i in block[:2])]
        order.append(rng.choice(ready))
        moved[order[-1] + 2] = len(order) + 1
    written = []
    for b in order:
        i, j, op, other, combine = blocks[b]
        i, j = moved[i], moved[j]
        written.append([j, i, other, op, combine] if swapped[b] else [i, j, op, other, combine])
    return written, moved, swapped


def test_the_identity_does_not_hang_on_order() -> None:
    rng = Random(1)
    for blocks in random_cells(300):
        again, _, _ = reordered(blocks, rng)
        assert identity(again) == identity(blocks)
        for b, (i, j, op, other, combine) in enumerate(blocks):
            swapped = [*blocks[:b], [j, i, other, op, combine], *blocks[b + 1:]]
            assert identity(swapped) == identity(blocks)


def test_the_two_cell_inputs_are_not_the_same() -> None:
    assert identity([[0, 0, "conv_1x1", "conv_3x3", "add"]]) != identity([[1, 1, "conv_1x1", "conv_3x3", "add"]])


def test_normal_and_reduction_do_not_change_places() -> None:
    found = space(preset="amoebanet", blocks=1)
    a, b = [[0, 1, "identity", "identity", "add"]], [[0, 1, "sep_conv_3x3", "identity", "add"]]
    assert found.canonical(found.parse({"normal": a, "reduction": b})) != found.canonical(
        found.parse({"normal": b, "reduction": a}))


def test_the_drawing_has_both_cells_and_the_same_identity_as_its_halves() -> None:
    """Two pairs of cells have the same joint graph exactly if each cell has."""
    rng = Random(3)
    for _ in range(50):
        architecture = NASNET.sample(rng).architecture
        again = {name: reordered(blocks, rng)[0] for name, blocks in architecture.genotype.items()}
        twin = NASNET.parse(again)
        assert canonical_id(NASNET.cell(architecture)) == canonical_id(NASNET.cell(twin))
        assert NASNET.canonical(architecture) == NASNET.canonical(twin)


def test_loose_ends_are_all_that_nobody_takes() -> None:
    assert loose_ends(NASNET_A["normal"]) == [2, 3, 4, 5, 6] and loose_ends(NASNET_A["reduction"]) == [4, 5, 6]
    assert loose_ends([[0, 0, "identity", "identity", "add"], [2, 2, "identity", "identity", "add"]]) == [1, 3]


@pytest.mark.parametrize("preset", ["pnas", "nasnet", "amoebanet"])
def test_the_output_joins_the_loose_ends_at_the_width_of_the_cell(preset: str) -> None:
    found = space(preset=preset, **SMALL)
    for seed in range(30):
        architecture = found.sample(Random(seed)).architecture
        read = shapes(found.network(architecture, SHAPE, 10))
        normal, reduction = list(architecture.genotype.values())[0], list(architecture.genotype.values())[-1]
        joined = {k: (len(loose_ends(b)) * width, side, side) for k, b, width, side in (
            ("stack_1_cell_1_output", normal, 4, 16), ("reduction_1_output", reduction, 8, 8),
            ("stack_2_cell_1_output", normal, 8, 8))}
        assert all(read[name] == shape for name, shape in joined.items() if name in read)
        assert read["head_relu"] == joined["stack_2_cell_1_output"]


INNER = [[0, 0, "identity", "identity", "add"], [2, 2, "sep_conv_3x3", "conv_1x1", "add"],
         [3, 3, "max_pool_3x3", "avg_pool_3x3", "add"]]


@pytest.mark.parametrize("size", [(8, 8), (7, 7), (5, 8), (1, 1)], ids=str)
def test_a_reduction_halves_whatever_its_blocks_read_and_rounds_up(size: tuple[int, int]) -> None:
    """The last block reads inner blocks only, and a cell input is a loose end; odd sizes too."""
    for blocks in (INNER, *random_cells(30)):
        found, architecture = one(blocks)
        read = shapes(found.network(architecture, (3, *size), 10), (3, *size))
        assert read["head_relu"][1:] == (-(-size[0] // 2), -(-size[1] // 2))


def test_only_operations_on_cell_inputs_are_strided() -> None:
    found, architecture = one(INNER)
    graph = found.network(architecture, SHAPE, 10)
    strided = {n.name for n in graph if n.name.startswith("reduction") and n.settings.get("stride", 1) in (2, (2, 2))}
    assert {name.split("_op_")[0] for name in strided if "_block_" in name} == {"reduction_1_block_1"}
    assert "shift" in {n.op for n in graph if n.name.startswith("reduction_1_end_1")}        # a loose cell input


def test_the_cell_before_a_reduction_is_matched_by_a_factorised_reduction() -> None:
    found, architecture = one([[0, 1, "identity", "identity", "add"]])
    graph = found.network(architecture, SHAPE, 10)
    assert "shift" in {n.op for n in graph if n.name.startswith("stack_2_cell_1_input_0")}
    assert {n.op for n in graph if n.name.startswith("stack_2_cell_1_input_1")} == {"relu", "conv", "batch_norm"}


def test_what_a_concat_makes_twice_as_deep_is_brought_back() -> None:
    blocks = [[0, 1, "conv_1x1", "identity", "concat"], [2, 2, "identity", "max_pool_3x3", "add"],
              [0, 1, "sep_conv_3x3", "identity", "concat"]]
    found, architecture = one(blocks)
    read = shapes(found.network(architecture, SHAPE, 10))
    assert read["stack_1_cell_1_block_1"][0] == 8 and read["stack_1_cell_1_block_2"][0] == 4
    assert read["stack_1_cell_1_end_4"][0] == 4 and read["stack_1_cell_1_output"][0] == 8


def test_the_macro_skeleton() -> None:
    found = space(preset="paper")
    graph = found.network(found.parse(NASNET_A), (3, 32, 32), 10)
    groups = list(dict.fromkeys(node.group for node in graph))
    stacks = [[f"stack {k} cell {number}" for number in range(1, 7)] for k in (1, 2, 3)]
    assert groups == ["input", "stem", *stacks[0], "reduction 1", *stacks[1], "reduction 2", *stacks[2], "head"]
    read = shapes(graph, (3, 32, 32))
    assert [read[f"stack_{k}_cell_6_output"] for k in (1, 2, 3)] == [(160, 32, 32), (320, 16, 16), (640, 8, 8)]
    assert read["stem_conv"][0] == 96 and read["reduction_2_output"] == (3 * 128, 8, 8)


def test_the_stem_for_large_images_divides_by_eight() -> None:
    found = space(preset="imagenet")
    read = shapes(found.network(found.parse(NASNET_A), (3, 224, 224), 1000), (3, 224, 224))
    assert read["stem_conv"] == (32, 112, 112)
    assert read["stem_cell_1_output"] == (33, 56, 56) and read["stem_cell_2_output"] == (66, 28, 28)
    assert read["stack_3_cell_4_output"] == (5 * 176, 7, 7) and read["classifier"] == (1000,)


def by_hand(genotype: dict[str, Blocks], channels: int, layers: int, classes: int = 10) -> int:
    """The parameters of a network of add-only cells: squares of kernels and products of channels, nothing built."""
    def op(name: str, f: int, stride: int) -> int:
        if "sep" in name:
            return 2 * (f * int(name[-1]) ** 2 + f * f + 2 * f)
        return f * f + 2 * f if name == "identity" and stride == 2 else 0

    def cell(blocks: Blocks, before: int, last: int, f: int, stride: int) -> int:
        total = before * f + 2 * f + last * f + 2 * f
        for i, j, one, other, _ in blocks:
            total += op(one, f, stride if i < 2 else 1) + op(other, f, stride if j < 2 else 1)
        return total + stride // 2 * sum(f * f + 2 * f for end in loose_ends(blocks) if end < 2)

    normal, reduction = list(genotype.values())[0], list(genotype.values())[-1]
    before = last = 3 * channels
    total = 27 * last + 2 * last
    for stack in range(3):
        f = channels * 2 ** stack
        kinds = [reduction] * (stack > 0) + [normal] * layers
        for number, blocks in enumerate(kinds):
            total += cell(blocks, before, last, f, 2 if stack and number == 0 else 1)
            before, last = last, f * len(loose_ends(blocks))
    return total + last * classes + classes


@pytest.mark.parametrize(("genotype", "preset", "channels", "layers", "expected"), [
    (NASNET_A, "paper", 32, 6, 3_061_738), (PNASNET_5, "pnas", 32, 6, 3_322_986), (PNASNET_5, "pnas", 48, 3, 3_962_650)])
def test_known_cells_have_the_parameters_of_an_independent_count(genotype: dict[str, Blocks], preset: str, channels: int,
                                                                 layers: int, expected: int) -> None:
    found = space(preset=preset, channels=channels, layers=layers)
    cost = measure(found.network(found.parse(genotype), (3, 32, 32), 10), (3, 32, 32))
    assert cost.parameters == by_hand(genotype, channels, layers) == expected


def test_a_single_cell_serves_as_its_own_reduction() -> None:
    found, architecture = one([[0, 1, "conv_3x3", "conv_1x1", "add"]])
    names = {n.name for n in found.network(architecture, SHAPE, 10) if n.op == "conv"}
    assert {"stack_1_cell_1_block_1_op_1_conv", "reduction_1_block_1_op_1_conv"} <= names


def carried_over(found: Cell, blocks: Blocks, again: Blocks, moved: dict[int, int], swapped: list[bool]) -> tuple[Any, Any]:
    """Two networks of one cell written in two ways, the second with the weights of the first in their new places."""
    graphs = [found.network(found.parse({"cell": b}), SHAPE, 10) for b in (blocks, again)]
    torch.manual_seed(0)
    first, second = build(graphs[0], SHAPE).eval(), build(graphs[1], SHAPE).eval()
    order = [{new: old for old, new in moved.items()}[end] for end in loose_ends(again)]
    chunks = [loose_ends(blocks).index(end) for end in order]
    weights = {}
    for key, tensor in first.state_dict().items():
        node = key.split(".")[0]
        if _after_a_join(graphs[0], node) and tensor.dim() > 1:
            parts = tensor.chunk(len(chunks), dim=1)
            tensor = torch.cat([parts[c] for c in chunks], dim=1)
        weights[_new_name(key, moved, swapped)] = tensor
    second.load_state_dict(weights)
    return first, second


def _new_name(key: str, moved: dict[int, int], swapped: list[bool]) -> str:
    def place(found: re.Match[str]) -> str:
        block, slot = int(found[1]), int(found[2])
        return f"_block_{moved[block + 1] - 1}_op_{3 - slot if swapped[block - 1] else slot}"

    key = re.sub(r"_block_(\d+)_op_(\d)", place, key)
    return re.sub(r"_end_(\d+)", lambda found: f"_end_{moved[int(found[1])]}", key)


def _after_a_join(graph: Graph, name: str) -> bool:
    node = graph[name]
    while node.inputs and node.op in ("conv", "linear", "relu", "shift", "global_avg_pool"):
        if node.name != name and node.op in ("conv", "linear"):
            return False
        node = graph[node.inputs[0]]
    return node.op == "concat" and node.name.endswith("_output") and graph[name].op in ("conv", "linear")


def test_a_cell_written_differently_computes_the_same() -> None:
    found, rng, images = space(preset="pnas", **SMALL, blocks=4), Random(2), torch.randn(2, *SHAPE)
    for blocks in random_cells(12, blocks=4):
        again, moved, swapped = reordered(blocks, rng)
        first, second = carried_over(found, blocks, again, moved, swapped)
        with torch.inference_mode():
            assert torch.allclose(first(images), second(images), rtol=1e-4, atol=1e-5)


PLAIN = [0, 0, "identity", "identity", "add"]


@pytest.mark.parametrize(("path", "genotype"), [
    ("/at", None), ("/at", []), ("/at", {}), ("/at", {"normal": [], "reduction": []}), ("/at/cell", {"cell": None}),
    ("/at/cell", {"cell": []}), ("/at/cell", {"cell": [PLAIN] * 2}), ("/at/cell/0", {"cell": [5]}),
    ("/at/cell/0", {"cell": [PLAIN[:4]]}), ("/at/cell/0/0", {"cell": [[2, *PLAIN[1:]]]}),
    ("/at/cell/0/1", {"cell": [[0, -1, *PLAIN[2:]]]}), ("/at/cell/0/0", {"cell": [[True, *PLAIN[1:]]]}),
    ("/at/cell/0/0", {"cell": [[[], *PLAIN[1:]]]}), ("/at/cell/0/2", {"cell": [[0, 0, "magic", "identity", "add"]]}),
    ("/at/cell/0/3", {"cell": [[0, 0, "identity", None, "add"]]}), ("/at/cell/0/4", {"cell": [[*PLAIN[:4], "concat"]]}),
    ("/at/cell/0/0", {"cell": [[float("nan"), *PLAIN[1:]]]})])
def test_what_is_no_cell_is_refused_at_its_place(path: str, genotype: Any) -> None:
    with pytest.raises(Invalid) as caught:
        space(preset="pnas", blocks=1).parse(genotype, "/at")
    assert caught.value.problems[0].path == path


@pytest.mark.parametrize(("option", "value"), [
    ("blocks", 500), ("blocks", 0), ("ops", ["magic"]), ("ops", []), ("combine", ["multiply"]), ("cells", "three"),
    ("channels", 1), ("layers", 0), ("reductions", 0), ("stem", "none"), ("blocks", float("nan"))], ids=str)
def test_bad_options_are_pointed_at(option: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse_space({"kind": "cell", option: value}, "/space")
    assert caught.value.problems[0].path == f"/space/{option}"


def test_a_mutation_changes_one_decision() -> None:
    rng = Random(0)
    for _ in range(100):
        parent = NASNET.sample(rng).architecture
        child = NASNET.mutate(parent, rng)
        pairs = [zip(sum(parent.genotype[k], []), sum(child.genotype[k], []), strict=True) for k in parent.genotype]
        assert sum(a != b for pair in pairs for a, b in pair) == 1


def test_the_description_names_both_cells_and_every_block() -> None:
    graph = NASNET.cell(NASNET.sample(Random(0)).architecture)
    blocks = [n for n in graph if n.op in MERGES and "_block_" in n.name]
    assert len(blocks) == 10 and {n.group for n in blocks} == {"normal", "reduction"} and graph.output == "pair"


@pytest.mark.parametrize("cells", ["one", "two"])
def test_cells_may_have_fewer_blocks(cells: str) -> None:
    found = space(preset="pnas", **SMALL, blocks=3, min_blocks=1, cells=cells)
    power = {"one": 1, "two": 2}[cells]
    assert found.size() == sum(n ** power for n in (256, 256 * 576, 256 * 576 * 1024))
    counts = set()
    for proposal in found.sample_many(Random(0), 100):
        sizes = {len(blocks) for blocks in proposal.architecture.genotype.values()}
        assert len(sizes) == 1 and found.parse(proposal.architecture.genotype) == proposal.architecture
        assert found.from_vector(found.vector(proposal.architecture)) == proposal.architecture
        counts |= sizes
    assert counts == {1, 2, 3}


def test_cells_of_another_number_of_blocks_are_refused() -> None:
    found, block = space(preset="pnas", blocks=3, min_blocks=2), [0, 0, "identity", "identity", "add"]
    with pytest.raises(Invalid, match="must be a list of blocks"):
        found.parse({"cell": [block]})
    with pytest.raises(Invalid, match="another number of blocks"):
        space(preset="amoebanet", min_blocks=1).parse({"normal": [block], "reduction": [block, block]})
