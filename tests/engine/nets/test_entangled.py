"""Entangled mixtures: the mean of weights is that of outputs where it is only a convolution; one alone is its slice."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from engine.architecture.architecture import Architecture
from engine.nets.entangled import Entangled, decisions
from engine.nets.mixture import Learning
from engine.nets.sliced import SlicedConv
from engine.phases import Site
from engine.spaces.slimmable import Slimmable
from engine.training.sharing import Sharing, SharingPlan
from engine.training.trainer import seed_torch
from tests.engine.training.test_sharing import flat, splits

torch.set_num_threads(1)
SPACE = Slimmable(channels=8, stages=2, kernels=(3, 5, 7), depths=(1, 2), expansions=(2, 3))         # the second is gated
SHAPE = (1, 8, 8)
PLAN = SharingPlan(epochs=2, batch_size=16, lr=0.05, last_lr=0.01, momentum=0.9, weight_decay=1e-3, clip=None, seed=3)


def made(space: Slimmable = SPACE, after: int = 0) -> Entangled:
    seed_torch(0, cuda=False)
    return Entangled(Site(space, None, SHAPE, 2, 0), Learning(0.05, (0.5, 0.999), 1e-3, after=after))


def shaken() -> Entangled:
    """In double precision, with kernel matrices and norms that are not what they begin with."""
    sampler = made()
    sampler.supernet.double()
    with torch.no_grad():
        for name, weight in sampler.supernet.named_parameters():
            if "matrices" in name or "_norm" in name or name.endswith("bias"):
                weight.add_(0.3 * torch.randn_like(weight))
    return sampler


def images(count: int = 6) -> Tensor:
    return torch.randn(count, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def certain(member: Architecture, seed: int = 0) -> dict[str, Tensor]:
    """Shares of one and zero; anything for decisions that the member does not make."""
    choices, rng = {p.name: p.choices for p in SPACE.parameters()}, Random(seed)
    found = {}
    for dimension, names in decisions(SPACE).items():
        count = len(choices[names[0]])
        taken = [choices[name].index(member.genotype[name]) if name in member.genotype else rng.randrange(count)
                 for name in names]
        found[dimension] = functional.one_hot(torch.tensor(taken), count).double()
    return found


@pytest.mark.parametrize("seed", range(8))
def test_a_mixture_of_one_alone_is_its_slice(seed: int) -> None:
    sampler, x, member = shaken(), images(), SPACE.sample(Random(seed)).architecture
    mixed = sampler.supernet(x, sampler.blend(certain(member, seed)))
    assert torch.allclose(mixed, sampler.supernet(x, sampler.choice(member)), rtol=0, atol=1e-10)


def test_one_convolution_with_mixed_weights_is_the_mixture_of_their_outputs() -> None:
    """With the batch norm behind it that is no longer so."""
    sampler = shaken()
    conv = sampler.supernet.layers["stage_1_block_1_depthwise"]
    assert isinstance(conv, SlicedConv)
    wide = len(conv.weight)
    windows, widths = torch.tensor([0.2, 0.3, 0.5]).double(), torch.tensor([0.4, 0.6]).double()
    mixed = sampler._block("stage_1_block_1", windows, widths)["stage_1_block_1_depthwise.weight"]
    x = torch.randn(2, wide, 9, 9, dtype=torch.float64)
    narrow = sampler.supernet.widths(sampler._uniform(expansion=2))["stage_1_block_1_depthwise"]
    outputs = 0
    for share, kernel in zip(windows, SPACE.kernels, strict=True):
        whole = functional.conv2d(x, conv.cut(wide, 1, kernel), None, 1, kernel // 2, groups=wide)
        part = torch.cat([whole[:, :narrow], torch.zeros_like(whole[:, narrow:])], 1)
        outputs = outputs + share * (widths[0] * part + widths[1] * whole)
    assert torch.allclose(functional.conv2d(x, mixed, None, 1, 3, groups=wide), outputs, rtol=0, atol=1e-10)


def test_alphas_of_every_decision_get_a_gradient_and_weights_none() -> None:
    sampler = shaken()
    for table in sampler.alphas.parameters:
        table.data = table.data.double()
    loss = sampler.supernet(images(), sampler.blend(sampler.alphas.probabilities())).square().mean()
    gradients = torch.autograd.grad(loss, sampler.alphas.parameters)
    assert all((gradient.abs().sum(1) > 0).all() for gradient in gradients)
    assert all(weight.grad is None for weight in sampler.supernet.parameters())
    step: Any = None
    [draw] = sampler.draw(step)
    sampler.supernet(images(), draw.choice).square().mean().backward()      # type: ignore[no-untyped-call]
    assert all(table.grad is None for table in sampler.alphas.parameters)
    assert all(weight.grad is not None for weight in sampler.supernet.parameters())


def test_a_descent_along_the_gradient_agrees_with_differences() -> None:
    sampler, x = shaken(), images()
    for table in sampler.alphas.parameters:
        table.data = torch.randn(table.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))

    def loss() -> Tensor:
        found: Tensor = sampler.supernet(x, sampler.blend(sampler.alphas.probabilities())).square().mean()
        return found

    gradients = torch.autograd.grad(loss(), sampler.alphas.parameters)
    for table, gradient in zip(sampler.alphas.parameters, gradients, strict=True):
        with torch.no_grad():
            table[0, 0] += 1e-6
            more = loss()
            table[0, 0] -= 2e-6
            less = loss()
            table[0, 0] += 1e-6
        assert float(gradient[0, 0]) == pytest.approx(float((more - less) / 2e-6), rel=1e-3, abs=1e-8)


def test_what_is_derived_has_the_largest_alphas() -> None:
    sampler, member = made(), SPACE.sample(Random(5)).architecture
    for dimension, table in certain(member).items():
        sampler.alphas.tables[dimension].data = 3 * table.float()
    assert sampler.derived() == member and SPACE.contains(made().derived())
    step: Any = None
    kept = sampler.report(step)["kept"]
    assert ["stage 1 block 1", str(member.genotype["stage_1_block_1_kernel"])] in kept["kernel"]
    assert sum(map(len, kept.values())) == len(member.genotype) and sampler.tables["depth"].edges == ("stage 1", "stage 2")


def test_alphas_move_only_after_the_first_epochs_and_only_when_they_learn() -> None:
    for epoch, moved in ((0, False), (1, True)):
        sampler, x = made(after=1), torch.randn(4, *SHAPE)
        before = [table.detach().clone() for table in sampler.alphas.parameters]
        step: Any = SimpleNamespace(epoch=epoch,
                                    validation_loss=lambda choice, net=sampler.supernet, x=x: net(x, choice).mean())
        weights = [weight.detach().clone() for weight in sampler.supernet.parameters()]
        sampler.learn(step)
        assert any(not torch.equal(a, b) for a, b in zip(before, sampler.alphas.parameters, strict=True)) == moved
        assert all(torch.equal(a, b) for a, b in zip(weights, sampler.supernet.parameters(), strict=True))


def test_a_training_that_was_cut_goes_on_as_if_it_had_not_been() -> None:
    small = Slimmable(channels=8, stages=1, kernels=(3, 5), depths=(1, 2), expansions=(2, 3))
    whole, cut = (Sharing(made(small), splits(), 0.5, PLAN) for _ in range(2))
    for _ in range(3):
        whole.advance()
        cut.advance()
        saved, cut = cut.state_dict(), Sharing(made(small), splits(), 0.5, PLAN)
        cut.load_state_dict(saved)
    assert flat(whole.state_dict()) == flat(cut.state_dict())
    report = whole.sampler.report(None)                                     # type: ignore[arg-type]
    assert set(report["alphas"]) == set(report["entropy"]) == {"depth", "kernel", "expansion"}
    assert small.contains(Architecture(**report["derived"]))
