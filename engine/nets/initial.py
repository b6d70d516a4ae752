"""How the weights of a linear layer begin, where a network says so; biases then begin at zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor, nn

SMALL = 0.01                                    # reach of `uniform`, and spread of the weights that `sparse` leaves
EMPTY = 0.9                                     # share of weights that `sparse` leaves at zero
WAYS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "constant": nn.init.zeros_,
    "uniform": partial(nn.init.uniform_, a=-SMALL, b=SMALL),
    "glorot_normal": nn.init.xavier_normal_,
    "glorot_uniform": nn.init.xavier_uniform_,
    "he_normal": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "he_uniform": partial(nn.init.kaiming_uniform_, nonlinearity="relu"),
    "orthogonal": nn.init.orthogonal_,
    "sparse": partial(nn.init.sparse_, sparsity=EMPTY, std=SMALL),
}


def initialise(layer: nn.Module, way: str, std: float | None = None) -> None:
    """Draw the weights from torch's generator. `std` is that of `normal`."""
    weights = dict(layer.named_parameters())
    if way == "normal":
        nn.init.normal_(weights["weight"], std=std or 0.0)
    else:
        WAYS[way](weights["weight"])
    if "bias" in weights:
        nn.init.zeros_(weights["bias"])
