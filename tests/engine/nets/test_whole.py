"""The whole fabric as a supernet: every edge learns, one path of it is the extracted network, norms are norms."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.nets.build import build
from engine.nets.supernet import Choice, Supernet
from engine.nets.whole import Whole, fabric_start, norms
from engine.phases import Site
from engine.spaces.fabric import TABLE, Fabric
from engine.strategies.fabric import Options

torch.set_num_threads(1)
SHAPE = (1, 8, 8)
ANY: Any = None                                 # a step that is not looked at


def space_of(members: str = "paths", sparse: bool = False) -> Fabric:
    return Fabric(layers=3, scales=3, channels=4, sparse=sparse, members=members)


def made(space: Fabric) -> Supernet:
    torch.manual_seed(0)
    return Supernet(space.supernet(SHAPE, 5), SHAPE).double()


def images(count: int = 6) -> Tensor:
    return torch.randn(count, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def whole_of(space: Fabric, **more: Any) -> Whole:
    torch.manual_seed(0)
    site = Site(space, Options(**more), SHAPE, 5, 0)
    return Whole(site, lambda strengths: space.strongest(strengths, 1)[0], fabric_start)


@pytest.mark.parametrize("members", ["paths", "subgraphs"])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_member_is_the_extracted_network_with_copied_weights(members: str, sparse: bool) -> None:
    space = space_of(members, sparse)
    net, x = made(space), images()
    known = net.state_dict()
    for seed in range(4):
        architecture = space.sample(Random(seed)).architecture
        alone = build(space.network(architecture, SHAPE, 5), SHAPE).double().train()
        assert set(dict(alone.named_parameters())) <= set(known)
        alone.load_state_dict({name: known.get(name, value) for name, value in alone.state_dict().items()})
        assert torch.allclose(net(x, Choice(space.path(architecture))), alone(x), rtol=0, atol=1e-10)


@pytest.mark.parametrize("sparse", [False, True])
def test_the_pruned_fabric_with_inherited_weights_gives_what_it_gives_inside_the_fabric(sparse: bool) -> None:
    """Before any fine-tuning: same outputs, and a network that has nothing but what it uses."""
    space = space_of("subgraphs", sparse)
    whole = whole_of(space)
    net, x = whole.supernet.double(), images()
    pruned = space.pruned(norms(net), 0.6)
    for architecture in (pruned, *space.strongest(norms(net), 2)):
        alone = build(space.network(architecture, SHAPE, 5), SHAPE).double().train()
        given = whole.inherited(architecture)
        assert set(given) == {name for name, _ in alone.named_parameters()}
        alone.load_state_dict(given, strict=False)
        assert torch.allclose(alone(x), net(x, whole.choice(architecture)), rtol=0, atol=1e-10)
        with torch.no_grad():
            next(alone.parameters()).zero_()                # a copy: the fabric stays as it is
        assert not torch.allclose(alone(x), net(x, whole.choice(architecture)), rtol=0, atol=1e-3)
    assert len(space.edges(pruned)) < len(space.trellis.edges)


def test_masking_all_edges_off_a_path_is_the_sequential_network() -> None:
    """In the whole fabric, by kernels of zero: the places off the path are constant, and nobody hears them."""
    space = space_of()
    net, x = made(space), images()
    architecture = space.sample(Random(3)).architecture
    expected = net(x, Choice(space.path(architecture)))
    kept = set(space.edges(architecture))
    with torch.no_grad():
        for (a, b), (c, d) in space.trellis.edges:
            if ((a, b), (c, d)) not in kept:
                net.get_submodule(f"edge_{a}_{b}_{c}_{d}").weight.zero_()   # type: ignore[operator, union-attr]
    assert torch.allclose(net(x, Choice(net.relaxed.everything)), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("sparse", [False, True])
def test_every_edge_of_the_whole_fabric_gets_a_gradient(sparse: bool) -> None:
    whole = whole_of(space_of(sparse=sparse))
    net = whole.supernet.double()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.bias.fill_(1.0)                  # ReLUs that are open
    [draw] = whole.draw(ANY)
    net(images(), draw.choice).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_one_batch_norm_and_relu_a_place_and_none_on_an_edge() -> None:
    net = made(space_of())
    kinds = [type(module) for module in net.modules()]
    assert kinds.count(nn.BatchNorm2d) == kinds.count(nn.ReLU) == 9
    assert kinds.count(nn.Conv2d) == len(space_of().trellis.edges) + 1


def test_the_strength_of_an_edge_is_the_l1_norm_of_its_kernel() -> None:
    for sparse in (False, True):
        space = space_of(sparse=sparse)
        net = made(space)
        found = norms(net)[TABLE]
        for (none, strength), ((a, b), (c, d)) in zip(found, space.trellis.edges, strict=True):
            kernel = net.get_submodule(f"edge_{a}_{b}_{c}_{d}")
            assert none == 0.0 and strength == pytest.approx(sum(p.abs().sum().item() for p in kernel.parameters()))


def test_the_fabric_begins_as_its_authors_say() -> None:
    dense, sparse = whole_of(space_of()).supernet, whole_of(space_of(sparse=True)).supernet
    kernels = torch.cat([m.weight.flatten() for m in dense.modules() if isinstance(m, nn.Conv2d)])
    assert kernels.std().item() == pytest.approx(0.01, rel=0.1)
    banded = torch.cat([p.flatten() for name, p in sparse.named_parameters() if name.startswith("edge_")])
    assert banded.abs().max() <= 1 / 3 and banded.var().item() == pytest.approx(1 / 27, rel=0.1)
    assert all((m.bias == 1e-3).all() for net in (dense, sparse) for m in net.modules() if isinstance(m, nn.BatchNorm2d))


def test_a_report_has_strengths_and_what_they_stand_for_and_learns_nothing() -> None:
    space = space_of()
    whole = whole_of(space)
    report = whole.report(ANY)
    assert report["strengths"] == norms(whole.supernet) and whole.report(ANY) == report
    assert report["derived"] == space.strongest(report["strengths"], 1)[0].document()
    assert whole.closing == 0 and whole.state_dict() == {}
    architecture = space.sample(Random(0)).architecture
    assert whole.choice(architecture) == Choice(space.path(architecture))
