"""The arc kernel: a product over decisions, some of which may not exist (Swersky et al., arXiv:1409.4011).

Every decision is laid out as a small vector, the zero vector where it is inactive; the kernel is exp(-d²/2) of the
distance d of all of them side by side: the product of the kernels of the single decisions. It is positive semi-definite
because it is a Gaussian of a distance in a plain space of vectors. Rows are those of `proposal_vector`.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.spaces.space import Parameter

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)          # of what it compiles on import: nothing that we could do
    from gpytorch.kernels import Kernel


@dataclass(frozen=True)
class Layout:
    """Which columns of a row are laid out how, and whose radius (`radii`) and angle (`angles`) each one has.

    `arcs`: numbers that may be inactive, on a circle. `lines`: numbers that never are. `choices`: one axis a choice.
    """

    arcs: tuple[int, ...]
    lines: tuple[int, ...]
    choices: tuple[tuple[int, int], ...]        # column, number of choices
    scale: tuple[float, ...]                    # of every column: what its largest number is divided by
    radii: tuple[str, ...]                      # names of the groups that share a radius
    angles: tuple[str, ...]
    radius_of: tuple[int, ...]                  # arcs, lines, choices
    angle_of: tuple[int, ...]                   # arcs


def layout(parameters: Sequence[Parameter], *, share: bool = False, ordered: bool = False) -> Layout:
    """`share`: decisions whose names differ in a number alone have one radius and angle. `ordered`: choices that are numbers
    lie on a line as well, by rank, with a radius of its own."""
    numbers = [at for at, p in enumerate(parameters) if p.kind != "categorical" or (ordered and _ranked(p))]
    arcs = tuple(at for at in numbers if parameters[at].when)
    lines = tuple(at for at in numbers if not parameters[at].when)
    chosen = tuple((at, len(p.choices)) for at, p in enumerate(parameters) if p.kind == "categorical")
    scale = tuple(float(max(1, len(p.choices) - 1)) for p in parameters)
    names = [_group(parameters[at], share) + (" in order" if parameters[at].kind == "categorical" else "")
             for at in (*arcs, *lines)] + [_group(parameters[at], share) for at, _ in chosen]
    radii, angles = tuple(dict.fromkeys(names)), tuple(dict.fromkeys(names[: len(arcs)]))
    return Layout(arcs, lines, chosen, scale, radii, angles, tuple(map(radii.index, names)),
                  tuple(map(angles.index, names[: len(arcs)])))


def _ranked(parameter: Parameter) -> bool:
    """More than two numbers, in order."""
    values = parameter.choices
    plain = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    return plain and len(values) > 2 and list(values) == sorted(values)


def _group(parameter: Parameter, share: bool) -> str:
    return re.sub(r"\d+", "#", parameter.name) if share else parameter.name


class ArcKernel(Kernel):  # type: ignore[misc]
    """Radii (omega > 0) say how much a decision matters, angles (rho between 0 and 1) how much its value does beside whether
    it is there. Both are kept in a form without bounds: logarithm and logit."""

    is_stationary = False

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layout = layout
        self.register_parameter("log_radius", torch.nn.Parameter(torch.zeros(len(layout.radii), dtype=torch.float64)))
        self.register_parameter("logit_angle", torch.nn.Parameter(torch.zeros(len(layout.angles), dtype=torch.float64)))
        self.scale = torch.tensor(layout.scale, dtype=torch.float64)
        self.radius_of = torch.tensor(layout.radius_of, dtype=torch.long)
        self.angle_of = torch.tensor(layout.angle_of, dtype=torch.long)
        self.repeats = torch.tensor([count for _, count in layout.choices], dtype=torch.long)
        self.columns = [torch.tensor(at, dtype=torch.long) for at in
                        (layout.arcs, layout.lines, [column for column, _ in layout.choices])]

    def set(self, radii: Sequence[float], angles: Sequence[float]) -> None:
        """By group, in the order of the layout."""
        with torch.no_grad():
            self.log_radius.copy_(torch.tensor(radii, dtype=torch.float64).log())
            self.logit_angle.copy_(torch.tensor(angles, dtype=torch.float64).logit())

    def prepared(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What does not depend on radii and angles: places on arcs, whether they are active, places on lines, choices."""
        arcs, lines, chosen = (rows[:, at] for at in self.columns)
        active = ~torch.isnan(arcs)
        at = torch.where(active, arcs, 0.0) / self.scale[self.columns[0]]
        axes = [chosen[:, k, None] == torch.arange(count) for k, (_, count) in enumerate(self.layout.choices)]
        one_hot = torch.cat(axes, 1).double() if axes else rows[:, :0]
        return at, active.double(), lines / self.scale[self.columns[1]], one_hot

    def placed(self, prepared: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
        """The vectors, decision by decision, side by side."""
        at, active, lines, one_hot = prepared
        radii = self.log_radius.exp()[self.radius_of]
        arcs, end = len(self.layout.arcs), len(self.layout.arcs) + len(self.layout.lines)
        turned = math.pi * self.logit_angle.sigmoid()[self.angle_of] * at
        length = radii[:arcs] * active
        axes = radii[end:].repeat_interleave(self.repeats)
        return torch.cat([length * turned.sin(), length * turned.cos(), lines * radii[arcs:end], one_hot * axes], 1)

    def embedding(self, rows: Tensor) -> Tensor:
        return self.placed(self.prepared(rows))

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **parameters: Any) -> Tensor:
        """As gpytorch asks for it."""
        if diag:
            return torch.exp(-0.5 * (self.embedding(x1) - self.embedding(x2)).square().sum(1))
        first = self.embedding(x1)
        return gaussian(first, first if x1 is x2 else self.embedding(x2))


def gaussian(first: Tensor, second: Tensor) -> Tensor:
    """exp(-d²/2) of all pairs of vectors."""
    squared = first.square().sum(1)[:, None] + second.square().sum(1)[None, :] - 2 * first @ second.T
    return torch.exp(-0.5 * squared.clamp_min(0.0))
