"""1×1 kernels with a stride: the same numbers as torch's, and none of them is left to torch, whose gradient of the weights
is wrong, or the end of the process, where few channels arrive and channels are last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from engine.nets.build import build
from engine.nets.generated import Generated
from engine.nets.hypernetwork import Size
from engine.nets.ops import PointConv
from engine.nets.supernet import Choice, Supernet
from engine.phases import Site
from engine.registry import discover
from engine.spec import parse_space

torch.set_num_threads(1)
SHAPE = (1, 8, 8)
SHARED = [kind for kind, entry in discover("spaces").items()
          if "supernet" in entry.offers and "images" in entry.facts["data"]]


class Seen(TorchDispatchMode):
    """Kernel and stride of every convolution that torch is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[tuple[int, ...], tuple[int, ...]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.convolution.default:
            self.calls.append((tuple(args[1].shape[2:]), tuple(args[3])))
        return func(*args, **(kwargs or {}))


@contextmanager
def watched() -> Iterator[None]:
    with Seen() as seen:
        yield
    assert seen.calls
    assert [stride for kernel, stride in seen.calls if kernel == (1, 1) and stride != (1, 1)] == []


@pytest.mark.parametrize(("stride", "groups", "bias"), [(2, 1, False), ((2, 1), 1, True), (3, 2, False)])
def test_it_is_torchs_convolution(stride: Any, groups: int, bias: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 4, 7, 6, dtype=torch.float64, requires_grad=True)
    ours = PointConv(4, 6, 1, stride, groups=groups, bias=bias).double()
    theirs = nn.Conv2d(4, 6, 1, stride, groups=groups, bias=bias).double()
    theirs.load_state_dict(ours.state_dict())
    given = [*ours.parameters(), x], [*theirs.parameters(), x]
    results = [layer(x) for layer in (ours, theirs)]
    torch.testing.assert_close(*results, rtol=0, atol=1e-12)
    slopes = [torch.autograd.grad(y.sin().sum(), of) for y, of in zip(results, given, strict=True)]
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", SHARED)
def test_no_space_asks_torch_for_a_strided_point(kind: str) -> None:
    space = parse_space({"kind": kind, "preset": "cpu"})[1]
    x = torch.randn(2, *SHAPE)
    relaxed = space.supernet(SHAPE, 10)
    with watched():
        Supernet(relaxed, SHAPE)(x, Choice(relaxed.everything))
    with watched():
        build(space.network(space.sample(Random(0)).architecture, SHAPE, 10), SHAPE)(x)


def test_nor_do_generated_kernels() -> None:
    space = parse_space({"kind": "darts_cell", "preset": "cpu"})[1]
    torch.manual_seed(0)
    net = Generated(Site(space, None, SHAPE, 10, 0), Size(4, 4, 1, (2,), 4))
    with watched():
        net(torch.randn(2, *SHAPE), Choice(net.relaxed.everything))
