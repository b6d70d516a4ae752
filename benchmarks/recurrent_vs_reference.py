"""The mixture of recurrent cells against the reference's model classes: the same numbers, and processor time for a step.

    .venv/bin/python benchmarks/recurrent_vs_reference.py [--reference FOLDER] [--width 48] [--streams 32] [--rounds 5]

`--reference`: the folder rnn of a checkout of quark0/darts, whose weights, alphas and inputs both networks then have.
Equality is measured in double precision on small networks, time in single precision on one thread, in turns. `path`, which
needs no reference: a step on one cell of the supernet, in the form of ENAS, against that network alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import torch
from supernet_vs_reference import beside_alone, compared, weight_step
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.nets.bilevel import first_order, second_order
from engine.nets.build import build
from engine.nets.supernet import Choice, Supernet
from engine.spec import parse_space

CHARACTERS, RATE, DECAY, CLIP, REACH = 98, 20.0, 5e-7, 0.25, 0.01


class Pair:
    """The reference's network and ours, with the same weights and alphas, and a window of each half."""

    def __init__(self, reference: Any, width: int, length: int, streams: int, dtype: torch.dtype) -> None:
        torch.manual_seed(0)
        self.theirs = reference.RNNModelSearch(CHARACTERS, width, width, width, 0.0, 0.0, 0.0, 0.0, 0.0).to(dtype).train()
        space = parse_space({"kind": "recurrent_cell", "preset": "search", "embedding": width, "hidden": width,
                             **{f"dropout_{name}": 0.0 for name in ("embedding", "input", "hidden", "output")}})[1]
        self.ours = Supernet(space.supernet((length,), CHARACTERS), (length,)).to(dtype).train()
        cell, known = self.theirs.rnns[0], dict(self.ours.named_parameters())
        given = {"embedding.weight": self.theirs.encoder.weight, "decoder.bias": self.theirs.decoder.bias,
                 "cell_1.reads.weight": cell._W0[:width].T, "cell_1.keeps.weight": cell._W0[width:].T,
                 **{f"cell_1.weights.{i}.weight": weight.T for i, weight in enumerate(cell._Ws)}}
        with torch.no_grad():
            for weight in self.theirs.parameters():
                weight.mul_(4)                          # the reference begins near zero, where all activations are alike
            for name, weight in known.items():
                weight.copy_(given[name])
        [table] = self.theirs.arch_parameters()
        table.data = torch.randn(table.shape, dtype=dtype)
        self.alphas = table.detach().clone().requires_grad_()
        self.batches = [(torch.randint(CHARACTERS, (streams, length)), torch.randint(CHARACTERS, (streams, length)))
                        for _ in range(2)]

    def loss(self, number: int, fixed: bool = False) -> Tensor:
        inputs, labels = self.batches[number]
        shares = torch.softmax(self.alphas.detach() if fixed else self.alphas, -1)
        scores = self.ours(inputs, Choice(self.ours.relaxed.everything, {"cell": shares}))
        return nn.functional.cross_entropy(scores.flatten(0, 1), labels.flatten())

    def their_loss(self, number: int) -> Tensor:
        inputs, labels = self.batches[number]
        found: Tensor = self.theirs._loss(self.theirs.init_hidden(len(inputs)), inputs.T, labels.T.flatten())[0]
        return found


def shortened(slopes: list[Tensor]) -> float:
    """The reference's clipping: the factor, applied where it is below one."""
    factor = CLIP / (float(torch.stack([slope.pow(2).sum() for slope in slopes]).sum().sqrt()) + 1e-6)
    for slope in slopes if factor < 1 else ():
        slope.mul_(factor)
    return factor


def reference_second_order(pair: Pair) -> tuple[Tensor, float]:
    """The reference's formulas on its own network, and the clipping factor of the inner step."""
    weights, [table] = list(pair.theirs.parameters()), pair.theirs.arch_parameters()
    saved = [w.detach().clone() for w in weights]
    slopes = list(torch.autograd.grad(pair.their_loss(0), weights))
    factor = shortened(slopes)
    with torch.no_grad():
        for w, g in zip(weights, slopes, strict=True):
            w.sub_(RATE * (g + DECAY * w))
    direct, *along = torch.autograd.grad(pair.their_loss(1), [table, *weights])
    along = list(along)
    shortened(along)
    half = REACH / torch.stack([v.pow(2).sum() for v in along]).sum().sqrt()
    sides = []
    for sign in (1, -1):
        with torch.no_grad():
            for w, before, v in zip(weights, saved, along, strict=True):
                w.copy_(before + sign * half * v)
        sides.append(torch.autograd.grad(pair.their_loss(0), [table])[0])
    with torch.no_grad():
        for w, before in zip(weights, saved, strict=True):
            w.copy_(before)
    return direct - RATE * factor * (sides[0] - sides[1]) / (2 * half), factor


def apart(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


def equality(reference: Any) -> dict[str, Any]:
    """Largest relative differences."""
    pair = Pair(reference, 12, 6, 8, torch.float64)
    weights = [*pair.ours.parameters()]
    [first] = first_order([pair.alphas], lambda: pair.loss(1))
    [second] = second_order(weights, [pair.alphas], lambda: pair.loss(0), lambda: pair.loss(1), rate=RATE, decay=DECAY,
                            reach=REACH, clip=CLIP)
    theirs, factor = reference_second_order(pair)
    [their_first] = torch.autograd.grad(pair.their_loss(1), pair.theirs.arch_parameters())
    return {"loss": apart(pair.loss(0).detach(), pair.their_loss(0).detach()),
            "alpha_gradients": apart(first, their_first), "second_order": apart(second, theirs),
            "clipping_factor": round(factor, 3)}


def speed(reference: Any, width: int, streams: int, rounds: int) -> dict[str, Any]:
    pair = Pair(reference, width, 32, streams, torch.float32)
    mine, other = (torch.optim.SGD(net.parameters(), 0.01) for net in (pair.ours, pair.theirs))
    return compared(lambda: weight_step(lambda: pair.loss(0, fixed=True), pair.ours, mine),
                    lambda: weight_step(lambda: pair.their_loss(0), pair.theirs, other), rounds)


def path_speed(width: int, streams: int, rounds: int) -> dict[str, Any]:
    space = parse_space({"kind": "recurrent_cell", "preset": "enas_cpu", "embedding": width, "hidden": width})[1]
    architecture = space.sample(Random(0)).architecture
    path, shape = space.path(architecture), (32,)
    nets: list[nn.Module] = [Supernet(space.supernet(shape, CHARACTERS), shape),
                             build(space.network(architecture, shape, CHARACTERS), shape)]
    optimizers = [torch.optim.SGD(net.parameters(), 0.01) for net in nets]
    inputs, labels = torch.randint(CHARACTERS, (streams, 32)), torch.randint(CHARACTERS, (streams * 32,))

    def loss(scores: Tensor) -> Tensor:
        return nn.functional.cross_entropy(scores.flatten(0, 1), labels)

    return beside_alone(nets, optimizers, path, inputs, loss, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, help="the folder rnn of a checkout of quark0/darts")
    parser.add_argument("--width", type=int, default=48)
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    print("path", json.dumps(path_speed(asked.width, asked.streams, asked.rounds)))
    if asked.reference:
        sys.path.insert(0, str(asked.reference))
        torch.Tensor.cuda = lambda self, *more: self                # type: ignore[method-assign,assignment]
        import model
        import model_search as reference

        # the same without dropout, in any torch
        model.embedded_dropout = lambda embedding, words, dropout: embedding(words)
        print("equal", json.dumps(equality(reference)))
        print("speed", json.dumps(speed(reference, asked.width, asked.streams, asked.rounds)))


if __name__ == "__main__":
    main()
