"""Slices: a slice is a network that stands alone with the sliced weights, and what it does not use does not move."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.architecture.architecture import Architecture
from engine.nets.build import build
from engine.nets.sliced import Slice, Sliced, SlicedConv, centre
from engine.nets.slices import windows
from engine.nets.statistics import calibrate, recalibrated
from engine.spaces.slimmable import Slimmable
from engine.training.held import holding
from engine.training.sharing import Chosen

torch.set_num_threads(1)
SPACE = Slimmable(channels=8, stages=2, kernels=(3, 5, 7), depths=(1, 2), expansions=(1, 2, 4))       # the second is gated
SHAPE, CLASSES = (1, 8, 8), 5
MEMBERS = [SPACE.sample(Random(seed)).architecture for seed in range(6)] + [SPACE.smallest, SPACE.largest]


def graph(architecture: Architecture, space: Slimmable = SPACE) -> Any:
    return space.network(architecture, SHAPE, CLASSES).live()


def made(seed: int = 0, shaken: bool = True) -> Sliced:
    """In double precision; `shaken`: kernel matrices and norms that are not what they begin with."""
    torch.manual_seed(seed)
    sizes = windows(graph(SPACE.uniform(k, 2, 4)) for k in SPACE.kernels)
    net = Sliced(graph(SPACE.largest), SHAPE, sizes).double()
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if shaken and ("matrices" in name or "_norm" in name or name.endswith("bias")):
                weight.add_(0.3 * torch.randn_like(weight))
    return net


def images(count: int = 6) -> Tensor:
    return torch.randn(count, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def alone(net: Sliced, architecture: Architecture) -> nn.Module:
    network = build(SPACE.network(architecture, SHAPE, CLASSES), SHAPE).double()
    given = net.extracted(graph(architecture))
    assert set(given) == {name for name, _ in network.named_parameters()}
    network.load_state_dict(given, strict=False)
    return network


@pytest.mark.parametrize("number", range(len(MEMBERS)))
def test_a_slice_is_the_network_that_stands_alone_with_sliced_and_transformed_weights(number: int) -> None:
    net, x, member = made(), images(), MEMBERS[number]
    network = alone(net, member).train()
    assert torch.allclose(net(x, Slice(graph(member))), network(x), rtol=0, atol=1e-10)


def test_with_statistics_of_its_own_it_is_the_calibrated_network_in_evaluation() -> None:
    net, batches = made(), [images(8), 2 * images(7)]
    for member in MEMBERS[:3]:
        network, chosen = alone(net, member), Chosen(net, Slice(graph(member)))
        calibrate(network, batches)
        with recalibrated(chosen, batches):
            chosen.eval()
            assert torch.allclose(chosen(images(3)), network.eval()(images(3)), rtol=0, atol=1e-10)
        assert not list(net.buffers())


def test_the_largest_path_is_the_full_network_from_its_first_weights_on() -> None:
    """Drawn alike, though a slice could have smaller kernels."""
    net = made(shaken=False)
    torch.manual_seed(0)
    full = build(SPACE.network(SPACE.largest, SHAPE, CLASSES), SHAPE).double().train()
    ours, theirs = dict(net.named_parameters()), dict(full.named_parameters())
    assert all(torch.equal(ours[name], weight) for name, weight in theirs.items())
    assert all(name in theirs or "matrices" in name for name in ours)
    assert torch.equal(net(images(), Slice(graph(SPACE.largest))), full(images()))


def test_in_the_beginning_a_smaller_kernel_is_the_centre_of_the_larger() -> None:
    for module in made(shaken=False).modules():
        if isinstance(module, SlicedConv):
            for kernel in module.sizes:
                assert torch.equal(module.cut(*module.weight.shape[:2], kernel), centre(module.weight, kernel))
    small = torch.arange(49.0).view(1, 1, 7, 7)
    assert centre(small, 3).flatten().tolist() == [16, 17, 18, 23, 24, 25, 30, 31, 32]


def test_kernels_are_transformed_one_window_after_another() -> None:
    """7 to 5 by a matrix of 25 × 25, and the centre of that to 3 by one of 9 × 9."""
    conv = made().get_submodule("stage_1_block_1_depthwise")
    assert isinstance(conv, SlicedConv) and conv.sizes == (7, 5, 3)
    assert {name: tuple(matrix.shape) for name, matrix in conv.matrices.items()} == {"7_5": (25, 25), "5_3": (9, 9)}
    five = (centre(conv.weight, 5).reshape(-1, 25) @ conv.matrices["7_5"].T).view(-1, 1, 5, 5)
    three = (centre(five, 3).reshape(-1, 9) @ conv.matrices["5_3"].T).view(-1, 1, 3, 3)
    channels = len(conv.weight)
    assert torch.equal(conv.cut(channels, 1, 5), five) and torch.equal(conv.cut(channels, 1, 3), three)
    assert torch.equal(conv.cut(channels, 1, 7), conv.weight) and torch.equal(conv.cut(4, 1, 3), three[:4])


def test_depth_keeps_the_first_blocks() -> None:
    net, seen = made(), []
    for name, module in net.named_children():
        module.register_forward_hook(lambda module, given, found, name=name: seen.append(name))
    net(images(), Slice(graph(SPACE.uniform(5, 1, 2))))
    assert any(name.startswith("stage_1_block_1") for name in seen) and "classifier" in seen
    assert not any("block_2" in name for name in seen)


def gradients(net: Sliced, *members: Architecture) -> dict[nn.Parameter, Tensor]:
    net.zero_grad(set_to_none=True)
    for member in members:
        net(images(), Slice(graph(member))).pow(2).sum().backward()             # type: ignore[no-untyped-call]
    return {weight: weight.grad for weight in net.parameters() if weight.grad is not None}


@pytest.mark.parametrize("members", [MEMBERS[:1], MEMBERS[1:2], MEMBERS[2:5], [SPACE.smallest], [SPACE.largest]], ids=len)
def test_outside_of_a_slice_the_gradient_is_zero_and_inside_it_is_what_was_said(members: list[Architecture]) -> None:
    net = made()
    found = gradients(net, *members)
    parts = net.parts([Slice(graph(member)) for member in members])
    assert parts or members == [SPACE.largest]
    names = {weight: name for name, weight in net.named_parameters()}
    for weight, grad in found.items():
        mask = parts.get(weight, torch.ones_like(weight, dtype=torch.bool))
        assert (grad[~mask] == 0).all(), names[weight]
        if "depthwise.weight" in names[weight] or "matrices" in names[weight]:      # ReLUs and borders may hide some
            assert (grad[mask] != 0).float().mean() > 0.3, names[weight]
    assert set(parts) <= set(found) and all(0 < mask.sum() < mask.numel() for mask in parts.values())


def test_a_step_leaves_all_that_is_outside_as_it_was_bit_for_bit() -> None:
    """Momentum and weight decay included; and inside it is the step of the network that stands alone."""
    net = made(shaken=False)
    optimizer = torch.optim.SGD(net.parameters(), 0.1, 0.9, weight_decay=0.1, nesterov=True)
    gradients(net, SPACE.largest)
    optimizer.step()
    member = SPACE.uniform(7, 1, 2)
    network = alone(net, member).train()
    before = {name: weight.detach().clone() for name, weight in net.named_parameters()}
    memory = {name: optimizer.state[weight]["momentum_buffer"].clone() for name, weight in net.named_parameters()
              if weight in optimizer.state}
    for weight in net.parameters():                     # as if only now it began to learn
        optimizer.state.get(weight, {}).pop("momentum_buffer", None)
    choice, theirs = Slice(graph(member)), torch.optim.SGD(network.parameters(), 0.1, 0.9, weight_decay=0.1, nesterov=True)
    gradients(net, member)
    with holding(optimizer, net.parts([choice])):
        optimizer.step()
    network(images()).pow(2).sum().backward()
    theirs.step()
    after = dict(network.named_parameters())
    assert all(torch.allclose(value, after[name], rtol=0, atol=1e-12) for name, value in net.extracted(choice.graph).items())
    parts, moved = net.parts([choice]), 0
    for name, weight in net.named_parameters():
        mask = parts.get(weight, torch.full_like(weight, weight.grad is not None, dtype=torch.bool))
        assert torch.equal(weight[~mask], before[name][~mask])
        moved += int((weight[mask] != before[name][mask]).sum())
    assert moved > 1000 and memory


def test_another_networks_weights_take_the_place_of_its_own_and_stay_without_gradient() -> None:
    net, other, x = made(0), made(1), images()
    weights = {name: weight.detach() for name, weight in other.named_parameters()}
    member = MEMBERS[0]
    found = net(x, Slice(graph(member), weights))
    assert torch.equal(found, other(x, Slice(graph(member)))) and not torch.equal(found, net(x, Slice(graph(member))))
    assert not found.requires_grad


def test_norms_and_biases_are_not_decayed() -> None:
    net = made()
    free = {id(weight) for weight in net.undecayed}
    names = {name for name, weight in net.named_parameters() if id(weight) in free}
    assert "stage_1_block_1_norm.weight" in names and "stage_2_block_1_squeeze.bias" in names and "classifier.bias" in names
    assert not any("depthwise.weight" in name or "matrices" in name or "conv" in name for name in names)
