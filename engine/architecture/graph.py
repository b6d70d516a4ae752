"""The graph view of an architecture: what is built, drawn, hashed and measured.

A graph is a list of nodes in topological order. The same type serves two zooms: the *cell* graph (blocks as the
space's author thinks of them, for drawing and identity) and the *network* graph (primitive layers, for building,
source export and cost). Primitive layers, with their settings:

    input · conv{channels,kernel,stride,groups,dilation,bias} (padding keeps size / stride; kernel and stride are numbers
    or pairs of height and width) · batch_norm{affine} · pad{size} (zeros around, up to this size)
    relu · max_pool{kernel,stride} · avg_pool{kernel,stride} (padding not counted) · global_avg_pool · flatten
    linear{units,init,std} · sigmoid · tanh · elu · leaky_relu{slope} · scaled_tanh{alpha,beta}
    dropout{rate} · add · concat · identity · zero{stride} · hard_swish · hard_sigmoid
    banded_conv{kernel,stride} (channel c reads c-1 to c+1) · scale (an image by a factor for each channel)
    zero_upsample{size} (twice as large, zeros between) · shift (one pixel up and to the left)
    embedding{entries,width,rate} · locked_dropout{rate} · decoder{units} · recurrent{hidden,first,nodes,heard,rate}
    tied_decoder{units} (with the weights of its second input) · filter_bank{channels,kernel,beta,remove_mean,hard,fixed}
    lp_pool{order,kernel,stride} (both without padding) · split_relu{alpha} · local_norm{kernel,threshold} · row_norm
    channels{skipped,channels} (some of an image's) · shuffle{groups} (every group's first channel, then the second, ...)
    standardize{threshold} · resize{size} · affine{size,rotation,shear,scale_x,scale_y,shift_x,shift_y}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Shape = tuple[int, ...]


NO_SETTINGS: Mapping[str, Any] = {}             # never written to


class Node(NamedTuple):                         # a tuple because networks have thousands of them
    """One operation: where its inputs come from, its settings, and where it stands for a person."""

    name: str                                   # unique in the graph, a Python identifier
    op: str
    inputs: tuple[str, ...] = ()
    settings: Mapping[str, Any] = NO_SETTINGS
    label: str = ""                             # words on the diagram: "conv 3×3"
    group: str = ""                             # the stage or cell it belongs to: the macro strip
    place: tuple[float, float] | None = None    # column and row on the diagram, where the space has a grid of its own


@dataclass(frozen=True)
class Graph:
    nodes: tuple[Node, ...]
    output: str

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __getitem__(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    def live(self) -> Graph:
        """The graph without nodes from which the output cannot be reached."""
        wanted = {self.output}
        for node in reversed(self.nodes):
            if node.name in wanted:
                wanted.update(node.inputs)
        return Graph(tuple(n for n in self.nodes if n.name in wanted), self.output)

    def document(self) -> dict[str, Any]:
        return {"output": self.output,
                "nodes": [{"name": n.name, "op": n.op, "inputs": list(n.inputs), "settings": dict(n.settings),
                           "label": n.label or n.op, "group": n.group,
                           **({"place": list(n.place)} if n.place else {})} for n in self.nodes]}
