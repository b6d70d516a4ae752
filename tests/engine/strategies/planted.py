"""A toy of which the answer is known: an operation that spoils what it hears, so that a ranking has to put it last."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import torch

from engine.datasets.arrays import Arrays
from engine.phases import Site
from engine.spec import parse_space
from engine.training.data import Splits, split
from engine.training.sharing import Sharing, SharingPlan
from engine.training.trainer import seed_torch

SPACE = parse_space({"kind": "nas_bench_201", "channels": 2, "layers": 1, "ops": ["skip_connect", "nor_conv_1x1"]})[1]
USELESS = "nor_conv_1x1"


def easy() -> Splits:
    """Small images of two classes: one has a bright upper half."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 136)
    images = rng.integers(0, 100, (136, 1, 8, 8)).astype(np.uint8)
    images[labels == 1, :, :4] += 100
    return split(Arrays(images[:128], labels[:128], images[128:], labels[128:], ("a", "b")), 0.25, None, 3)


def ranked(factory: Any, options: Any) -> tuple[float, int]:
    """A supernet trained with the method's sampler. How much a useless operation costs on average, in accuracy, and how
    many of them the best of all 64 architectures has."""
    seed_torch(0, cuda=False)
    sampler = factory.sampler(Site(SPACE, options, (1, 8, 8), 2, 0))
    for name, module in sampler.supernet.named_modules():
        if name.endswith(f"{USELESS}_norm"):            # what follows hears noise, much louder than what it needs
            module.register_forward_hook(lambda module, given, found: 3 * torch.randn_like(found))
    plan = SharingPlan(options.epochs, options.batch_size, options.lr, options.last_lr, options.momentum,
                       options.weight_decay, options.clip, 0)
    sharing = Sharing(sampler, easy(), 0.5, plan)
    while sharing.epoch < options.epochs:
        sharing.advance()
    found = []
    for ops in product(SPACE.ops, repeat=6):
        architecture = SPACE.architecture({p.name: op for p, op in zip(SPACE.parameters(), ops, strict=True)})
        with torch.no_grad():
            found.append((sharing.score(sampler.choice(architecture)), ops.count(USELESS)))
    scores, counts = np.array(found).T
    return float(np.polyfit(counts, scores, 1)[0]), min(count for score, count in found if score == scores.max())
