"""A network graph as Python source that a person can read: one module, one line a layer."""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from typing import Any

from engine.architecture.cost import measure
from engine.architecture.graph import Graph, Node, Shape

TAKEN = frozenset({"self", "torch", "nn", "x"})            # names that the source uses itself
HEAD = '''"""{title}"""

{imports}


class Network(nn.Module):
    """Takes images of shape (batch, {shape}), gives one number for each of {classes} classes: the largest wins."""

    def __init__(self):
        super().__init__()
'''


def model_source(graph: Graph, shape: Shape, title: str) -> str:
    """The source of `model.py`. Attribute names are node names, so it loads the weights of the network built here."""
    shapes = {row.name: row.shape for row in measure(graph, shape).rows}
    live = graph.live()
    for node in live:
        _check_name(node.name)
    steps = list(_steps(live))
    imports = ("import torch\n" if any("torch." in step for step in steps) else "") + "from torch import nn"
    head = HEAD.format(title=_words(title), imports=imports, shape=", ".join(map(str, shape)),
                       classes=shapes[graph.output][0])
    return head + "\n".join([*_declarations(live, shapes), "", "    def forward(self, x):", *steps, ""])


def _declarations(graph: Graph, shapes: dict[str, Shape]) -> Iterator[str]:
    group = None
    for node in graph:
        if layer := _layer(node, [shapes[name] for name in node.inputs]):
            if node.group != group and node.group:
                yield f"        # {_words(node.group)}"
            group = node.group
            yield f"        self.{node.name} = {layer}"


def _layer(node: Node, given: list[Shape]) -> str | None:
    """The constructor of the node's layer; None for what `forward` writes as an expression."""
    s = node.settings
    if node.op == "conv":
        return _conv(s, given[0][0])
    if node.op == "batch_norm":
        return f"nn.BatchNorm2d({given[0][0]})" if s.get("affine", True) else f"nn.BatchNorm2d({given[0][0]}, affine=False)"
    if node.op == "linear":
        return f"nn.Linear({given[0][0]}, {int(s['units'])}" + (")" if s.get("bias", True) else ", bias=False)")
    if node.op in ("max_pool", "avg_pool"):
        window = f"{int(s['kernel'])}, stride={int(s.get('stride', 1))}, padding={(s['kernel'] - 1) // 2}"
        return f"nn.MaxPool2d({window})" if node.op == "max_pool" else f"nn.AvgPool2d({window}, count_include_pad=False)"
    simple = {"relu": "nn.ReLU()", "flatten": "nn.Flatten()", "dropout": f"nn.Dropout({float(s.get('rate', 0))!r})"}
    return simple.get(node.op)


def _conv(s: Any, arriving: int) -> str:
    kernel, dilation = s["kernel"], int(s.get("dilation", 1))
    high, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (dilation * (high - 1) // 2, dilation * (wide - 1) // 2)
    words = [f"{arriving}, {int(s['channels'])}", str(int(high)) if high == wide else f"({int(high)}, {int(wide)})"]
    words += [f"stride={int(s['stride'])}"] if s.get("stride", 1) != 1 else []
    words += [f"padding={padding[0] if high == wide else padding}"] if any(padding) else []
    words += [f"dilation={dilation}"] if dilation != 1 else []
    words += [f"groups={int(s['groups'])}"] if s.get("groups", 1) != 1 else []
    words += [f"bias={bool(s.get('bias', False))}"]
    return f"nn.Conv2d({', '.join(words)})"


def _steps(graph: Graph) -> Iterator[str]:
    group = None
    variables = {node.name: "x" if node.op == "input" else node.name for node in graph}
    for node in graph:
        if node.op == "input":
            continue
        if node.group != group and node.group:
            yield f"        # {_words(node.group)}"
        group = node.group
        yield f"        {node.name} = {_expression(node, [variables[name] for name in node.inputs])}"
    yield f"        return {variables[graph.output]}"


def _expression(node: Node, inputs: list[str]) -> str:
    given = ", ".join(inputs)
    if node.op == "identity":
        return given
    if node.op == "add":
        return " + ".join(inputs)
    if node.op == "concat":
        return f"torch.cat([{given}], dim=1)"
    if node.op == "global_avg_pool":
        return f"{given}.mean((2, 3))"
    if node.op == "zero":
        stride = int(node.settings.get("stride", 1))
        return f"torch.zeros_like({given}[:, :, ::{stride}, ::{stride}])"
    return f"self.{node.name}({given})"


def _check_name(name: str) -> None:
    """What is not a plain name never becomes source."""
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name) or name.startswith("_") or name in TAKEN:
        raise ValueError(f"the node name {name!r} cannot be a variable")


def _words(text: str) -> str:
    """Text that cannot end the comment or docstring that it stands in."""
    return " ".join(text.replace("\\", " ").replace('"', "'").split())
