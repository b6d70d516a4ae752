"""The facade: everything without torch, and facts that agree with the space."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from engine import api
from engine.errors import Invalid

HEAVY = ("torch", "sklearn", "gpytorch", "botorch", "ot", "onnx", "torchvision")


def test_discovery_of_everything_imports_nothing_heavy() -> None:
    program = ("import sys, json\nfrom engine import api\n"
               "api.strategies(); api.spaces(); api.estimations(); api.datasets(); api.compatible(); api.tables()\n"
               "api.arena(None, 'L2', [{'name': 'random_search'}], [0], 5)\n"
               "api.facts({'kind': 'chain'}); list(api.sample({'kind': 'chain'}, 3, 0))\n"
               f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("kind", [entry["name"] for entry in api.spaces()])
@pytest.mark.parametrize("preset", ["paper", "cpu"])
def test_every_space_has_facts_a_cost_and_a_drawing(kind: str, preset: str) -> None:
    document = {"kind": kind, "preset": preset}
    facts = api.facts(document)
    assert facts["size"] is None or int(facts["size"]) > 0
    shape = {"images": (3, 32, 32), "table": (7,), "text": (12,)}[api.reads(document)[0]]
    cost = api.measure(document, facts["sample"], shape, 10)
    assert cost["flops"] == 2 * cost["macs"] and cost["parameters"] > 0
    drawing = api.draw(document, facts["sample"], shape, 10)
    assert drawing["words"] and drawing["cell"]["nodes"] and drawing["macro"]


@pytest.mark.parametrize("genotype", [None, 5, [], {}, "x", {"genotype": None}, {"arch": "|os.system~0|"},
                                      {"kind": "chain", "genotype": {}}])
def test_what_is_no_architecture_is_refused_with_a_pointer(genotype: object) -> None:
    with pytest.raises(Invalid):
        api.measure({"kind": "nas_bench_201"}, genotype, (3, 32, 32), 10)


def test_an_unknown_entry_is_named_with_the_known_ones() -> None:
    with pytest.raises(Invalid) as caught:
        api.entry("strategies", "magic")
    assert "random_search" in caught.value.problems[0].allowed


def test_every_strategy_fits_some_space() -> None:
    assert all(any(answer is True for answer in row.values()) for row in api.compatible().values())


def test_which_estimation_performs_what_a_strategy_asks_for() -> None:
    table = api.performed()
    assert table["darts"]["shared"] is True and "epochs of a supernet" in str(table["darts"]["scratch"])
    assert table["random_search"]["scratch"] is table["random_search"]["shared"] is True


def test_the_reading_of_a_dataset_is_what_its_part_says_else_what_is_declared() -> None:
    assert api.reading({"name": "digits"}) == ([1, 8, 8], 10)
    assert api.reading({"name": "stdlib_text", "length": 7}) == ([7], 98)
    assert api.reading({"name": "stdlib_text", "length": -7}) == ([32], 98)
    table = {"name": "table_file", "sha256": "0" * 64}
    held = {"columns": [{"name": name, "kind": "numbers", "different": 3, "missing": 0} for name in "abcd"]}
    assert api.reading(table) == ([10], 2)
    assert api.reading(table, held) == ([3], 3)
    with pytest.raises(Invalid):
        api.reading({"name": "nothing"})


def test_training_is_what_a_composed_space_may_search() -> None:
    names = [row["name"] for row in api.training()]
    assert {"lr", "optimizer", "batch_size"} <= set(names) and "checkpoint_seconds" not in names
