"""Programs on memory banks as planes of ±1, from which a hypernetwork generates their 1×1 kernels (Brock et al., 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from engine.architecture.graph import Node
from engine.nets.hypernetwork import Kernel, Size, normed, pieces
from engine.spaces.memory_bank import Read


class BankEncoder:
    """A kernel is generated bank by bank, so that a slice never reads two of them. Of each slice: the bank that it reads,
    the banks that its operation writes, the block, the operation's output units, dilation, kernel size and groups; its
    number within the bank (in binary); and by row whether there are output units, and which row it is."""

    def __init__(self, space: Any, size: Size) -> None:
        self.size, self.space = size, space
        widest = space.width(space.blocks)
        down, across = Kernel(Node("", "conv"), max(space.units) * widest, widest, None, 0).grid(size)
        self.bits = max(1, (down * across - 1).bit_length())
        flags = 2 * space.banks + space.blocks + sum(map(len, self._settings)) + self.bits
        self.planes = flags + 1 + size.height

    @property
    def _settings(self) -> tuple[tuple[int, ...], ...]:
        settings = self.space.settings
        return tuple(settings[name] for name in ("units", "dilation", "kernel", "groups"))

    def order(self, reads: Sequence[Read]) -> list[Kernel]:
        """The parts that are generated; `number` is the bank."""
        return [Kernel(Node(read.name, "conv"), read.op.units * read.width, read.width, None, bank)
                for read in reads for bank in read.op.reads]

    def encode(self, reads: Sequence[Read]) -> Tensor:
        """(1, planes, height, slices)."""
        owners = [read for read in reads for _ in read.op.reads]
        columns = [self._column(read, kernel, number) for read, kernel in zip(owners, self.order(reads), strict=True)
                   for number in range(kernel.grid(self.size)[0] * kernel.grid(self.size)[1])]
        return torch.stack(columns, 2)[None]

    def _column(self, read: Read, kernel: Kernel, number: int) -> Tensor:
        space, op, height = self.space, read.op, self.size.height
        banks, given = range(1, space.banks + 1), (op.units, op.dilation, op.kernel, op.groups)
        flags = [*(bank == kernel.number for bank in banks), *(bank in op.writes for bank in banks),
                 *(block == read.block for block in range(1, space.blocks + 1)),
                 *(value == own for values, own in zip(self._settings, given, strict=True) for value in values),
                 *(bool(number >> k & 1) for k in range(self.bits))]
        rows = torch.arange(height)
        units = (number // kernel.grid(self.size)[1] * height + rows) * self.size.unit < kernel.outputs
        same = torch.tensor(flags)[:, None].expand(-1, height)
        return torch.cat([same, units[None], torch.eye(height, dtype=torch.bool)]).float() * 2 - 1

    def kernels(self, picture: Tensor, reads: Sequence[Read]) -> dict[str, Tensor]:
        """What was generated, by the name of the convolution: its banks side by side, divided by the norm of the whole.
        Raises ValueError unless all slices are used."""
        parts: dict[str, list[Tensor]] = {}
        order = self.order(reads)
        for kernel, weight in zip(order, pieces(picture, order, self.size), strict=True):
            parts.setdefault(kernel.node.name, []).append(weight)
        return {name: normed(torch.cat(weights, 1)) for name, weights in parts.items()}
