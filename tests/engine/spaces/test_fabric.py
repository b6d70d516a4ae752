"""The fabric space: paths and sets of edges, the published figures, and that a path is the fabric with all else masked."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import torch

from engine.architecture.architecture import Architecture
from engine.architecture.cost import measure
from engine.architecture.graph import Shape
from engine.errors import Invalid
from engine.nets.build import Network, build
from engine.spaces.fabric import Fabric
from engine.spec import parse_space

torch.set_num_threads(1)
SHAPE: Shape = (1, 8, 8)
PATHS = Fabric(layers=4, scales=3, channels=8)
WHOLE = Fabric(layers=4, scales=3, channels=8, members="subgraphs")


def written(edges: tuple[Any, ...]) -> Architecture:
    return WHOLE.parse({"edges": [f"{a}.{b}>{c}.{d}" for (a, b), (c, d) in edges]})


def every_edge(space: Fabric) -> Architecture:
    return space.architecture({p.name: True for p in space.parameters()})


def built(space: Fabric, architecture: Architecture, shape: Shape = SHAPE) -> Network:
    torch.manual_seed(0)
    return build(space.network(architecture, shape, 5), shape)


def test_sizes() -> None:
    assert (PATHS.size(), Fabric(layers=8, scales=6).size(), Fabric(layers=16, scales=6).size()) == (41, 7_442, 28_249_720)
    assert Fabric(layers=2, scales=2, members="subgraphs").size() == 47
    assert Fabric(layers=2, scales=1).size() == Fabric(layers=9, scales=1, members="subgraphs").size() == 1


@pytest.mark.parametrize(("layers", "edges"), [(8, 123), (9, 139)])
def test_the_whole_fabric_has_the_published_edges(layers: int, edges: int) -> None:
    space = Fabric(layers=layers, scales=6, channels=4, members="subgraphs")
    assert sum(n.op == "conv" for n in space.network(every_edge(space), (3, 32, 32), 10)) == edges


def test_the_dense_fabric_of_the_paper_has_the_published_weights() -> None:
    """21,233,664 counts three convolutions at each of the 8 × 6 places; the trellis has fewer at its borders."""
    assert 3 * 8 * 6 * 9 * 128**2 == 21_233_664
    _, space = parse_space({"kind": "fabric", "preset": "paper", "members": "subgraphs"})
    rows = measure(space.network(every_edge(space), (3, 32, 32), 10), (3, 32, 32)).rows
    weights = [row.parameters for row in rows if row.op == "conv"]
    assert weights == [9 * 3 * 128] + [9 * 128**2] * 122


def test_each_scale_halves_the_image_and_zeros_are_three_quarters_of_what_goes_up() -> None:
    space = Fabric(layers=3, scales=6, channels=2, members="subgraphs")
    graph = space.network(every_edge(space), (3, 32, 32), 10)
    rows = {row.name: row for row in measure(graph, (3, 32, 32)).rows}
    for layer in (1, 2, 3):
        assert [rows[f"place_{layer}_{s}"].shape for s in range(1, 7)] == [(2, 32 >> s, 32 >> s) for s in range(6)]
    model = built(space, every_edge(space), (3, 32, 32))
    raised = [module for name, module in model.named_children() if name.endswith("_zeros")]
    assert len(raised) == 10
    for module in raised:
        given = torch.ones(1, 2, module.height // 2, module.width // 2)
        assert module(given).eq(0).float().mean() == 0.75


def test_every_place_sums_then_normalises_once() -> None:
    graph = WHOLE.network(every_edge(WHOLE), SHAPE, 5)
    for op in ("batch_norm", "relu"):
        assert sum(node.op == op for node in graph) == 4 * 3
    assert len(graph["sum_2_2"].inputs) == 3 and len(graph["sum_4_2"].inputs) == 4 and len(graph["sum_4_3"].inputs) == 3


def randomised(model: Network) -> Network:
    """Norms that are no identity, as after training."""
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor))
    return model.eval()


@pytest.mark.parametrize("seed", range(5))
def test_a_path_equals_the_fabric_with_all_other_edges_masked(seed: int) -> None:
    path = PATHS.sample(Random(seed)).architecture
    whole = randomised(built(WHOLE, every_edge(WHOLE)))
    single = built(PATHS, path).eval()
    single.load_state_dict({name: whole.state_dict()[name] for name in single.state_dict()})
    kept = {"edge_{}_{}_{}_{}".format(*source, *target) for source, target in PATHS.edges(path)}
    with torch.no_grad():
        for name, module in whole.named_children():
            if name.startswith("edge_") and name not in kept and not name.endswith("_zeros"):
                module.weight.zero_()
        images = torch.randn(4, *SHAPE)
        assert torch.equal(whole(images), single(images))
        assert not torch.equal(single(images), single(images.flip(3)))


def test_a_path_is_the_set_of_its_edges() -> None:
    for seed in range(10):
        path = PATHS.sample(Random(seed)).architecture
        twin = written(PATHS.edges(path))
        assert PATHS.network(path, SHAPE, 5) == WHOLE.network(twin, SHAPE, 5)
        assert PATHS.canonical(path) == WHOLE.canonical(twin)


def test_edges_off_every_path_change_neither_identity_nor_network() -> None:
    edges = ["1.1>2.1", "2.1>3.1", "3.1>4.1", "4.1>4.2", "4.2>4.3"]
    bare, more = WHOLE.parse({"edges": edges}), WHOLE.parse({"edges": ["1.1>1.2", *edges, "2.2>3.2"]})
    assert bare.encoding_id != more.encoding_id and WHOLE.canonical(bare) == WHOLE.canonical(more)
    assert WHOLE.network(bare, SHAPE, 5) == WHOLE.network(more, SHAPE, 5)


def test_paths_of_one_sequence_of_layers_are_one_network() -> None:
    """Down and up along the first layer or between layers: other places, the same layers, and the same results."""
    one, other = PATHS.parse({"path": [1, 2, 1, 1]}), PATHS.parse({"path": [1, 1, 2, 1]})
    assert PATHS.canonical(one) != PATHS.canonical(other)
    one, other = PATHS.parse({"path": [1, 2, 1, 1]}), PATHS.parse({"path": [2, 1, 1, 2]})
    assert PATHS.canonical(one) == PATHS.canonical(other)
    first, second = randomised(built(PATHS, one)), built(PATHS, other).eval()
    names = zip(first.state_dict().values(), second.state_dict(), strict=True)
    second.load_state_dict({name: tensor for tensor, name in names})
    images = torch.randn(4, *SHAPE)
    assert torch.equal(first(images), second(images))


@pytest.mark.parametrize("sparse", [False, True])
def test_every_edge_of_the_whole_fabric_gets_a_gradient(sparse: bool) -> None:
    space = Fabric(layers=3, scales=4, channels=6, sparse=sparse, members="subgraphs")
    model = built(space, every_edge(space))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.bias.fill_(1.0)
    model(torch.rand(4, *SHAPE)).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_a_sparse_fabric_has_three_weights_a_channel() -> None:
    space = Fabric(layers=4, scales=3, channels=8, sparse=True)
    path = space.parse({"path": [1, 1, 1, 1]})
    rows = measure(space.network(path, SHAPE, 5), SHAPE).rows
    assert [row.parameters for row in rows if "conv" in row.op] == [9 * 8] + [9 * (3 * 8 - 2)] * 5


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (3, 7, 10), (1, 1, 1), (1, 28, 28)], ids=str)
@pytest.mark.parametrize("members", ["paths", "subgraphs"])
def test_every_image_size_fits(shape: Shape, members: str) -> None:
    space = Fabric(layers=4, scales=4, channels=4, members=members)
    for seed in range(20):
        cost = measure(space.network(space.sample(Random(seed)).architecture, shape, 3), shape)
        assert cost.rows[-1].shape == (3,)


@pytest.mark.parametrize("space", [PATHS, WHOLE, Fabric(layers=4, scales=3, channels=4, sparse=True, members="subgraphs")],
                         ids=["paths", "subgraphs", "sparse"])
def test_mutants_are_neighbours_and_all_learn(space: Fabric) -> None:
    rng = Random(4)
    for _ in range(20):
        parent = space.sample(rng).architecture
        child, near = space.mutate(parent, rng), list(space.neighbours(parent))
        assert child in near and parent not in near and len({a.encoding_id for a in near}) == len(near)
        assert all(space.contains(one) for one in near)
        built(space, child)(torch.rand(2, *SHAPE)).sum().backward()


@pytest.mark.parametrize("space", [PATHS, WHOLE], ids=["paths", "subgraphs"])
def test_samples_survive_writing_reading_and_vectors(space: Fabric) -> None:
    for proposal in space.sample_many(Random(5), 500):
        found = proposal.architecture
        assert space.parse(dict(found.genotype)) == found == space.from_vector(space.vector(found))


@pytest.mark.parametrize(("genotype", "place"), [
    ({}, ""), ({"path": [1, 1, 1, 1], "more": 1}, ""), ({"edges": []}, ""), ({"path": "1111"}, "/path"),
    ({"path": None}, "/path"),
    ({"path": [1, 1, 1, 3]}, "/path/3"), (5, "")], ids=str)
def test_what_is_no_path_is_refused(genotype: Any, place: str) -> None:
    with pytest.raises(Invalid) as caught:
        PATHS.parse(genotype, "/at")
    assert caught.value.problems[0].path == "/at" + place
    assert not PATHS.contains(Architecture("fabric", genotype if isinstance(genotype, dict) else {}))


def test_members_of_one_kind_are_not_those_of_the_other() -> None:
    assert not WHOLE.contains(PATHS.sample(Random(0)).architecture)
    assert not PATHS.contains(WHOLE.sample(Random(0)).architecture)
