"""A supernet with generated kernels: what depends on the architecture, where gradients go, what decay spares."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from engine.errors import Invalid
from engine.nets.generated import Generated, GeneratedPaths, Noisy
from engine.nets.hypernetwork import cut
from engine.nets.supernet import Choice
from engine.phases import Site
from engine.spec import parse_space
from engine.training.sharing import Sharing, SharingPlan
from engine.training.trainer import seed_torch
from tests.engine.nets.test_hypernetwork import CELL_201, DARTS, SMALL, SPACES, member, net
from tests.engine.training.test_sharing import splits

X = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def paths(space: Any = CELL_201) -> GeneratedPaths:
    seed_torch(0, cuda=False)
    return GeneratedPaths(Site(space, None, (1, 8, 8), 2, 0), SMALL)


def sharing(decay: float = 0.1, **more: Any) -> Sharing:
    plan = {"epochs": 2, "batch_size": 16, "lr": 1e-3, "last_lr": 0.0, "momentum": 0.5, "weight_decay": decay, "clip": None,
            "seed": 3, "adam": (0.5, 0.999, 1e-4), "smooth": True, **more}
    return Sharing(paths(), splits(), 0.5, SharingPlan(**plan))


@SPACES
def test_the_same_architecture_and_noise_give_the_same_kernels_and_another_gives_others(space: Any) -> None:
    made = net(space)
    one, other = (Choice(space.path(member(space, number))) for number in (0, 1))
    first, again, second = made.generate(one, 5, X), made.generate(one, 5, X), made.generate(other, 5, X)
    assert all(torch.equal(first[name], again[name]) for name in first)
    both = set(first) & set(second)
    assert both and all(not torch.allclose(first[name], second[name], atol=1e-6) for name in both if first[name].numel() > 1)
    noisy = made.generate(one, 6, X)
    assert all(not torch.allclose(first[name], noisy[name], atol=1e-6) for name in first if first[name].numel() > 1)
    assert all(weight.norm().item() == pytest.approx(1.0, abs=1e-5) for weight in first.values())


@SPACES
def test_kernels_are_no_leaves_and_the_hypernetwork_gets_the_gradient(space: Any) -> None:
    made = net(space)
    choice = Noisy(space.path(member(space, 0)), noise=Random(0))
    assert all(not weight.is_leaf for weight in made.generate(choice, 0, X).values())
    made(X, choice).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in made.hypernetwork.first.parameters())
    own = {name.rpartition(".")[0] for name, _ in made.named_parameters()}
    assert not own & set(made.lent)                             # nothing for an optimizer to keep


@SPACES
def test_shared_weights_outside_the_path_get_no_gradient(space: Any) -> None:
    made = net(space)
    path = space.path(member(space, 2))
    made(X, Noisy(path, noise=Random(0))).sum().backward()
    used = made.used(path)
    shared = {name: weight for name, weight in made.named_parameters() if not name.startswith("hypernetwork")}
    assert set(shared) - used and all(shared[name].grad is None for name in set(shared) - used)
    assert all(shared[name].grad is not None for name in used & set(shared))


def test_output_units_that_a_kernel_does_not_have_send_back_nothing() -> None:
    made = net(CELL_201)                                        # kernels of two units in slices of four
    order, code = made.code(Choice(CELL_201.path(member(CELL_201, 0))))
    picture = torch.randn(SMALL.outputs, SMALL.inputs * code.shape[3], requires_grad=True)
    sum(weight[0, 0, 0, 0] for weight in cut(picture, order, SMALL).values()).backward()   # type: ignore[union-attr]
    narrow = [at for at, each in enumerate(k for k in order for _ in range(k.grid(SMALL)[0] * k.grid(SMALL)[1]))
              if each.outputs <= 2]
    assert narrow and picture.grad is not None and not picture.grad[2:, [2 * at for at in narrow]].any()


def test_it_computes_what_a_network_with_these_kernels_computes() -> None:
    made, path = net(CELL_201), CELL_201.path(member(CELL_201, 3))
    weights = made.generate(Choice(path), Random(4).getrandbits(63), X)
    found = made(X, Noisy(path, noise=Random(4)))
    for name, weight in weights.items():
        stride = made.lent[name].node.settings["stride"]
        conv = nn.Conv2d(weight.shape[1], weight.shape[0], 1, stride, bias=False)
        conv.weight.data = weight.detach()
        setattr(made, name, conv)
    assert torch.equal(found, super(Generated, made).forward(X, Choice(path)))


def test_every_pass_has_noise_of_its_own_and_ranking_repeats_itself() -> None:
    sampler, one = paths(), member(CELL_201, 0)
    choice = sampler.choice(one)
    with torch.no_grad():
        first, second = sampler.supernet(X, choice), sampler.supernet(X, choice)
        again = sampler.supernet(X, sampler.choice(one))
    assert not torch.equal(first, second) and torch.equal(first, again)
    draws = [sampler.draw(SimpleNamespace(rng=Random(number)))[0].choice for number in (0, 0, 1)]  # type: ignore[arg-type]
    assert draws[0].path == draws[1].path and draws[0].noise.random() == draws[1].noise.random() != draws[2].noise.random()


def test_decay_moves_what_is_shared_and_never_the_hypernetwork() -> None:
    made = sharing()
    decays = {id(weight): group["weight_decay"] for group in made.optimizer.param_groups for weight in group["params"]}
    assert len(decays) == len(made.weights) and isinstance(made.optimizer, torch.optim.Adam)
    for name, weight in made.supernet.named_parameters():
        assert decays[id(weight)] == (0.0 if name.startswith("hypernetwork") else 0.1)


def test_the_rate_falls_in_every_step_and_both_networks_learn() -> None:
    made, rates = sharing(), []
    before = {name: weight.detach().clone() for name, weight in made.supernet.named_parameters()}
    while made.epoch < 2:
        made.advance()
        rates.append(made.optimizer.param_groups[1]["lr"])
    assert all(later < earlier for earlier, later in zip(rates, rates[1:], strict=False)) and rates[0] == 1e-3
    moved = {name for name, weight in made.supernet.named_parameters() if not torch.equal(weight, before[name])}
    assert any(name.startswith("hypernetwork") for name in moved) and "stem_conv.weight" in moved


def test_cut_in_the_middle_it_takes_the_same_steps() -> None:
    whole, cut_off = sharing(), sharing()
    for _ in range(3):
        whole.advance()
    cut_off.advance()
    later = sharing()
    later.load_state_dict(cut_off.state_dict())
    for _ in range(2):
        later.advance()
    assert all(torch.equal(a, b) for a, b in zip(whole.weights, later.weights, strict=True))


def test_a_space_without_dense_kernels_is_refused() -> None:
    fabric = parse_space({"kind": "fabric", "preset": "cpu", "layers": 2, "scales": 1})[1]
    with pytest.raises(Invalid, match="no dense 1×1"):
        Generated(Site(fabric, None, (1, 8, 8), 2, 0), SMALL)
    assert net(DARTS).lent
