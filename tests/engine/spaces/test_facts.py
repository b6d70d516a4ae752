"""Facts of a space agree with the space."""

from __future__ import annotations

from typing import Any

import pytest

from engine import api
from engine.architecture.cost import measure
from engine.architecture.graph import Graph, Node
from engine.registry import discover
from engine.spaces import facts as module
from engine.spaces.chain import Chain
from engine.spaces.facts import SAMPLES, facts, log10

KINDS = sorted(discover("spaces"))


def test_the_logarithm_of_a_size_beyond_floats_is_right() -> None:
    assert log10(10**400) == pytest.approx(400.0) and log10(15625) == pytest.approx(4.1938, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("preset", ["paper", "cpu"])
def test_size_decisions_and_sample(kind: str, preset: str) -> None:
    found = api.facts({"kind": kind, "preset": preset})
    _, space = api.parse_space({"kind": kind, "preset": preset})
    assert found["size"] == (None if space.size() is None else str(space.size()))
    assert (found["log10_size"] is None) == (found["size"] is None)
    assert found["parameters"] == len(space.parameters()) > 0
    assert space.parse(found["sample"]["genotype"])


def test_ranges_are_those_of_samples_that_can_be_built() -> None:
    space = Chain(max_layers=6, strides=(2,), pool_strides=(2,))
    found = facts(space, 3, (1, 8, 8), 10)
    low, middle, high = found["ranges"]["parameters"]
    assert 0 < low <= middle <= high and found["samples"] == SAMPLES
    assert found["ranges"]["memory"][0] > 4 * 3 * low and found["ranges"]["flops"][0] % 2 == 0
    assert found["infeasible"] == {"share": 0.0, "reasons": [], "others": 0}
    assert facts(space, 3, (1, 8, 8), 10) == found != facts(space, 4, (1, 8, 8), 10)


def test_what_cannot_be_built_is_counted_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    build = Chain.network

    def network(space: Chain, architecture: Any, shape: Any, classes: int) -> Graph:
        if architecture.genotype["layers"] > 4:
            uneven = Node("much", "conv", ("input",), {"channels": 3, "kernel": 3, "groups": 2})
            return Graph((Node("input", "input"), uneven), "much")
        return build(space, architecture, shape, classes)

    monkeypatch.setattr(Chain, "network", network)
    found = facts(Chain(), 0, (3, 8, 8), 10)
    assert 0 < found["infeasible"]["share"] < 1 and found["sample"]["genotype"]["layers"] <= 4
    [reason] = found["infeasible"]["reasons"]
    assert "groups" in reason["reason"] and reason["count"] == found["infeasible"]["share"] * SAMPLES
    monkeypatch.setattr(Chain, "network", lambda *given: (_ for _ in ()).throw(api.Invalid(api.Problem("/network", "no"))))
    nothing = facts(Chain(), 0, (3, 8, 8), 10)
    assert nothing["infeasible"]["share"] == 1.0 and nothing["ranges"]["parameters"] is None


def test_faults_that_are_alike_are_one_reason() -> None:
    found = api.facts({"kind": "vision", "preset": "cpu"}, 1, (1, 8, 8))["infeasible"]
    [row] = found["reasons"]
    assert row["count"] == found["share"] * SAMPLES > 5 and found["others"] == 0
    assert "leaves nothing of" in row["reason"] and row["reason"].endswith(", and alike")
    assert api.facts({"kind": "vision"}, 0, (30,))["infeasible"]["reasons"][0]["count"] == SAMPLES


def test_rare_reasons_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chain, "network", lambda space, point, *given: (_ for _ in ()).throw(
        api.Invalid(api.Problem("/network", f"no chain {point.encoding_id}"))))
    found = facts(Chain(), 0, (3, 8, 8), 10)["infeasible"]
    assert len(found["reasons"]) == module.REASONS and found["share"] == 1
    assert sum(row["count"] for row in found["reasons"]) + found["others"] == SAMPLES and found["others"] > 0


def test_memory_counts_weights_thrice_and_outputs_once_for_each_input() -> None:
    graph = Graph((Node("input", "input"), Node("conv", "conv", ("input",), {"channels": 4, "kernel": 3})), "conv")
    cost = measure(graph, (3, 8, 8))
    assert cost.parameters == 108
    assert cost.memory(2) == 4 * (3 * 108 + 2 * (3 * 64 + 4 * 64))


def test_of_very_large_networks_fewer_samples_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"kind": "nas_bench_201", "preset": "cpu"}
    assert api.facts(document, 0, (1, 8, 8))["samples"] == SAMPLES
    monkeypatch.setattr(module, "LAYERS", 100)
    found = api.facts(document, 0, (1, 8, 8))
    assert 1 < found["samples"] < SAMPLES / 2
    assert found["infeasible"]["share"] == 0
