"""DARTS-style genotypes: what is one, and their Python text, which is read but never run."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.architecture.darts_format import MOST_NODES, OPS, as_python, checked, from_python
from engine.errors import Invalid

NODE = [["sep_conv_3x3", 1], ["skip_connect", 0]]
SMALL = {"normal": NODE, "normal_concat": [2], "reduce": NODE, "reduce_concat": [2]}
V1 = """
# found in the first order
DARTS_V1 = Genotype(
    normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), ('sep_conv_3x3', 1), ('skip_connect', 0),
            ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2)],
    normal_concat=[2, 3, 4, 5],
    reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0), ('max_pool_3x3', 0),
            ('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0)],
    reduce_concat=range(2, 6),  # all nodes
)
"""


@st.composite
def genotypes(draw: st.DrawFn) -> dict[str, Any]:
    """Anything of the format: any number of nodes, inputs read twice, any results joined."""
    found: dict[str, Any] = {}
    for cell in ("normal", "reduce"):
        nodes = draw(st.integers(1, 6))
        edge = st.sampled_from(OPS)
        found[cell] = [[draw(edge), draw(st.integers(0, 1 + at // 2))] for at in range(2 * nodes)]
        found[f"{cell}_concat"] = draw(st.lists(st.integers(0, 1 + nodes), min_size=1, max_size=8))
    return found


@given(genotypes())
def test_text_and_data_are_the_same(genotype: dict[str, Any]) -> None:
    assert checked(genotype) == genotype == checked(from_python(as_python(genotype)))
    assert checked(from_python(f"A = genotypes.{as_python(genotype)}  # words\n")) == genotype


def test_the_published_form_is_read() -> None:
    read = checked(from_python(V1))
    assert read["normal"][0] == ["sep_conv_3x3", 1] and read["reduce"][-1] == ["avg_pool_3x3", 0]
    assert read["normal_concat"] == read["reduce_concat"] == [2, 3, 4, 5]


def test_a_run_of_results_is_written_as_a_range() -> None:
    text = as_python(SMALL)
    assert text == ("Genotype(normal=[('sep_conv_3x3', 1), ('skip_connect', 0)], normal_concat=range(2, 3), "
                    "reduce=[('sep_conv_3x3', 1), ('skip_connect', 0)], reduce_concat=range(2, 3))")
    assert "normal_concat=[0, 2]" in as_python({**SMALL, "normal_concat": [0, 2]})


BAD = ["", "Genotype", "Genotype(", "Genotype()extra", "genotype()", "Genotype = ", "Genotype.x(normal=[])",
       "A B(normal=[])", "__import__('os').system('true')", "\x00", "x" * 10**6, "9" * 19_000]
BAD_VALUES = [
    "open('x')", "[x for x in ()]", "1 + 1", "lambda: 0", "[('a', 1)], normal=[]", "[[[['a']]]]", "[" * 5000, "'a b'", "-1",
    "[1", "range(0, 999999999)", "range(1000)", "range", "range(-1, 2)", "[9999999999]", "[1 2]", "[1,,2]", "f'{1}'",
    "[(\u2028)]", "**{}"]


@pytest.mark.parametrize("text", BAD + [f"Genotype(normal={value})" for value in BAD_VALUES], ids=lambda t: t[:40])
def test_what_is_no_genotype_text_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        from_python(text)
    assert "line" in caught.value.problems[0].reason or "long" in caught.value.problems[0].reason


def test_the_place_is_line_and_column() -> None:
    with pytest.raises(Invalid, match="line 2, column 3: expected another character"):
        from_python("Genotype(\n  $)")
    with pytest.raises(Invalid, match=r"line 1, column 15: expected \]"):
        from_python("Genotype(a=[1 2])")


@pytest.mark.parametrize(("path", "change"), [
    ("/at/normal", {"normal": None}), ("/at/normal", {"normal": []}), ("/at/normal", {"normal": NODE[:1]}),
    ("/at/reduce", {"reduce": "sep_conv_3x3"}), ("/at/normal", {"normal": NODE * (MOST_NODES + 1)}),
    ("/at/normal/1", {"normal": [NODE[0], 5]}), ("/at/normal/1", {"normal": [NODE[0], ["skip_connect"]]}),
    ("/at/normal/0/0", {"normal": [["os.system", 0], NODE[1]]}), ("/at/normal/0/0", {"normal": [[None, 0], NODE[1]]}),
    ("/at/normal/0/0", {"normal": [[["none"], 0], NODE[1]]}), ("/at/normal/0/1", {"normal": [["none", 2], NODE[1]]}),
    ("/at/reduce/0/1", {"reduce": [["none", -1], NODE[1]]}), ("/at/reduce/0/1", {"reduce": [["none", True], NODE[1]]}),
    ("/at/reduce/0/1", {"reduce": [["none", float("nan")], NODE[1]]}),
    ("/at/reduce/3/1", {"reduce": [*NODE, NODE[0], ["none", 3]]}),
    ("/at/normal_concat", {"normal_concat": []}), ("/at/normal_concat", {"normal_concat": 2}),
    ("/at/normal_concat/0", {"normal_concat": [3]}), ("/at/reduce_concat/1", {"reduce_concat": [2, "2"]}),
    ("/at/normal_concat", {"normal_concat": [2] * 99}), ("/at", {"more": 1})], ids=str)
def test_faults_of_the_data_have_their_place(path: str, change: dict[str, Any]) -> None:
    """An operation reads an earlier result, so there are no cycles."""
    with pytest.raises(Invalid) as caught:
        checked({**SMALL, **change}, "/at")
    assert caught.value.problems[0].path == path


@pytest.mark.parametrize("given_", [None, 3, [], "Genotype()", {}, {"normal": []}], ids=str)
def test_what_is_no_genotype_is_refused(given_: Any) -> None:
    with pytest.raises(Invalid):
        checked(given_)
