"""Statistics measured anew: the mean over batches, for one choice, and nothing stays."""

from __future__ import annotations

from random import Random

import pytest
import torch
from torch import nn

from engine.nets.statistics import calibrate, recalibrated
from engine.nets.supernet import Choice, Supernet, forget_statistics
from engine.spec import parse_space
from engine.training.sharing import Chosen

torch.set_num_threads(1)
SPACE = parse_space({"kind": "nas_bench_201", "preset": "table"})[1]
SHAPE = (1, 8, 8)


def test_inside_a_batch_norm_normalises_by_the_mean_of_the_batches() -> None:
    norm = nn.BatchNorm2d(2, affine=False)
    forget_statistics(norm)
    batches = [torch.randn(8, 2, 3, 3) * scale + scale for scale in (1.0, 3.0)]
    mean = torch.stack([b.mean((0, 2, 3)) for b in batches]).mean(0)
    variance = torch.stack([b.var((0, 2, 3), correction=1) for b in batches]).mean(0)
    network = nn.Sequential(nn.Conv2d(2, 2, 1), norm)
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(2)[:, :, None, None])
        network[0].bias.zero_()
    x = torch.randn(1, 2, 3, 3)
    with recalibrated(network, batches):
        found = network.eval()(x)
    expected = (x - mean[:, None, None]) / (variance[:, None, None] + norm.eps).sqrt()
    assert torch.allclose(found, expected, atol=1e-6)


def test_a_network_of_its_own_keeps_the_mean_of_the_batches_and_moves_on_from_there() -> None:
    norm = nn.BatchNorm2d(2)
    batches = [torch.randn(8, 2, 3, 3) * scale + scale for scale in (1.0, 3.0)]
    norm.train()(torch.full((2, 2, 1, 1), 9.0) + torch.randn(2, 2, 1, 1))         # what it has seen before does not count
    calibrate(nn.Sequential(norm), batches)
    mean = torch.stack([b.mean((0, 2, 3)) for b in batches]).mean(0)
    variance = torch.stack([b.var((0, 2, 3), correction=1) for b in batches]).mean(0)
    assert norm.running_mean is not None and torch.allclose(norm.running_mean, mean, atol=1e-6)
    assert norm.running_var is not None and torch.allclose(norm.running_var, variance, atol=1e-5)
    assert norm.momentum == 0.1
    norm(batches[0])
    assert torch.allclose(norm.running_mean, 0.9 * mean + 0.1 * batches[0].mean((0, 2, 3)), atol=1e-6)


def test_afterwards_it_keeps_none_even_if_something_went_wrong() -> None:
    torch.manual_seed(0)
    net = Supernet(SPACE.supernet(SHAPE, 10), SHAPE)
    choice = Choice(SPACE.path(SPACE.sample(Random(1)).architecture))
    x, before = torch.randn(4, *SHAPE), {name: value.clone() for name, value in net.state_dict().items()}
    plain = net(x, choice)
    with pytest.raises(RuntimeError, match="made up"), recalibrated(Chosen(net, choice), [x]):
        raise RuntimeError("made up")
    assert not list(net.buffers()) and torch.equal(net(x, choice), plain)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_one_example_alone_has_a_score_of_its_own() -> None:
    """With the statistics of the batch the same example is scored by its company."""
    torch.manual_seed(0)
    net = Supernet(SPACE.supernet(SHAPE, 10), SHAPE)
    network = Chosen(net, Choice(SPACE.path(SPACE.sample(Random(1)).architecture)))
    x = torch.randn(6, *SHAPE)
    assert not torch.allclose(network(x)[:2], network(x[:2]), atol=1e-4)
    with recalibrated(network, [x, x.flip(0)]):
        network.eval()
        assert torch.allclose(network(x)[:2], network(x[:2]), atol=1e-5)
