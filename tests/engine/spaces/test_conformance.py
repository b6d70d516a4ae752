"""What every space has to do: data in and out, identity, networks that cost what the formulas say, faults with a place."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Container, Iterator
from functools import cache
from itertools import islice
from random import Random
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from engine.architecture.architecture import Architecture
from engine.architecture.canonical import MERGES, canonical_id
from engine.architecture.cost import measure
from engine.architecture.graph import Graph, Node, Shape
from engine.errors import Invalid
from engine.nets.build import build
from engine.options import options_of
from engine.registry import discover
from engine.spaces.facts import facts
from engine.spec import parse_space

torch.set_num_threads(1)
KINDS = sorted(discover("spaces"))
ALL = pytest.mark.parametrize("kind", KINDS)
PRESETS = [(kind, preset) for kind, entry in discover("spaces").items() for preset in entry.presets]
BUILT = 200
COMPARED = 10_000 if os.environ.get("NASWEB_CONFORMANCE") == "all" else 2_000   # with themselves under other names
INPUTS: dict[str, Shape] = {"images": (1, 8, 8), "table": (7,), "text": (12,)}
CLASSES = {"images": 10, "table": 3, "text": 98}


@cache
def space_of(kind: str, preset: str = "cpu") -> Any:
    return parse_space({"kind": kind, "preset": preset})[1]


@cache
def drawn(kind: str, count: int = BUILT) -> list[Architecture]:
    return [proposal.architecture for proposal in space_of(kind).sample_many(Random(11), count)]


def reads(kind: str) -> str:
    return str(discover("spaces")[kind].facts["data"][0])


def networks(kind: str) -> Iterator[tuple[Graph, Shape]]:
    """The networks of the samples that can be built."""
    data = reads(kind)
    for architecture in drawn(kind):
        try:
            graph = space_of(kind).network(architecture, INPUTS[data], CLASSES[data])
            measure(graph, INPUTS[data])
        except Invalid:
            continue
        yield graph, INPUTS[data]


def batch(data: str, count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    if data == "text":
        return torch.randint(CLASSES[data], (count, *INPUTS[data]), generator=generator)
    return torch.rand(count, *INPUTS[data], generator=generator)


@pytest.mark.parametrize(("kind", "preset"), PRESETS)
def test_presets_make_spaces(kind: str, preset: str) -> None:
    space = space_of(kind, preset)
    assert {"paper", "cpu"} <= set(discover("spaces")[kind].presets)
    size = space.size()
    assert size is None or (isinstance(size, int) and size >= 1)
    assert (size is None) == any(p.kind == "real" for p in space.parameters())
    assert space.contains(space.sample(Random(0)).architecture)


@ALL
def test_declared_decisions_are_in_order_and_uniquely_named(kind: str) -> None:
    seen: dict[str, Any] = {}
    for parameter in space_of(kind).parameters():
        assert parameter.name not in seen and parameter.kind in ("categorical", "integer", "real")
        assert all(condition["name"] in seen for condition in parameter.when)
        assert parameter.choices if parameter.kind == "categorical" else parameter.low <= parameter.high
        json.dumps(parameter.document(), allow_nan=False)
        seen[parameter.name] = parameter


@ALL
def test_a_genotype_is_data_and_comes_back(kind: str) -> None:
    space = space_of(kind)
    for architecture in drawn(kind):
        again = space.parse(json.loads(json.dumps(architecture.genotype, allow_nan=False)))
        assert again == architecture and again.encoding_id == architecture.encoding_id
        numbers = space.vector(architecture)
        assert len(numbers) == len(space.parameters()) - len(space.training_parameters())
        assert space.from_vector(numbers) == architecture
        stale = [0.0 if math.isnan(number) else number for number in numbers]
        assert space.from_vector(stale).encoding_id == architecture.encoding_id


@ALL
def test_a_proposal_is_data_and_comes_back(kind: str) -> None:
    space, rng = space_of(kind), Random(6)
    for proposal in space.sample_many(rng, BUILT):
        assert space.parse_proposal(json.loads(json.dumps(proposal.document(), allow_nan=False))) == proposal
        numbers = space.proposal_vector(proposal)
        assert len(numbers) == len(space.parameters()) and space.proposal_from_vector(numbers) == proposal
        mutant = space.mutate_proposal(proposal, rng)
        assert mutant != proposal and space.parse_proposal(mutant.document()) == mutant
    assert bool(space.training_parameters()) == ("hyper" in discover("spaces")[kind].offers)


@ALL
def test_single_draws_mutants_and_neighbours_lie_in_the_space(kind: str) -> None:
    space, rng = space_of(kind), Random(2)
    for _ in range(30):
        architecture = space.sample(rng).architecture
        mutant = space.mutate(architecture, rng)
        near = list(islice(space.neighbours(architecture), 20))
        assert space.contains(architecture) and space.contains(mutant) and mutant != architecture
        assert near and all(space.contains(one) and one != architecture for one in near)
        assert len({one.encoding_id for one in near}) == len(near)


def relabelled(graph: Graph, rng: Random, merges: Container[str] = MERGES - {"concat"}) -> tuple[Graph, dict[str, str]]:
    """The same graph under other names, in another order of computation, with the inputs of merges in another order; what is
    joined keeps it where weights are to be moved, for there the order of the channels counts."""
    names = {node.name: f"n{number}" for number, node in zip(rng.sample(range(10**6), len(graph.nodes)), graph, strict=True)}
    waiting, nodes, placed = list(graph), [], set()
    while waiting:
        ready = [node for node in waiting if set(node.inputs) <= placed]
        node = rng.choice(ready)
        inputs = [names[name] for name in node.inputs]
        if node.op in merges:
            rng.shuffle(inputs)
        nodes.append(Node(names[node.name], node.op, tuple(inputs), node.settings))
        placed.add(node.name)
        waiting.remove(node)
    return Graph(tuple(nodes), names[graph.output]), names


@ALL
def test_identity_does_not_hang_on_names_or_order(kind: str) -> None:
    space, rng = space_of(kind), Random(3)
    for architecture in drawn(kind, COMPARED):
        cell = space.cell(architecture)
        assert canonical_id(relabelled(cell, rng, MERGES)[0]) == canonical_id(cell)
    for architecture in drawn(kind)[:60]:
        assert space.canonical(architecture) == space.canonical(space.parse(architecture.genotype))


@ALL
def test_different_architectures_mostly_have_different_identities(kind: str) -> None:
    space = space_of(kind)
    points = {a.encoding_id: a for a in drawn(kind)}
    identities = {space.canonical(a) for a in points.values()}
    assert len(identities) > len(points) / 3


@ALL
def test_networks_cost_what_the_formulas_say_and_learn(kind: str) -> None:
    data, tried = reads(kind), 0
    inputs = batch(data, 2)
    for graph, shape in networks(kind):
        cost = measure(graph, shape)
        torch.manual_seed(0)
        model = build(graph, shape)
        counter = FlopCounterMode(display=False)
        with counter:
            output = model(inputs)
        assert sum(p.numel() for p in model.parameters()) == cost.parameters
        assert counter.get_total_flops() == 2 * cost.flops
        assert output.shape[0] == 2 and output.shape[-1] == CLASSES[data] and output.isfinite().all()
        output.square().mean().backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
        tried += 1
    assert tried >= BUILT / 2


@ALL
@pytest.mark.parametrize("data", INPUTS)
def test_inputs_that_a_space_does_not_read_are_refused_in_words(kind: str, data: str) -> None:
    if len(INPUTS[data]) == len(INPUTS[reads(kind)]):
        return                                      # a text and a table are both a row of numbers
    found = facts(space_of(kind), 0, INPUTS[data], CLASSES[data])
    assert found["infeasible"]["share"] == 1 and sum(r["count"] for r in found["infeasible"]["reasons"]) > 0
    with pytest.raises(Invalid) as caught:
        measure(space_of(kind).network(drawn(kind)[0], INPUTS[data], CLASSES[data]), INPUTS[data])
    assert caught.value.problems[0].reason and caught.value.problems[0].path.startswith("/")


@ALL
def test_equal_graphs_compute_the_same_after_moving_the_weights(kind: str) -> None:
    rng, inputs = Random(4), batch(reads(kind), 2)
    for graph, shape in islice(networks(kind), 10):
        twin, names = relabelled(graph, rng)
        one, other = build(graph, shape).eval(), build(twin, shape).eval()
        other.load_state_dict({moved(key, names): tensor for key, tensor in one.state_dict().items()})
        with torch.inference_mode():
            assert torch.allclose(one(inputs), other(inputs), rtol=1e-4, atol=1e-5)


def moved(key: str, names: dict[str, str]) -> str:
    node, rest = key.split(".", 1)
    return f"{names[node]}.{rest}"


def wrong(kind: str) -> list[tuple[str, Any]]:
    """Values that an option cannot have, for every option of a space."""
    found: list[tuple[str, Any]] = [("surprise", 1), ("preset", "none of these")]
    for name, option in options_of(discover("spaces")[kind].options).items():
        found += [(name, value) for value in (math.nan, {"deep": 1}, "nothing known", [[]])]
        if option.kind in ("integer", "real"):
            found += [(name, option.low - 1), (name, option.high + 1), (name, 10**30), (name, True)]
        if option.kind == "subset":
            found += [(name, []), (name, [option.choices[0]] * 2), (name, [*option.choices, "magic"]), (name, 3)]
    return found


@ALL
def test_wrong_options_are_named_with_their_place(kind: str) -> None:
    for name, value in wrong(kind):
        with pytest.raises(Invalid) as caught:
            parse_space({"kind": kind, name: value}, "/space")
        assert any(problem.path.startswith(f"/space/{name}") for problem in caught.value.problems)
        assert all(problem.reason for problem in caught.value.problems)


@ALL
@pytest.mark.parametrize("genotype", [None, 3, "x", [], [1], {}, {"surprise": 1}, {"normal": math.nan}, {"a": {"b": {}}}])
def test_what_is_no_genotype_is_refused(kind: str, genotype: Any) -> None:
    with pytest.raises(Invalid):
        space_of(kind).parse(genotype, "/genotype")


@ALL
def test_a_genotype_with_one_wrong_value_is_refused_at_its_place(kind: str) -> None:
    space = space_of(kind)
    document = json.loads(json.dumps(dict(drawn(kind)[0].genotype)))
    for key in document:
        for value in (None, math.nan, {"x": 1}, "no such thing", -10**9, 10**9):
            with pytest.raises(Invalid) as caught:
                space.parse({**document, key: value}, "/genotype")
            assert caught.value.problems[0].path.startswith("/genotype")
