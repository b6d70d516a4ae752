"""A network graph as Python source that a person can read: one module, one line a layer."""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from engine.architecture.cost import measure
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.primitives import PRIMITIVES

WRITTEN = frozenset({"input", "identity", "add", "concat", "global_avg_pool", "scale", "zero"})   # `forward` writes them out
OPS = Path(__file__).parent.parent / "nets" / "ops.py"     # our own layers, read as text: importing them would import torch
TAKEN = frozenset({"self", "torch", "nn", "x"})            # names that the source uses itself
HEAD = '''"""{title}"""

{imports}
{layers}

class Network(nn.Module):
    """Takes {inputs} of shape (batch, {shape}), gives {outputs}."""

    def __init__(self):
        super().__init__()
'''
# by the dimensions of what goes in and what comes out: what they mean
MEANINGS = {(3, 1): ("images", "one number for each of {} classes: the largest wins"),
            (1, 1): ("rows", "one number for each of {} classes: the largest wins"),
            (1, 2): ("whole numbers that stand for characters",
                     "at every place one number for each of {} characters: the larger, the likelier it follows")}


def model_source(graph: Graph, shape: Shape, title: str) -> str:
    """The source of `model.py`. Attribute names are node names, so it loads the weights of the network built here."""
    shapes = {row.name: row.shape for row in measure(graph, shape).rows}
    live = graph.live()
    for node in live:
        _check_name(node.name)
    steps = list(_steps(live))
    own = "".join(f"\n\n{source}\n" for source in _own(live, shapes))
    imports = "import torch\n" if any("torch." in text for text in (own, *steps)) else ""
    imports += "from torch import Tensor, nn" if own else "from torch import nn"
    inputs, outputs = MEANINGS[len(shape), len(shapes[graph.output])]
    head = HEAD.format(title=words(title), imports=imports, layers=own, inputs=inputs, shape=", ".join(map(str, shape)),
                       outputs=outputs.format(shapes[graph.output][-1]))
    return head + "\n".join([*_declarations(live, shapes), "", "    def forward(self, x):", *steps, ""])


@cache
def _classes() -> dict[str, str]:
    """The source of every class of `engine.nets.ops`, by name. Each stands alone: it uses torch, nn and Tensor."""
    text = OPS.read_text(encoding="utf-8")
    found = (node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
    return {node.name: ast.get_source_segment(text, node) or "" for node in found}


def _own(graph: Graph, shapes: dict[str, Shape]) -> Iterator[str]:
    """The classes that this network needs beside torch's own, each once."""
    wanted = {PRIMITIVES[node.op].call(node, [shapes[name] for name in node.inputs] or [shapes[node.name]]).name
              for node in graph if node.op not in WRITTEN}
    yield from (_classes()[name] for name in sorted(wanted) if name in _classes())


def _declarations(graph: Graph, shapes: dict[str, Shape]) -> Iterator[str]:
    group = None
    for node in graph:
        if layer := _layer(node, [shapes[name] for name in node.inputs]):
            if node.group != group and node.group:
                yield f"        # {words(node.group)}"
            group = node.group
            yield f"        self.{node.name} = {layer}"
        if node.op == "tied_decoder":
            yield f"        self.{node.name}.weight = self.{node.inputs[1]}.weight"


def _layer(node: Node, given: list[Shape]) -> str | None:
    """The constructor of the node's layer; None for what `forward` writes as an expression."""
    if node.op in WRITTEN:
        return None
    call = PRIMITIVES[node.op].call(node, given)
    words = [*map(repr, call.arguments), *(f"{name}={value!r}" for name, value in call.named.items())]
    return f"{'' if call.name in _classes() else 'nn.'}{call.name}({', '.join(words)})"


def _steps(graph: Graph) -> Iterator[str]:
    group = None
    variables = {node.name: "x" if node.op == "input" else node.name for node in graph}
    for node in graph:
        if node.op == "input":
            continue
        if node.group != group and node.group:
            yield f"        # {words(node.group)}"
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
    if node.op == "scale":
        return f"{inputs[0]} * {inputs[1]}[:, :, None, None]"
    if node.op == "zero":
        stride = int(node.settings.get("stride", 1))
        return f"torch.zeros_like({given}[:, :, ::{stride}, ::{stride}])"
    return f"self.{node.name}({given})"


def _check_name(name: str) -> None:
    """What is not a plain name never becomes source."""
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name) or name.startswith("_") or name in TAKEN:
        raise ValueError(f"the node name {name!r} cannot be a variable")


def words(text: str) -> str:
    """Text that cannot end the comment or docstring that it stands in."""
    return " ".join(text.replace("\\", " ").replace('"', "'").split())
