"""Cells in words: what the picture shows, in the order of computation."""

from __future__ import annotations

from engine.architecture import description
from engine.architecture.description import describe
from engine.architecture.graph import Graph, Node
from engine.spec import parse_space


def test_a_cell_in_words() -> None:
    _, space = parse_space({"kind": "nas_bench_201"})
    cell = space.parse({"arch": "|none~0|+|nor_conv_1x1~0|none~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"})
    assert describe(space.pictures(cell)) == ("Sum 1 adds nothing. Sum 2 adds conv 1×1 of input. "
                                           "Output adds skip of input and average pool 3×3 of sum 2.")


def test_a_chain_in_words() -> None:
    _, space = parse_space({"kind": "chain"})
    chain = space.parse({"layers": 2, "hidden": 64, "dropout": 20,
                         "block_1_type": "conv", "block_1_kernel": 3, "block_1_channels": 16, "block_1_stride": 2,
                         "block_2_type": "max_pool", "block_2_pool_kernel": 3, "block_2_pool_stride": 1})
    assert describe(space.pictures(chain)) == ("In this order: input; conv 3×3, 16 channels, stride 2; max pool 3×3; "
                                            "global average pool; 64 hidden units, dropout 20 %; class scores.")


def node(name: str, op: str, *inputs: str) -> Node:
    return Node(name, op, inputs)


def test_what_no_merge_reads_has_a_sentence_of_its_own() -> None:
    cell = Graph((node("input", "input"), node("a", "conv", "input"), node("b", "pool", "input"),
                  node("sum", "add", "a", "b"), node("head", "linear", "sum")), "head")
    assert describe({"": cell}) == "Add adds conv of input and pool of input. Linear takes add."


def test_of_two_with_the_same_words_each_bears_its_name() -> None:
    cell = Graph((node("input", "input"), node("sum_1", "add", "input"), node("sum_2", "concat", "input", "sum_1"),
                  node("sum_3", "add", "sum_2", "sum_1")), "sum_3")
    assert describe({"": cell}) == ("Add (sum 1) adds input. Concat joins input and add (sum 1). "
                                    "Add (sum 3) adds concat and add (sum 1).")


def test_a_long_row_of_operations_is_told_in_pieces() -> None:
    row = [node("input", "input")] + [node(f"op_{i}", f"conv_{i}", f"op_{i - 1}" if i else "input") for i in range(6)]
    cell = Graph((*row, node("sum", "add", "op_5", "input")), "sum")
    assert describe({"": cell}) == ("Conv 3 takes conv 2 of conv 1 of conv 0 of input. "
                                    "Add adds conv 5 of conv 4 of conv 3 and input.")


def test_an_endless_cell_is_counted_in_the_end() -> None:
    sums = [node(f"sum_{i}", "add", f"sum_{i - 1}" if i else "input") for i in range(description.SENTENCES + 7)]
    words = describe({"": Graph((node("input", "input"), *sums, node("last", "add", "input", sums[-1].name)), "last")})
    assert words.endswith("And 8 more: 8 × add.") and words.count("adds") == description.SENTENCES


def test_several_cells_are_told_under_their_titles() -> None:
    cell = Graph((node("input", "input"),), "input")
    assert describe({"Normal cell": cell, "Reduction cell": cell}) == (
        "Normal cell: In this order: input. Reduction cell: In this order: input.")
