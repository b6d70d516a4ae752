"""Recurrent cells: both forms counted exactly, genotypes of DARTS read, equal cells computing the same."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.cost import measure
from engine.errors import Invalid
from engine.nets.build import build
from engine.spaces.recurrent_cell import ACTIVATIONS, RecurrentCell, darts
from engine.spec import parse_space

torch.set_num_threads(1)
DARTS_V1 = {"recurrent": [["relu", 0], ["relu", 1], ["tanh", 2], ["relu", 3], ["relu", 4], ["identity", 1], ["relu", 5],
                          ["relu", 1]], "concat": [1, 2, 3, 4, 5, 6, 7, 8]}
DARTS_V2 = {"recurrent": [["sigmoid", 0], ["relu", 1], ["relu", 1], ["identity", 1], ["tanh", 2], ["sigmoid", 5],
                          ["tanh", 3], ["relu", 5]], "concat": [1, 2, 3, 4, 5, 6, 7, 8]}
SPACES = {"darts": RecurrentCell(nodes=5, embedding=6, hidden=6),
          "enas": RecurrentCell("enas", nodes=6, embedding=6, hidden=6),
          "untied": RecurrentCell(nodes=2, embedding=5, hidden=7, tied=False, layers=2),
          "dropped": RecurrentCell("enas", nodes=3, embedding=6, hidden=6, dropout_embedding=0.1, dropout_input=0.2,
                                   dropout_hidden=0.3, dropout_output=0.4)}
NAMED = pytest.mark.parametrize("name", SPACES)


def test_sizes_are_those_of_the_papers() -> None:
    enas, paper = (parse_space({"kind": "recurrent_cell", "preset": preset})[1] for preset in ("enas", "paper"))
    assert enas.size() == 669_692_775_628_800 == 4**12 * math.factorial(11)
    assert paper.size() == 2_642_411_520 == 4**8 * math.factorial(8)


@pytest.mark.parametrize(("form", "nodes", "size"), [("darts", 3, 8 * 6), ("enas", 4, 16 * 6), ("enas", 1, 2),
                                                    ("darts", 1, 2)])
def test_counting_by_hand_gives_the_same_size(form: str, nodes: int, size: int) -> None:
    space = RecurrentCell(form, nodes, ("tanh", "relu"))
    every = {space.architecture(config).encoding_id for config in genotype.completions(space.parameters())}
    assert len(every) == size == space.size()


def test_cells_of_one_class_are_counted_once() -> None:
    """Three nodes of one activation: chains, forks and combs; what differs in names alone is the same."""
    space = RecurrentCell(nodes=3, activations=("tanh",))
    found = {space.canonical(space.architecture(config)) for config in genotype.completions(space.parameters())}
    assert space.size() == 6 and len(found) == 4, "rooted trees with three nodes below the root"


@NAMED
@given(seed=st.integers(0, 2**32))
def test_every_draw_is_data_and_comes_back(name: str, seed: int) -> None:
    space = SPACES[name]
    architecture = space.sample(Random(seed)).architecture
    assert space.parse(dict(architecture.genotype)) == architecture and space.contains(architecture)
    assert space.from_vector(space.vector(architecture)) == architecture
    first, found = space.found(architecture)
    assert first in ACTIVATIONS and all(0 <= source < i for i, (_, source) in enumerate(found, 1))


@pytest.mark.parametrize("published", [DARTS_V1, DARTS_V2])
def test_published_genotypes_are_members(published: dict[str, Any]) -> None:
    space = parse_space({"kind": "recurrent_cell", "preset": "paper"})[1]
    assert space.parse(published).genotype == published
    found, architecture = darts(published)
    assert found.nodes == 8 and architecture.genotype == published


def test_the_evaluation_network_of_darts_has_23_million_parameters() -> None:
    space = parse_space({"kind": "recurrent_cell", "preset": "paper"})[1]
    cost = measure(space.network(space.parse(DARTS_V2), (35,), 10_000), (35,))
    cell = 2 * 850 * (2 * 850 + 8 * 850)
    assert cost.parameters == 10_000 * 850 + cell + 10_000 == 22_960_000
    assert cost.macs == 35 * (cell + 850 * 10_000)


@pytest.mark.parametrize(("document", "path"), [
    ({**DARTS_V1, "extra": 1}, ""), ({"recurrent": DARTS_V1["recurrent"]}, ""),
    ({**DARTS_V1, "concat": [1, 2, 3]}, "/concat"), ({**DARTS_V1, "concat": "all"}, "/concat"),
    ({**DARTS_V1, "recurrent": DARTS_V1["recurrent"][:7]}, "/recurrent"), ({**DARTS_V1, "recurrent": {}}, "/recurrent"),
    ({**DARTS_V1, "recurrent": [["relu", 1], *DARTS_V1["recurrent"][1:]]}, "/recurrent/0/1"),
    ({**DARTS_V1, "recurrent": [["none", 0], *DARTS_V1["recurrent"][1:]]}, "/recurrent/0/0"),
    ({**DARTS_V1, "recurrent": [*DARTS_V1["recurrent"][:7], ["relu", 8]]}, "/recurrent/7/1"),
    ({**DARTS_V1, "recurrent": [*DARTS_V1["recurrent"][:7], ["relu", True]]}, "/recurrent/7/1"),
    ({**DARTS_V1, "recurrent": [*DARTS_V1["recurrent"][:7], ["relu"]]}, "/recurrent/7"),
    ({**DARTS_V1, "recurrent": [*DARTS_V1["recurrent"][:7], [[], {}]]}, "/recurrent/7/0"), (None, ""), ([], "")])
def test_faults_of_a_genotype_are_pointed_at(document: Any, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        RecurrentCell().parse(document, "/genotype")
    assert caught.value.problems[0].path == "/genotype" + path


def test_the_first_node_of_enas_has_a_place_of_its_own() -> None:
    space = SPACES["dropped"]
    assert space.parse({"first": "relu", "recurrent": [["tanh", 0], ["sigmoid", 0]]})
    for bad in ({"first": "none", "recurrent": [["tanh", 0], ["sigmoid", 0]]}, {"recurrent": [["tanh", 0], ["sigmoid", 0]]}):
        with pytest.raises(Invalid):
            space.parse(bad)


@pytest.mark.parametrize("given", [{}, {"recurrent": []}, {"recurrent": [["tanh", 0]] * 33}, {"recurrent": "x"}, 3])
def test_what_is_no_genotype_of_darts_is_refused(given: Any) -> None:
    with pytest.raises(Invalid, match="list of nodes"):
        darts(given)


@pytest.mark.parametrize(("options", "path"), [
    ({"embedding": 5, "hidden": 6}, "/embedding"), ({"dropout_hidden": 1.0}, "/dropout_hidden"), ({"nodes": 500}, "/nodes"),
    ({"activations": []}, "/activations"), ({"activations": ["none"]}, "/activations"), ({"form": "lstm"}, "/form")])
def test_faults_of_the_options_are_pointed_at(options: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_space({"kind": "recurrent_cell", **options})
    assert caught.value.problems[0].path == path


def test_the_mean_is_of_leaves_or_of_all() -> None:
    genes = [["tanh", 0], ["tanh", 0], ["tanh", 2]]
    enas = RecurrentCell("enas", nodes=4).parse({"first": "relu", "recurrent": genes})
    assert RecurrentCell("enas", nodes=4).cell(enas)["output"].inputs == ("node_1", "node_3")
    every = RecurrentCell(nodes=3).parse({"recurrent": genes, "concat": [1, 2, 3]})
    assert RecurrentCell(nodes=3).cell(every)["output"].inputs == ("node_1", "node_2", "node_3")


def test_one_node_of_enas_is_its_own_leaf() -> None:
    space = RecurrentCell("enas", nodes=1)
    alone = space.parse({"first": "relu", "recurrent": []})
    assert space.cell(alone)["output"].inputs == ("node_0",)
    assert build(space.network(alone, (4,), 3), (4,))(torch.zeros(2, 4, dtype=torch.long)).shape == (2, 4, 3)


@NAMED
def test_networks_cost_what_the_formulas_say(name: str) -> None:
    space, codes = SPACES[name], torch.randint(11, (3, 9), generator=torch.Generator().manual_seed(0))
    for proposal in space.sample_many(Random(1), 20):
        graph = space.network(proposal.architecture, (9,), 11)
        model, cost = build(graph, (9,)), measure(graph, (9,))
        with FlopCounterMode(display=False) as counter:
            scores = model(codes)
        assert scores.shape == (3, 9, 11) and counter.get_total_flops() == 3 * cost.flops
        assert sum(p.numel() for p in model.parameters()) == cost.parameters
        scores.logsumexp(2).mean().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def reordered(space: RecurrentCell, architecture: Architecture, rng: Random) -> tuple[Architecture, list[int]]:
    """The same cell with its nodes in another order; also where each node went."""
    _, found = space.found(architecture)
    order, waiting = [0], list(range(1, len(found) + 1))
    while waiting:
        order.append(rng.choice([i for i in waiting if found[i - 1][1] in order]))
        waiting.remove(order[-1])
    pairs = [[found[i - 1][0], order.index(found[i - 1][1])] for i in order[1:]]
    return space.parse({**architecture.genotype, "recurrent": pairs}), order


@pytest.mark.parametrize("name", ["darts", "enas"])
def test_equal_cells_compute_the_same_after_moving_the_weights(name: str) -> None:
    space, rng, moved = SPACES[name], Random(5), 0
    codes = torch.randint(11, (2, 9), generator=torch.Generator().manual_seed(0))
    for _ in range(15):
        architecture = space.sample(rng).architecture
        twin, order = reordered(space, architecture, rng)
        assert space.canonical(twin) == space.canonical(architecture)
        one, other = (build(space.network(each, (9,), 11), (9,)).double().eval() for each in (architecture, twin))
        state = one.state_dict()
        for place, came in enumerate(order[1:]):
            state[f"cell_1.weights.{place}.weight"] = one.state_dict()[f"cell_1.weights.{came - 1}.weight"]
        other.load_state_dict(state)
        assert torch.allclose(one(codes), other(codes), rtol=0, atol=1e-10)
        moved += twin != architecture
    assert moved > 3


def test_other_activations_and_other_sources_compute_something_else() -> None:
    space, codes = SPACES["darts"], torch.arange(9)[None]
    architecture = space.sample(Random(2)).architecture
    for near in space.neighbours(architecture):
        one, other = (build(space.network(each, (9,), 11), (9,)) for each in (architecture, near))
        other.load_state_dict(one.state_dict())
        assert not torch.allclose(one(codes), other(codes), atol=1e-7)


def test_other_data_than_text_is_refused() -> None:
    with pytest.raises(Invalid, match="shape of a text"):
        SPACES["darts"].network(SPACES["darts"].sample(Random(0)).architecture, (1, 8, 8), 10)


@pytest.mark.parametrize("nodes", [1, 3, 8])
def test_node_i_owns_a_row_for_each_earlier_node(nodes: int) -> None:
    table = RecurrentCell(nodes=nodes).supernet((5,), 9).tables["cell"]
    assert len(table.edges) == nodes * (nodes + 1) // 2 and table.ops == ("none", *ACTIVATIONS)
    assert table.edges[:3] == ("0 to 1", "0 to 2", "1 to 2")[:len(table.edges)]
    first = RecurrentCell("enas", nodes=nodes).supernet((5,), 9).tables["first"]
    assert first.edges == ("read to 0",) and first.ops == ACTIVATIONS


def test_each_node_keeps_one_predecessor_and_never_none() -> None:
    space = RecurrentCell(nodes=2)
    rows = [[9.0, 0.1, 0.2, 0.0, 0.0], [9.0, 0.3, 0.0, 0.5, 0.0], [0.0, 0.1, 0.4, 0.2, 0.3]]
    derived = space.derived({"cell": rows})
    assert derived.genotype["recurrent"] == [["relu", 0], ["sigmoid", 0]]
    rows[2][4] = 0.6
    derived = space.derived({"cell": rows})
    assert derived.genotype["recurrent"] == [["relu", 0], ["identity", 1]]
    assert space.skips(derived) == 0, "an identity is a node like others: no collapse is known of it"


def test_the_first_node_of_enas_is_derived_as_well() -> None:
    space = RecurrentCell("enas", nodes=2)
    derived = space.derived({"cell": [[0.5, 0.1, 0.2, 0.0, 0.0]], "first": [[0.1, 0.2, 0.3, 0.4]]})
    assert derived.genotype == {"first": "identity", "recurrent": [["relu", 0]]}


@NAMED
def test_inputs_point_at_results_that_the_controller_has_decided(name: str) -> None:
    """Node 0 of the form darts is fixed: it comes from outside (0). All others are results with numbers from 1."""
    space, known = SPACES[name], {0} if SPACES[name].form == "darts" else set()
    for parameter in space.parameters():
        assert set(parameter.points) <= known and (not parameter.points or len(parameter.points) == len(parameter.choices))
        if parameter.name == "first" or parameter.points:
            known.add(parameter.result)
    assert known == set(range(0 if space.form == "darts" else 1, space.nodes + 1))


def test_presets_of_enas_have_no_batch_norm() -> None:
    """Its paths need none; mixtures of DARTS do."""
    for preset, norm in (("search", True), ("cpu", True), ("enas", False), ("enas_cpu", False)):
        graph = parse_space({"kind": "recurrent_cell", "preset": preset})[1].supernet((5,), 9).graph
        [cell] = [node for node in graph if node.op == "recurrent_mixture"]
        assert cell.settings["norm"] == norm
