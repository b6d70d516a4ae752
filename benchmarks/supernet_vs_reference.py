"""The supernet of DARTS against the reference's model classes: the same numbers, processor time and memory of a step.

    .venv/bin/python benchmarks/supernet_vs_reference.py [--reference FOLDER] [--batch 32] [--rounds 5] [--memory 8,16,32]
                                                         [--only memory]

`--reference`: the folder cnn of a checkout of quark0/darts, whose weights, alphas and inputs both networks then have.
Equality is measured in double precision on small networks, time in single precision on one thread, in turns. Memory is that
of one weight step, each in a fresh process: its peak less what the process held before, after a step on two examples.
`path`, which needs no reference: a step on one architecture of the supernet against its network alone.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor, nn

from engine.architecture.relaxed import extracted
from engine.nets.bilevel import first_order, second_order
from engine.nets.build import build
from engine.nets.supernet import Choice, Supernet
from engine.spec import parse_space

SHAPE = (3, 32, 32)
REACH, RATE, MOMENTUM, DECAY = 0.01, 0.025, 0.9, 3e-4


class Pair:
    """The reference's network and ours, with the same weights and alphas."""

    def __init__(self, reference: Any, channels: int, cells: int, side: int, batch: int, dtype: torch.dtype) -> None:
        torch.manual_seed(0)
        self.criterion = nn.CrossEntropyLoss()
        self.theirs = reference.Network(channels, 10, cells, self.criterion).to(dtype).train()
        self.space = parse_space({"kind": "darts_cell", "preset": "search", "channels": channels, "layers": cells})[1]
        self.shape = (3, side, side)
        self.ours = Supernet(self.space.supernet(self.shape, 10), self.shape).to(dtype).train()
        with torch.no_grad():
            for mine, other in zip(self.ours.parameters(), self.theirs.parameters(), strict=True):
                mine.copy_(other)
        self.ours = self.ours.to(memory_format=torch.channels_last)         # type: ignore[call-overload]
        for table in self.theirs.arch_parameters():
            table.data = torch.randn(table.shape, dtype=dtype)
        self.alphas = [table.detach().clone().requires_grad_() for table in self.theirs.arch_parameters()]
        self.batches = [(torch.randn(batch, *self.shape, dtype=dtype), torch.randint(10, (batch,))) for _ in range(2)]

    def loss(self, number: int, fixed: bool = False) -> Tensor:
        inputs, labels = self.batches[number]
        tables = {name: torch.softmax(alpha.detach() if fixed else alpha, -1)
                  for name, alpha in zip(("normal", "reduce"), self.alphas, strict=True)}
        scores = self.ours(inputs.contiguous(memory_format=torch.channels_last),
                           Choice(self.ours.relaxed.everything, tables))
        found: Tensor = self.criterion(scores, labels)
        return found

    def their_loss(self, number: int) -> Tensor:
        found: Tensor = self.theirs._loss(*self.batches[number])
        return found


def reference_second_order(pair: Pair) -> list[Tensor]:
    """The reference's formulas on its own network: w' without momentum, then the difference in place."""
    weights = list(pair.theirs.parameters())
    tables = pair.theirs.arch_parameters()
    saved = [w.detach().clone() for w in weights]
    slopes = torch.autograd.grad(pair.their_loss(0), weights)
    with torch.no_grad():
        for w, g in zip(weights, slopes, strict=True):
            w.sub_(RATE * (g + DECAY * w))
    found = torch.autograd.grad(pair.their_loss(1), [*tables, *weights])
    direct, along = found[:2], found[2:]
    half = REACH / torch.cat([v.reshape(-1) for v in along]).norm()
    sides = []
    for sign in (1, -1):
        with torch.no_grad():
            for w, before, v in zip(weights, saved, along, strict=True):
                w.copy_(before + sign * half * v)
        sides.append(torch.autograd.grad(pair.their_loss(0), tables))
    with torch.no_grad():
        for w, before in zip(weights, saved, strict=True):
            w.copy_(before)
    return [g - RATE * (p - n) / (2 * half) for g, p, n in zip(direct, *sides, strict=True)]


def equality(reference: Any) -> dict[str, float]:
    """Largest relative differences."""
    pair = Pair(reference, 4, 4, 16, 4, torch.float64)

    def apart(ours: Any, theirs: Any) -> float:
        return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(ours, theirs, strict=True))

    first = first_order(pair.alphas, lambda: pair.loss(1))
    second = second_order([*pair.ours.parameters()], pair.alphas, lambda: pair.loss(0), lambda: pair.loss(1), rate=RATE,
                          decay=DECAY, reach=REACH)
    slopes = torch.autograd.grad(pair.loss(0, fixed=True), [*pair.ours.parameters()])
    return {"loss": apart([pair.loss(0).detach()], [pair.their_loss(0).detach()]),
            "alpha_gradients": apart(first, torch.autograd.grad(pair.their_loss(1), pair.theirs.arch_parameters())),
            "weight_gradients": apart(slopes, torch.autograd.grad(pair.their_loss(0), [*pair.theirs.parameters()])),
            "second_order": apart(second, reference_second_order(pair))}


def weight_step(loss: Callable[[], Tensor], network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss().backward()                                   # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_([p for p in network.parameters() if p.grad is not None], 5.0)
    optimizer.step()


def seconds(step: Callable[[], None]) -> float:
    start = time.process_time()
    step()
    return time.process_time() - start


def compared(ours: Callable[[], None], theirs: Callable[[], None], rounds: int) -> dict[str, Any]:
    """Medians over rounds in turns, after one for warming up."""
    ours(), theirs()
    times = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    return {"ms": round(1000 * median(a for a, _ in times), 1), "reference_ms": round(1000 * median(b for _, b in times), 1),
            "ratio": round(median(b / a for a, b in times), 2)}


def speed(reference: Any, channels: int, cells: int, batch: int, rounds: int) -> dict[str, Any]:
    """Of a step of the weights, and of one of both by the first order."""
    pair = Pair(reference, channels, cells, 32, batch, torch.float32)
    mine, other = (torch.optim.SGD(net.parameters(), RATE, MOMENTUM, weight_decay=DECAY) for net in (pair.ours, pair.theirs))

    def first_step() -> None:
        first_order(pair.alphas, lambda: pair.loss(1))
        weight_step(lambda: pair.loss(0, fixed=True), pair.ours, mine)

    def their_first_step() -> None:
        pair.their_loss(1).backward()                   # as the reference: gradients of everything
        weight_step(lambda: pair.their_loss(0), pair.theirs, other)

    return {"weight_step": compared(lambda: weight_step(lambda: pair.loss(0, fixed=True), pair.ours, mine),
                                     lambda: weight_step(lambda: pair.their_loss(0), pair.theirs, other), rounds),
            "first_order_step": compared(first_step, their_first_step, rounds)}


def step_memory(reference: Any, whose: str, channels: int, cells: int, batch: int) -> float:
    """Mebibytes that a weight step of one of the two needs beyond what this process holds already."""
    pair = Pair(reference, channels, cells, 32, batch, torch.float32)
    network, loss = {"ours": (pair.ours, lambda: pair.loss(0, fixed=True)),
                     "theirs": (pair.theirs, lambda: pair.their_loss(0))}[whose]
    optimizer = torch.optim.SGD(network.parameters(), RATE, MOMENTUM, weight_decay=DECAY)
    whole = pair.batches[0]
    pair.batches[0] = whole[0][:2], whole[1][:2]
    weight_step(loss, network, optimizer)
    pair.batches[0] = whole
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    weight_step(loss, network, optimizer)
    return (peak() - before) / 2 ** 20


def peak() -> int:
    """Bytes that this program held at most: unlike `ru_maxrss`, nothing of the process that started it."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024


def memory(folder: Path, channels: int, cells: int, batch: int) -> dict[str, Any]:
    """Of both, each measured by this script in a process of its own."""
    found = {}
    for whose in ("ours", "theirs"):
        command = [sys.executable, __file__, "--reference", str(folder), "--channels", str(channels), "--cells", str(cells),
                   "--batch", str(batch), "--only", whose]
        found[whose] = float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return {"batch": batch, "mib": round(found["ours"]), "reference_mib": round(found["theirs"]),
            "times": round(found["ours"] / found["theirs"], 3)}


def beside_alone(nets: Sequence[nn.Module], optimizers: Sequence[torch.optim.Optimizer], path: Any, inputs: Tensor,
                 loss: Callable[[Tensor], Tensor], rounds: int) -> dict[str, Any]:
    """A weight step of one path of the first network, a supernet, and of the second, which is that path alone."""
    found = compared(lambda: weight_step(lambda: loss(nets[0](inputs, Choice(path))), nets[0], optimizers[0]),
                     lambda: weight_step(lambda: loss(nets[1](inputs)), nets[1], optimizers[1]), max(rounds, 9))
    return {"ms": found["ms"], "alone_ms": found["reference_ms"], "times_alone": round(1 / found["ratio"], 2)}


def path_speed(channels: int, cells: int, batch: int, rounds: int) -> dict[str, Any]:
    space, shape = parse_space({"kind": "darts_cell", "preset": "search", "channels": channels, "layers": cells})[1], SHAPE
    path = space.path(space.sample(Random(0)).architecture)
    relaxed = space.supernet(shape, 10)
    nets: list[nn.Module] = [Supernet(relaxed, shape), build(extracted(relaxed, path), shape)]
    nets = [net.to(memory_format=torch.channels_last).train() for net in nets]      # type: ignore[call-overload]
    optimizers = [torch.optim.SGD(net.parameters(), RATE, MOMENTUM, weight_decay=DECAY) for net in nets]
    inputs = torch.randn(batch, *shape).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(10, (batch,))

    def loss(scores: Tensor) -> Tensor:
        return nn.functional.cross_entropy(scores, labels)

    return beside_alone(nets, optimizers, path, inputs, loss, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, help="the folder cnn of a checkout of quark0/darts")
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--cells", type=int, default=4)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", default="8,16,32", help="batch sizes")
    parser.add_argument("--only", choices=("memory", "ours", "theirs"), help="no times; ours, theirs: one process's figure")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    size = asked.channels, asked.cells
    if asked.only and asked.reference is None:
        parser.error("memory is compared with that of --reference")
    if asked.only in ("ours", "theirs"):
        print(step_memory(classes(asked.reference), asked.only, *size, asked.batch))
        return
    found: dict[str, Any] = {} if asked.only else {"path": path_speed(*size, asked.batch, asked.rounds)}
    if asked.reference is not None and not asked.only:
        reference = classes(asked.reference)
        found |= {"equality": equality(reference), **speed(reference, *size, asked.batch, asked.rounds)}
    if asked.reference is not None:
        found["memory"] = [memory(asked.reference, *size, int(batch)) for batch in asked.memory.split(",")]
    print(json.dumps(found))


def classes(folder: Path) -> Any:
    """The reference's module of model classes."""
    sys.path.insert(0, str(folder))
    torch.Tensor.cuda = lambda self, *_: self           # type: ignore[assignment, method-assign]   # of 2018: always on a GPU
    import model_search  # type: ignore[import-not-found]

    return model_search


if __name__ == "__main__":
    main()
