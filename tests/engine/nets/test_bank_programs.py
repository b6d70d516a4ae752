"""Programs on memory banks with generated weights: what they compute, where gradients go, how their limits grow."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.architecture.architecture import Architecture
from engine.nets.bank_programs import Banked, BankPrograms, Window, middle
from engine.nets.build import build
from engine.nets.hypernetwork import Size
from engine.phases import Site
from engine.spaces.memory_bank import MemoryBank
from engine.training.sharing import Sharing, SharingPlan
from engine.training.trainer import seed_torch
from tests.engine.nets.test_bank_code import SPACE
from tests.engine.spaces.test_memory_bank import FOUR, made, reference
from tests.engine.training.test_sharing import splits

torch.set_num_threads(1)
SMALL = Size(2, 2, 1, (2,), 4)
SHAPE = (1, 8, 8)
X = torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(0))


def programs(space: MemoryBank = SPACE) -> BankPrograms:
    seed_torch(0, cuda=False)
    return BankPrograms(Site(space, None, SHAPE, 2, 0), SMALL)


def some(space: MemoryBank, number: int) -> list[Architecture]:
    return [proposal.architecture for proposal in space.sample_many(Random(3), number)]


def alone(net: Banked, graph: Any, weights: dict[str, Tensor]) -> torch.nn.Module:
    """The network by itself, with its slices of the shared weights and the generated kernels."""
    found = build(graph, SHAPE)
    state = found.state_dict()
    for node in graph:
        if node.name in weights:
            state[f"{node.name}.weight"] = weights[node.name]
        elif isinstance(module := net.layers[node.name], Window):
            own = module.weight
            outputs, inputs, kernel, _ = state[f"{node.name}.weight"].shape
            window = middle(own.shape[-1], kernel)
            state[f"{node.name}.weight"] = own[:outputs, :inputs, window, window]
        else:
            for name, value in module.named_parameters():
                shape = state[f"{node.name}.{name}"].shape
                state[f"{node.name}.{name}"] = value[tuple(map(slice, shape))]
    found.load_state_dict(state)
    return found.train()


def test_a_program_computes_what_its_network_computes() -> None:
    sampler = programs()
    with torch.no_grad():
        for architecture in some(SPACE, 6):
            choice = sampler.choice(architecture)
            weights = sampler.supernet.generate(choice, sampler.choice(architecture).noise.getrandbits(63), X)  # type: ignore[union-attr]
            net = alone(sampler.supernet, choice.graph, weights)
            found = sampler.supernet(X, choice)
            assert torch.allclose(found, net(X), rtol=1e-4, atol=1e-5)
            assert torch.allclose(found, reference(net, SPACE, SPACE.program(architecture), X), rtol=1e-4, atol=1e-5)


def test_the_same_program_and_noise_give_the_same_kernels_and_another_gives_others() -> None:
    sampler = programs(FOUR)
    net = sampler.supernet
    one, other = (sampler.choice(made(FOUR, "0", pair)) for pair in (("1", "1"), ("1", "2")))
    [first], [again], [second] = (net.generate(choice, 5, X).values() for choice in (one, one, other))
    assert torch.equal(first, again) and first.shape == second.shape and not torch.allclose(first, second, atol=1e-6)
    [noisy] = net.generate(one, 6, X).values()
    assert not torch.allclose(first, noisy, atol=1e-6) and first.norm().item() == pytest.approx(1.0, abs=1e-5)


def test_every_pass_has_noise_of_its_own_and_ranking_repeats_itself() -> None:
    sampler, [one] = programs(), some(SPACE, 1)
    choice = sampler.choice(one)
    with torch.no_grad():
        first, second, again = (sampler.supernet(X, each) for each in (choice, choice, sampler.choice(one)))
    assert not torch.equal(first, second) and torch.equal(first, again)


def test_kernels_are_no_leaves_and_the_hypernetwork_gets_the_gradient() -> None:
    sampler, [one] = programs(), some(SPACE, 1)
    net = sampler.supernet
    assert all(not weight.is_leaf for weight in net.generate(sampler.choice(one), 0, X).values())
    net(X, sampler.choice(one)).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in net.hypernetwork.first.parameters())
    assert not [name for name, _ in net.named_parameters() if "_point" in name]     # nothing for an optimizer to keep
    assert {id(weight) for weight in net.undecayed} == {id(weight) for weight in net.hypernetwork.parameters()}


def test_operations_of_a_block_share_one_kernel() -> None:
    net = programs().supernet
    shared = [name for name, module in net.named_modules() if isinstance(module, Window)]
    assert shared == ["block_1_conv", "block_2_conv"]
    assert net.layers["block_1_op_1_conv"] is net.layers["block_1_op_2_conv"] is net.layers["block_1_conv"]
    assert net.layers["block_1_conv"].weight.shape == (12, 8, 5, 5)


def test_slices_outside_the_active_range_get_no_gradient_and_do_not_move() -> None:
    space = MemoryBank(blocks=1, banks=4, channels=4, ops=1, kernels=(3, 5, 7), dilations=(1,), groups=(2,), units=(1, 2))
    sampler = programs(space)
    architecture = made(space, "0", ("1", "1+2"))           # 3×3, one bank in two groups, two banks out
    choice, weight = sampler.choice(architecture), sampler.supernet.layers["block_1_conv"].weight
    assert weight.shape == (16, 8, 7, 7)
    sampler.supernet(X, choice).square().sum().backward()
    inside = torch.zeros_like(weight, dtype=torch.bool)
    inside[:8, :2, 2:5, 2:5] = True
    assert weight.grad is not None and not weight.grad[~inside].any() and weight.grad[inside].abs().min() > 0
    parts = sampler.supernet.parts([choice])
    assert torch.equal(parts[weight], inside)


def sharing(**more: Any) -> Sharing:
    plan = {"epochs": 2, "batch_size": 16, "lr": 1e-2, "last_lr": 0.0, "momentum": 0.5, "weight_decay": 0.1, "clip": None,
            "seed": 3, "adam": (0.5, 0.999, 1e-4), "smooth": True, **more}
    return Sharing(programs(), splits(), 0.5, SharingPlan(**plan))


def test_a_step_moves_only_what_its_program_uses() -> None:
    whole, drawn = sharing(), []
    sampler: Any = whole.sampler
    draw = sampler.draw
    sampler.draw = lambda step: drawn.append(draw(step)) or drawn[-1]
    for _ in range(3):
        before = {name: weight.detach().clone() for name, weight in whole.supernet.named_parameters()}
        whole.advance()
        [used] = drawn[-1]
        masks = {id(weight): mask for weight, mask in sampler.supernet.parts([used.choice]).items()}
        names = {node.name for node in used.choice.graph}
        for name, weight in whole.supernet.named_parameters():
            changed = weight.detach() != before[name]
            if id(weight) in masks:
                assert not changed[~masks[id(weight)]].any() and changed[masks[id(weight)]].any()
            elif "_op_" in name and name.rpartition(".")[0] not in names:
                assert not changed.any()


def test_cut_in_the_middle_it_takes_the_same_steps() -> None:
    whole, cut_off, later = sharing(), sharing(), sharing()
    for _ in range(3):
        whole.advance()
    cut_off.advance()
    later.load_state_dict(cut_off.state_dict())
    for _ in range(2):
        later.advance()
    assert all(torch.equal(a, b) for a, b in zip(whole.weights, later.weights, strict=True))


def test_limits_grow_over_the_first_half() -> None:
    sampler = programs(MemoryBank(blocks=1, banks=4, channels=4, ops=3, kernels=(3, 5, 7), groups=(1,)))
    most = 2 + 4 + 4
    expected = {0.0: (3, most / 2), 0.24: (3, 0.74 * most), 0.25: (5, 0.75 * most), 0.49: (5, 0.99 * most),
                0.5: (7, most), 1.0: (7, most)}
    for progress, (kernel, budget) in expected.items():
        assert sampler.limits(progress) == (kernel, pytest.approx(budget))
    assert programs(MemoryBank(blocks=1, channels=4, kernels=(5,), groups=(1,))).limits(0.0)[0] == 5


def test_what_is_drawn_keeps_the_limits() -> None:
    space = MemoryBank(blocks=2, banks=4, channels=4, ops=3, kernels=(3, 5, 7), groups=(1,))
    sampler, rng, kernels, reads = programs(space), Random(0), [], []
    for progress in (0.0, 1.0):
        drawn = [space.program(sampler.drawn(rng, progress)) for _ in range(60)]
        kernels.append({op.kernel for program in drawn for ops in program for op in ops})
        reads.append(max(sum(len(op.reads) for op in ops) for program in drawn for ops in program))
        assert all(space.contains(sampler.drawn(rng, progress)) for _ in range(5))
    assert kernels == [{3}, {3, 5, 7}] and reads[0] <= space.most / 2 < reads[1]


def test_a_report_says_how_far_the_limits_are() -> None:
    sampler, loss = programs(), torch.tensor(0.5)
    step: Any = SimpleNamespace(rng=Random(0), progress=0.25, validation_loss=lambda choice: loss)
    found = sampler.report(step)
    assert found["slices"] > 0 and found["kernel"] == 3 and found["budget"] == pytest.approx(0.75)
    assert SPACE.parse(found["standby"]["genotype"]) and sampler.state_dict() == {}
