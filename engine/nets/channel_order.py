"""Channels in the order of their importance, so that slices keep the best of them (Cai et al., ICLR 2020, section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from engine.architecture.graph import Graph, Node
from engine.nets.sliced import Sliced

KEPT = ("batch_norm", "relu", "hard_swish", "hard_sigmoid", "global_avg_pool", "identity", "scale", "add")


def families(graph: Graph) -> dict[str, str]:
    """The nodes whose channels belong together, under the name of one of them: what reorders one reorders all."""
    stands: dict[str, str] = {}
    for node in graph:
        arriving = [stands[name] for name in node.inputs]
        if not mixes(node) and arriving:
            if node.op not in KEPT and node.op != "conv":
                raise ValueError(f"it is not known whether {node.op} keeps the order of its channels")
            joined = set(arriving[1:])
            stands = {name: arriving[0] if root in joined else root for name, root in stands.items()}
        stands[node.name] = node.name if mixes(node) or not arriving else arriving[0]
    return stands


def mixes(node: Node) -> bool:
    """Whether it makes new channels of all that arrive."""
    return node.op == "linear" or (node.op == "conv" and node.settings["groups"] == 1)


def importance(net: Sliced, graph: Graph, family: str) -> Tensor:
    """How much is heard of each channel of a family: the L1 norm of what convolutions, or else linear layers, make of it."""
    stands = families(graph)
    heard = [node for node in graph if mixes(node) and stands[node.inputs[0]] == family]
    heard = [node for node in heard if node.op == "conv"] or heard
    kernels = [net.get_submodule(node.name).weight for node in heard]
    return torch.stack([kernel.detach().abs().transpose(0, 1).flatten(1).sum(1) for kernel in kernels
                        if isinstance(kernel, nn.Parameter)]).sum(0)


def ordered(values: Tensor, borders: Sequence[int]) -> Tensor:
    """The most important first; but no channel crosses a border: trained slices stay what they are."""
    ends = sorted({0, *borders, len(values)})
    parts = [start + values[start:end].argsort(descending=True, stable=True) for start, end in pairwise(ends)]
    return torch.cat(parts)


@torch.no_grad()
def sort_channels(net: Sliced, graph: Graph, borders: Mapping[str, Sequence[int]]) -> None:
    """Of each family in `borders`. The largest network computes what it did before."""
    stands = families(graph)
    fixed = {stands[node.name] for node in graph if node.op == "input"} | {stands[graph.output]}
    for family, ends in borders.items():
        if family in fixed:
            raise ValueError(f"the channels of {family} are the network's input or output")
        order = ordered(importance(net, graph, family), ends)
        for node in graph:
            module = net.get_submodule(node.name)
            for weight in module.parameters(recurse=False):
                if stands[node.name] == family:
                    weight.copy_(weight[order])
                if mixes(node) and weight.ndim > 1 and stands[node.inputs[0]] == family:
                    weight.copy_(weight[:, order])
