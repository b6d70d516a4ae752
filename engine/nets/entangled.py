"""Mixtures on entangled weights: one network whose weights are the mean of all slices' (Sukthanker et al., AutoML 2024).

A mixture of outputs computes every operation. Where operations are slices of one weight, the weights are mixed instead, each
padded with zeros to the size of the largest, and the network is computed once. For convolutions it is the same by linearity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.relaxed import Table
from engine.nets.alphas import Alphas
from engine.nets.bilevel import first_order
from engine.nets.mixture import Learning
from engine.nets.sampler import Draw, Step
from engine.nets.sliced import Slice, SlicedConv
from engine.nets.slices import Slices
from engine.phases import Site

DIMENSIONS = ("depth", "kernel", "expansion")


def decisions(space: Any) -> dict[str, tuple[str, ...]]:
    """The names of a space's decisions, by dimension."""
    return {dimension: tuple(p.name for p in space.parameters() if p.name.endswith(f"_{dimension}"))
            for dimension in DIMENSIONS}


class Entangled(Slices):
    """Steps train the mixture; alphas descend its loss on arch-val, as those of DARTS do by the first order."""

    def __init__(self, site: Site, learning: Learning) -> None:
        super().__init__(site)
        self.learning, self.names = learning, decisions(site.space)
        choices = {p.name: tuple(map(str, p.choices)) for p in site.space.parameters()}
        self.tables = {dimension: Table(tuple(name.removesuffix(f"_{dimension}").replace("_", " ") for name in names),
                                        choices[names[0]]) for dimension, names in self.names.items()}
        self.alphas = Alphas(self.tables, site.seed, site.device, lr=learning.lr, betas=learning.betas,
                             weight_decay=learning.weight_decay)
        self.masks = self._masks()

    def draw(self, step: Step) -> Sequence[Draw]:
        """Without a way back to the alphas: a weight step is the weights' alone."""
        return [Draw(self.blend(self.alphas.fixed()))]

    def learn(self, step: Step) -> None:
        if step.epoch >= self.learning.after:
            self.alphas.move(first_order(self.alphas.parameters,
                                         lambda: step.validation_loss(self.blend(self.alphas.probabilities()))))

    def blend(self, shares: Mapping[str, Tensor]) -> Slice:
        """The largest network with mixed weights. Channels that a narrower block lacks, and places that a smaller kernel
        lacks, count as zeros; a block adds to its input what it computes times the share of the depths that have it."""
        weights: dict[str, Tensor] = {}
        for row, name in enumerate(self.names["kernel"]):
            block = name.removesuffix("_kernel")
            weights |= self._block(block, shares["kernel"][row], shares["expansion"][row])
            stage, number = block.split("_block_")
            if int(number) > min(self.space.depths):
                there = [depth >= int(number) for depth in self.space.depths]
                share = shares["depth"][self.names["depth"].index(f"{stage}_depth")][there].sum()
                for part in ("weight", "bias"):
                    last = f"{block}_norm.{part}"
                    weights[last] = share * weights.get(last, self.supernet.get_parameter(last))
        return Slice(self.whole.graph, weights)

    def derived(self) -> Architecture:
        """Every decision by its largest alpha."""
        config: genotype.Config = {}
        best = {name: row for dimension, names in self.names.items() for name, row in zip(
            names, self.alphas.tables[dimension].argmax(1).tolist(), strict=True)}
        for parameter in self.space.parameters():
            if genotype.active(parameter, config):
                config[parameter.name] = parameter.choices[best[parameter.name]]
        found: Architecture = self.space.architecture(config)
        return found

    def report(self, step: Step) -> dict[str, Any]:
        """`kept`: the choices that the derived architecture has, of the decisions that it makes."""
        derived = self.derived()
        kept = {dimension: [[words, str(derived.genotype[name])] for words, name in zip(
            self.tables[dimension].edges, names, strict=True) if name in derived.genotype]
                for dimension, names in self.names.items()}
        return {**self.alphas.document(), "derived": derived.document(), "kept": kept}

    def state_dict(self) -> dict[str, Any]:
        return {"alphas": self.alphas.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.alphas.load_state_dict(state["alphas"])

    def _block(self, block: str, windows: Tensor, widths: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name, weight in self.supernet.named_parameters():
            if not name.startswith(f"{block}_"):
                continue
            module = self.supernet.layers[name.split(".")[0]]
            if isinstance(module, SlicedConv) and module.sizes and "matrices" not in name:
                kernels = [module.cut(len(weight), weight.shape[1], size) for size in self.space.kernels]
                sides = [(weight.shape[-1] - kernel.shape[-1]) // 2 for kernel in kernels]
                found[name] = torch.stack([share * pad(kernel, (side,) * 4) for share, kernel, side in zip(
                    windows, kernels, sides, strict=True)]).sum(0)
            if name in self.masks:
                there = torch.tensordot(widths.to(weight), self.masks[name].to(weight), 1)
                found[name] = found.get(name, weight) * there
        return found

    def _masks(self) -> dict[str, Tensor]:
        """Of weights of which expansions use different parts: for each expansion, where it is one."""
        choices = [Slice(self._uniform(expansion=expansion)) for expansion in self.space.expansions]
        parts = [self.supernet.parts([choice]) for choice in choices]
        return {name: torch.stack([part.get(weight, torch.ones_like(weight, dtype=torch.bool)) for part in parts])
                for name, weight in self.supernet.named_parameters() if any(weight in part for part in parts)}
