"""The primitive layers of network graphs, each declared once: its shape and price, and the torch module that it becomes.

Cost, building and source export read this one table, so what is measured is what is built is what is downloaded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.architecture.graph import Node, Shape
from engine.errors import fail

Priced = tuple[Shape, int, int]                 # shape, parameters, multiply-adds


@dataclass(frozen=True)
class Call:
    """How a module is made: a class of `torch.nn`, or one of `engine.nets.ops`, and what it is given."""

    name: str
    arguments: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Primitive:
    """`price` and `call` take the node and the shapes of its inputs (without the batch)."""

    price: Callable[[Node, list[Shape]], Priced]
    call: Callable[[Node, list[Shape]], Call]


def _conv_price(node: Node, given: list[Shape]) -> Priced:
    s = node.settings
    channels, groups, kernel = s["channels"], s.get("groups", 1), pair(s["kernel"])
    arriving = _image(node, given[0])[0]
    if arriving % groups or channels % groups:
        raise impossible(node, f"cannot split {arriving} to {channels} channels into {groups} groups")
    size = _window(node, given[0])
    weights = channels * (arriving // groups) * math.prod(kernel)
    return (channels, *size), weights + (channels if s.get("bias", False) else 0), weights * math.prod(size)


def _conv(node: Node, given: list[Shape]) -> Call:
    s = node.settings
    (high, wide), dilation = pair(s["kernel"]), s.get("dilation", 1)
    padding = (dilation * (high - 1) // 2, dilation * (wide - 1) // 2)
    square = high == wide
    stride = pair(s.get("stride", 1))
    usual = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    named = {"stride": stride[0] if stride[0] == stride[1] else stride, "padding": padding[0] if square else padding,
             "dilation": dilation, "groups": s.get("groups", 1)}
    named = {key: value for key, value in named.items() if value != usual[key]}
    kernel = high if square else (high, wide)
    name = "PointConv" if kernel == 1 and "stride" in named else "Conv2d"
    return Call(name, (given[0][0], s["channels"], kernel), {**named, "bias": s.get("bias", False)})


def _pool_price(node: Node, given: list[Shape]) -> Priced:
    return (given[0][0], *_window(node, given[0])), 0, 0


def _pool(name: str, **more: Any) -> Callable[[Node, list[Shape]], Call]:
    def call(node: Node, given: list[Shape]) -> Call:
        kernel = node.settings["kernel"]
        window = {"stride": node.settings.get("stride", 1), "padding": (kernel - 1) // 2}
        return Call(name, (kernel,), {**window, **more})

    return call


def _channels_price(node: Node, given: list[Shape]) -> Priced:
    return (node.settings["channels"], *given[0][1:]), 0, 0


def _channels(node: Node, given: list[Shape]) -> Call:
    """Zeros around that are fewer than none: the other channels are cut off."""
    skipped, count = node.settings.get("skipped", 0), node.settings["channels"]
    return Call("ZeroPad3d", ((0, 0, 0, 0, -skipped, skipped + count - given[0][0]),))


def _batch_norm_price(node: Node, given: list[Shape]) -> Priced:
    return given[0], 2 * given[0][0] if node.settings.get("affine", True) else 0, 0


def _batch_norm(node: Node, given: list[Shape]) -> Call:
    return Call("BatchNorm2d", (given[0][0],), {} if node.settings.get("affine", True) else {"affine": False})


def _linear_price(node: Node, given: list[Shape]) -> Priced:
    if len(given[0]) != 1:
        raise impossible(node, "needs a flat input")
    units = node.settings["units"]
    weights = given[0][0] * units
    return (units,), weights + (units if node.settings.get("bias", True) else 0), weights


def _linear(node: Node, given: list[Shape]) -> Call:
    named = {} if node.settings.get("bias", True) else {"bias": False}
    return Call("Linear", (given[0][0], node.settings["units"]), named)


def _same(node: Node, given: list[Shape]) -> Priced:
    return given[0], 0, 0


def _flat(node: Node, given: list[Shape]) -> Priced:
    return (math.prod(given[0]),), 0, 0


def _global_avg_pool(node: Node, given: list[Shape]) -> Priced:
    return (_image(node, given[0])[0],), 0, 0


def _zero_price(node: Node, given: list[Shape]) -> Priced:
    stride = node.settings.get("stride", 1)
    channels, high, wide = _image(node, given[0])
    return (channels, math.ceil(high / stride), math.ceil(wide / stride)), 0, 0


def _banded_price(node: Node, given: list[Shape]) -> Priced:
    channels = _image(node, given[0])[0]
    if channels < 2:
        raise impossible(node, "has no neighbouring channels")
    size = _window(node, given[0])
    weights = math.prod(pair(node.settings["kernel"])) * (3 * channels - 2)
    return (channels, *size), weights, weights * math.prod(size)


def _banded(node: Node, given: list[Shape]) -> Call:
    return Call("BandedConv", (given[0][0], node.settings["kernel"], node.settings.get("stride", 1)))


def _zero_upsample_price(node: Node, given: list[Shape]) -> Priced:
    (channels, *small), large = _image(node, given[0]), pair(node.settings["size"])
    if [(side + 1) // 2 for side in large] != small:
        raise impossible(node, f"cannot interleave {words(given[0])} with zeros to {words(large)}")
    return (channels, *large), 0, 0


def _scale_price(node: Node, given: list[Shape]) -> Priced:
    if given[1] != _image(node, given[0])[:1]:
        raise impossible(node, f"scales {words(given[0])} by {words(given[1])}")
    return given[0], 0, 0


def _shift_price(node: Node, given: list[Shape]) -> Priced:
    return _image(node, given[0]), 0, 0


def _add(node: Node, given: list[Shape]) -> Priced:
    if len(set(given)) > 1:
        raise impossible(node, "adds different shapes: " + ", ".join(words(s) for s in given))
    return given[0], 0, 0


def _concat(node: Node, given: list[Shape]) -> Priced:
    if len({s[1:] for s in given}) > 1:
        raise impossible(node, "joins different sizes: " + ", ".join(words(s) for s in given))
    return (sum(s[0] for s in given), *given[0][1:]), 0, 0


def _pad_price(node: Node, given: list[Shape]) -> Priced:
    channels, *size = _image(node, given[0])
    target = pair(node.settings["size"])
    if target[0] < size[0] or target[1] < size[1]:
        raise impossible(node, f"{words(given[0])} does not fit into {words(target)}")
    return (channels, *target), 0, 0


def _pad(node: Node, given: list[Shape]) -> Call:
    """The image in the middle of zeros; an odd row or column is put below or right."""
    high, wide = (target - size for target, size in zip(pair(node.settings["size"]), given[0][1:], strict=True))
    return Call("ZeroPad2d", ((wide // 2, wide - wide // 2, high // 2, high - high // 2),))


def _embedding_price(node: Node, given: list[Shape]) -> Priced:
    if len(given[0]) != 1:
        raise impossible(node, f"needs characters in a row, got {words(given[0])}")
    return (given[0][0], node.settings["width"]), node.settings["entries"] * node.settings["width"], 0


def _embedding(node: Node, given: list[Shape]) -> Call:
    return Call("Embedding", (node.settings["entries"], node.settings["width"], node.settings.get("rate", 0.0)))


def _recurrent_price(node: Node, given: list[Shape]) -> Priced:
    (length, features), hidden = _sequence(node, given[0]), node.settings["hidden"]
    weights = 2 * hidden * (features + hidden * (1 + len(node.settings["nodes"])))
    return (length, hidden), weights, length * weights


def _recurrent(node: Node, given: list[Shape]) -> Call:
    s = node.settings
    nodes = [(activation, source) for activation, source in s["nodes"]]
    return Call("Recurrent", (given[0][1], s["hidden"], s["first"], nodes, list(s["heard"]), s.get("rate", 0.0)))


def _recurrent_mixture_price(node: Node, given: list[Shape]) -> Priced:
    """All of it at once, as a mixture computes it."""
    s = node.settings
    (length, features), hidden, nodes = _sequence(node, given[0]), s["hidden"], s["nodes"]
    pairs = nodes * (nodes + 1) // 2
    outer, matrix = 2 * hidden * (features + hidden), 2 * hidden * hidden
    return (length, hidden), outer + matrix * (pairs if s["apart"] else nodes), length * (outer + matrix * pairs)


def _recurrent_mixture(node: Node, given: list[Shape]) -> Call:
    s = node.settings
    named = {**{name: s[name] for name in ("first", "apart", "loose", "norm")}, "dropout": s.get("rate", 0.0)}
    return Call("RecurrentMixture", (given[0][1], s["hidden"], s["ops"], s["nodes"]), named)


def _decoder_price(node: Node, given: list[Shape]) -> Priced:
    (length, features), units = _sequence(node, given[0]), node.settings["units"]
    return (length, units), (features + 1) * units, length * features * units


def _tied_decoder_price(node: Node, given: list[Shape]) -> Priced:
    (length, features), units = _sequence(node, given[0]), node.settings["units"]
    if given[1] != given[0]:
        raise impossible(node, f"shares the weights of an embedding of another width: {given[1][-1]}, not {features}")
    return (length, units), units, length * features * units


def _sequence(node: Node, shape: Shape) -> tuple[int, int]:
    if len(shape) != 2:
        raise impossible(node, f"needs a sequence, got {words(shape)}")
    return shape[0], shape[1]


def _filter_bank_price(node: Node, given: list[Shape]) -> Priced:
    channels, kernel = node.settings["channels"], node.settings["kernel"]
    size = _inside(node, given[0], kernel, 1)
    weights = channels * given[0][0] * kernel * kernel
    return (channels, *size), 0 if node.settings["fixed"] else weights, weights * math.prod(size)


def _filter_bank(node: Node, given: list[Shape]) -> Call:
    s = node.settings
    return Call("FilterBank", (given[0][0], s["channels"], s["kernel"], s["beta"], s["remove_mean"], s["hard"]), s["fixed"])


def _lp_pool_price(node: Node, given: list[Shape]) -> Priced:
    return (given[0][0], *_inside(node, given[0], node.settings["kernel"], node.settings["stride"])), 0, 0


def _split_relu_price(node: Node, given: list[Shape]) -> Priced:
    channels, *size = _image(node, given[0])
    return (2 * channels, *size), 0, 0


def _resized(node: Node, given: list[Shape]) -> Priced:
    return (_image(node, given[0])[0], *pair(node.settings["size"])), 0, 0


def _settings(name: str, *settings: str) -> Callable[[Node, list[Shape]], Call]:
    return lambda node, given: Call(name, tuple(node.settings[s] for s in settings))


def _plain(name: str) -> Callable[[Node, list[Shape]], Call]:
    return lambda node, given: Call(name)


PRIMITIVES: Mapping[str, Primitive] = {
    "input": Primitive(_same, _plain("Identity")),
    "identity": Primitive(_same, _plain("Identity")),
    "conv": Primitive(_conv_price, _conv),
    "batch_norm": Primitive(_batch_norm_price, _batch_norm),
    "banded_conv": Primitive(_banded_price, _banded),
    "relu": Primitive(_same, _plain("ReLU")),
    "hard_swish": Primitive(_same, _plain("Hardswish")),
    "hard_sigmoid": Primitive(_same, _plain("Hardsigmoid")),
    "sigmoid": Primitive(_same, _plain("Sigmoid")),
    "tanh": Primitive(_same, _plain("Tanh")),
    "elu": Primitive(_same, _plain("ELU")),
    "leaky_relu": Primitive(_same, lambda node, given: Call("LeakyReLU", (node.settings["slope"],))),
    "scaled_tanh": Primitive(_same, lambda node, given: Call("ScaledTanh", (node.settings["alpha"], node.settings["beta"]))),
    "max_pool": Primitive(_pool_price, _pool("MaxPool2d")),
    "avg_pool": Primitive(_pool_price, _pool("AvgPool2d", count_include_pad=False)),
    "global_avg_pool": Primitive(_global_avg_pool, _plain("GlobalAvgPool")),
    "flatten": Primitive(_flat, _plain("Flatten")),
    "linear": Primitive(_linear_price, _linear),
    "dropout": Primitive(_same, lambda node, given: Call("Dropout", (node.settings["rate"],))),
    "add": Primitive(_add, _plain("Add")),
    "concat": Primitive(_concat, _plain("Concat")),
    "channels": Primitive(_channels_price, _channels),
    "shuffle": Primitive(_same, lambda node, given: Call("ChannelShuffle", (node.settings["groups"],))),
    "scale": Primitive(_scale_price, _plain("Scale")),
    "zero_upsample": Primitive(_zero_upsample_price, lambda node, given: Call("ZeroUpsample", pair(node.settings["size"]))),
    "embedding": Primitive(_embedding_price, _embedding),
    "recurrent": Primitive(_recurrent_price, _recurrent),
    "recurrent_mixture": Primitive(_recurrent_mixture_price, _recurrent_mixture),
    "locked_dropout": Primitive(_same, lambda node, given: Call("LockedDropout", (node.settings["rate"],))),
    "decoder": Primitive(_decoder_price, lambda node, given: Call("Linear", (given[0][1], node.settings["units"]))),
    "tied_decoder": Primitive(_tied_decoder_price, lambda node, given: Call("TiedDecoder", (node.settings["units"],))),
    "shift": Primitive(_shift_price, lambda node, given: Call("ZeroPad2d", ((-1, 1, -1, 1),))),
    "pad": Primitive(_pad_price, _pad),
    "filter_bank": Primitive(_filter_bank_price, _filter_bank),
    "lp_pool": Primitive(_lp_pool_price, _settings("LpPool", "order", "kernel", "stride")),
    "split_relu": Primitive(_split_relu_price, _settings("SplitReLU", "alpha")),
    "local_norm": Primitive(_same, _settings("LocalNorm", "kernel", "threshold")),
    "row_norm": Primitive(_same, _plain("RowNorm")),
    "standardize": Primitive(_same, lambda node, given: Call(
        "BatchNorm1d", given[0], {"affine": False, "eps": node.settings["threshold"]})),
    "resize": Primitive(_resized, lambda node, given: Call(
        "Upsample", (pair(node.settings["size"]),), {"mode": "bilinear", "align_corners": False})),
    "affine": Primitive(_resized, _settings("Affine", "size", "rotation", "shear", "scale_x", "scale_y", "shift_x",
                                            "shift_y")),
    "zero": Primitive(_zero_price, lambda node, given: Call("Zero", (node.settings.get("stride", 1),))),
}


def _window(node: Node, shape: Shape) -> tuple[int, int]:
    """Height and width after sliding a padded window over an image."""
    stride, dilation = pair(node.settings.get("stride", 1)), node.settings.get("dilation", 1)
    kernel, (_, height, width) = pair(node.settings["kernel"]), _image(node, shape)
    high, wide = _slide(height, kernel[0], stride[0], dilation), _slide(width, kernel[1], stride[1], dilation)
    if min(high, wide) < 1:
        raise impossible(node, f"leaves nothing of {words(shape)}")
    return high, wide


def _inside(node: Node, shape: Shape, kernel: int, stride: int) -> tuple[int, int]:
    """Height and width after sliding a window that stays inside the image."""
    _, height, width = _image(node, shape)
    if min(height, width) < kernel:
        raise impossible(node, f"a window of {kernel} leaves nothing of {words(shape)}")
    return (height - kernel) // stride + 1, (width - kernel) // stride + 1


def _slide(size: int, kernel: int, stride: int, dilation: int) -> int:
    reach = dilation * (kernel - 1)
    return int((size + 2 * (reach // 2) - reach - 1) // stride + 1)


def _image(node: Node, shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise impossible(node, f"needs an image, got {words(shape)}")
    return shape[0], shape[1], shape[2]


def pair(kernel: Any) -> tuple[int, int]:
    return (kernel, kernel) if isinstance(kernel, int) else (kernel[0], kernel[1])


def words(shape: Shape) -> str:
    return "×".join(map(str, shape))


def impossible(node: Node, reason: str) -> Exception:
    return fail(f"/network/{node.name}", f"{node.label or node.op}: {reason}", "a network whose shapes fit")
