"""The operations of cells, shared by all spaces made of cells: what each one is in primitive layers, and its words.

Every operation takes an image with `arriving` channels to `channels` channels, divided by the stride and rounded up.
Convolutions are pre-activated: ReLU, convolution, batch norm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.architecture.layers import Layers, Side


@dataclass(frozen=True)
class Place:
    """Where an operation stands in a network. `affine`: whether batch norms learn a scale and a shift."""

    layers: Layers
    name: str
    source: str
    arriving: int
    channels: int
    stride: int = 1
    affine: bool = True


@dataclass(frozen=True)
class State:
    """A result in a network: its node, its channels, and how often it was halved."""

    name: str
    channels: int
    halvings: int


@dataclass(frozen=True)
class CellOp:
    words: str
    put: Callable[[Place], str]


def put_op(op: str, at: Place) -> str:
    """Writes the operation; the name of the node that holds its result (always `at.name`)."""
    return at.layers.once((op, at.channels, at.stride, at.affine), at.name, (at.source,), lambda: CELL_OPS[op].put(at))


def relu_conv_norm(at: Place, kernel: Side = 1, dilation: int = 1) -> str:
    layers = at.layers
    source = layers.put(f"{at.name}_relu", "relu", at.source)
    source = layers.conv(f"{at.name}_conv", source, at.channels, kernel, at.stride, dilation=dilation)
    return layers.norm(at.name, source, at.affine)


def factorised_reduction(at: Place) -> str:
    """Half the size without dropping three of four pixels: two strided 1×1 paths, one of them off by one pixel, joined."""
    layers, half = at.layers, at.channels // 2
    source = layers.put(f"{at.name}_relu", "relu", at.source)
    shifted = layers.put(f"{at.name}_shift", "shift", source)
    paths = [layers.conv(f"{at.name}_even", source, half, 1, 2),
             layers.conv(f"{at.name}_odd", shifted, at.channels - half, 1, 2)]
    return layers.norm(at.name, layers.put(f"{at.name}_join", "concat", *paths), at.affine)


def matched(at: Place) -> str:
    """What makes a cell input, or a loose end, as large and as deep as its cell wants it."""
    put = factorised_reduction if at.stride == 2 else relu_conv_norm
    return at.layers.once(("matched", at.channels, at.stride, at.affine), at.name, (at.source,), lambda: put(at))


def _separable(kernel: int, dilation: int = 1, times: int = 2) -> Callable[[Place], str]:
    """Depthwise then 1×1, as often as `times` says; only the first time has the stride."""

    def put(at: Place) -> str:
        layers, source, arriving, stride = at.layers, at.source, at.arriving, at.stride
        for k in range(1, times + 1):
            name = f"{at.name}_{k}"
            source = layers.put(f"{name}_relu", "relu", source)
            source = layers.conv(f"{name}_depthwise", source, arriving, kernel, stride, arriving, dilation)
            source = layers.conv(f"{name}_pointwise", source, at.channels, 1)
            source = layers.norm(at.name if k == times else f"{name}_norm", source, at.affine)
            arriving, stride = at.channels, 1
        return source

    return put


def _conv(kernel: Side, dilation: int = 1) -> Callable[[Place], str]:
    return lambda at: relu_conv_norm(at, kernel, dilation)


def _crossed(long: int) -> Callable[[Place], str]:
    """1×n then n×1, each with its own ReLU and batch norm."""

    def put(at: Place) -> str:
        layers, source = at.layers, at.source
        for name, kernel, stride in (("wide", (1, long), (1, at.stride)), ("high", (long, 1), (at.stride, 1))):
            source = layers.put(f"{at.name}_{name}_relu", "relu", source)
            source = layers.conv(f"{at.name}_{name}", source, at.channels, kernel, stride)
            source = layers.norm(at.name if name == "high" else f"{at.name}_{name}_norm", source, at.affine)
        return source

    return put


def _crossed_once(at: Place) -> str:
    """1×7 then 7×1 with one ReLU before both and one batch norm after both."""
    layers, source = at.layers, at.layers.put(f"{at.name}_relu", "relu", at.source)
    source = layers.conv(f"{at.name}_wide", source, at.channels, (1, 7), (1, at.stride))
    source = layers.conv(f"{at.name}_high", source, at.channels, (7, 1), (at.stride, 1))
    return layers.norm(at.name, source, at.affine)


def _pool(op: str, kernel: int) -> Callable[[Place], str]:
    """A pool; where the channels differ, a 1×1 convolution and batch norm follow."""

    def put(at: Place) -> str:
        if at.arriving == at.channels:
            return at.layers.pool(at.name, op, at.source, kernel, at.stride)
        source = at.layers.pool(f"{at.name}_pool", op, at.source, kernel, at.stride)
        return at.layers.norm(at.name, at.layers.conv(f"{at.name}_conv", source, at.channels, 1), at.affine)

    return put


def _identity(at: Place) -> str:
    """Plain, where it can be; else ReLU, a 1×1 convolution and batch norm."""
    if at.stride > 1 or at.arriving != at.channels:
        return relu_conv_norm(at)
    return at.layers.put(at.name, "identity", at.source)


def _skip(at: Place) -> str:
    """Plain, where it can be; else a factorised reduction."""
    return _identity(at) if at.stride == 1 else factorised_reduction(at)


def _none(at: Place) -> str:
    return at.layers.put(at.name, "zero", at.source, label="none", stride=at.stride)


def _squares(name: str, words: str, make: Callable[[int], Callable[[Place], str]], *kernels: int) -> dict[str, CellOp]:
    return {f"{name}_{k}x{k}": CellOp(f"{words} {k}×{k}", make(k)) for k in kernels}


CELL_OPS: Mapping[str, CellOp] = {
    "none": CellOp("none", _none),
    "identity": CellOp("identity", _identity),
    "skip_connect": CellOp("skip", _skip),
    **_squares("sep_conv", "separable conv", _separable, 3, 5, 7),                   # applied twice
    **_squares("dil_conv", "dilated separable conv", lambda k: _separable(k, 2, 1), 3, 5),
    **_squares("dilated_conv", "dilated conv", lambda k: _conv(k, 2), 3),            # all channels mixed, as `conv`
    **_squares("conv", "conv", _conv, 1, 3),
    "conv_1x3_3x1": CellOp("conv 1×3 then 3×1", _crossed(3)),
    "conv_1x7_7x1": CellOp("conv 1×7 then 7×1", _crossed(7)),
    "conv_7x1_1x7": CellOp("conv 1×7, 7×1", _crossed_once),
    **_squares("max_pool", "max pool", lambda k: _pool("max_pool", k), 3, 5, 7),
    **_squares("avg_pool", "average pool", lambda k: _pool("avg_pool", k), 3),
}
