"""Progressive shrinking: stages sample what they allow, begin as they should, and steps are the same after any cut."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine.nets.channel_order import families, importance
from engine.nets.sampler import Draw
from engine.nets.shrinking import BINS, Shrinking
from engine.phases import Site
from engine.spaces.slimmable import Slimmable
from engine.strategies.once_for_all import OnceForAll, Options
from engine.training.sharing import Moment, Sharing, SharingPlan
from engine.training.trainer import seed_torch
from tests.engine.training.test_sharing import flat, splits

torch.set_num_threads(1)
SPACE = Slimmable(channels=8, stages=1, kernels=(3, 5), depths=(1, 2), expansions=(2, 3, 4))
SHAPE = (1, 8, 8)
OPTIONS = Options(epochs=10, batch_size=16, lr=0.05, full=2, kernel=2, depth=2, width=4)


def settings(epoch: int, options: Options = OPTIONS, space: Slimmable = SPACE) -> dict[str, Any]:
    return OnceForAll(space, options, 0).settings(epoch)


def made(epoch: int = 0, options: Options = OPTIONS, space: Slimmable = SPACE) -> Shrinking:
    seed_torch(0, cuda=False)
    return Shrinking(Site(space, options, SHAPE, 2, 0, settings=settings(epoch, options, space)))


def sharing(epoch: int = 0, options: Options = OPTIONS) -> Sharing:
    plan = SharingPlan(options.epochs, options.batch_size, options.lr, options.last_lr, 0.9, 0.1, None, 3, nesterov=True)
    return Sharing(made(epoch, options), splits(), 0.5, replace(plan, **settings(epoch, options)["plan"]))


def step(number: int = 0, **more: Any) -> Any:
    return SimpleNamespace(**{"rng": Random(number), "position": 1, "epoch": 0, "velocities": list, **more})


def chosen(sampler: Shrinking, draws: int = 60) -> dict[str, set[int]]:
    """What the networks of these draws have."""
    found: dict[str, set[int]] = {"kernel": set(), "depth": set(), "expansion": set()}
    for number in range(draws):
        sampler.counts = {name: Counter() for name in sampler.counts}
        sampler.counting = True
        sampler.draw(step(number))
        for name in found:
            found[name] |= set(sampler.counts[name])
    return found


@pytest.mark.parametrize(("epoch", "kernels", "depths", "expansions", "paths"), [
    (0, {5}, {2}, {4}, 1), (2, {3, 5}, {2}, {4}, 1), (4, {3, 5}, {1, 2}, {4}, 2), (6, {3, 5}, {1, 2}, {3, 4}, 4),
    (9, {3, 5}, {1, 2}, {2, 3, 4}, 4)])
def test_stages_sample_what_they_allow_and_nothing_else(epoch: int, kernels: set[int], depths: set[int],
                                                        expansions: set[int], paths: int) -> None:
    sampler = made(epoch)
    assert chosen(sampler) == {"kernel": kernels, "depth": depths, "expansion": expansions}
    assert len(sampler.draw(step())) == paths


def test_the_sandwich_adds_the_smallest_and_the_largest_that_are_allowed() -> None:
    sampler = made(6, replace(OPTIONS, sandwich=True))
    draws = sampler.draw(step())
    smallest, largest = (sampler.choice(member).graph for member in (SPACE.uniform(3, 1, 3), SPACE.largest))
    assert len(draws) == 4 + 2 and [draw.choice.graph for draw in draws[-2:]] == [smallest, largest]
    assert len(made(0, replace(OPTIONS, sandwich=True)).draw(step())) == 1


def test_the_first_stage_has_no_teacher_and_later_ones_that_which_it_left() -> None:
    sampler = made(0)
    assert sampler.draw(step())[0].teacher is None
    later = made(2)
    later.supernet.load_state_dict(sampler.supernet.state_dict())
    later.learn(step(position=0, epoch=2))
    [draw] = later.draw(step())
    x = torch.randn(4, *SHAPE)
    with torch.no_grad():
        taught = later.supernet(x, draw.teacher)
        assert torch.equal(taught, sampler.supernet(x, sampler.whole))
        for weight in later.supernet.parameters():
            weight.add_(0.1)
        assert torch.equal(later.supernet(x, draw.teacher), taught)         # whatever becomes of the weights
    later.learn(step(position=0, epoch=3))
    assert torch.equal(later.supernet(x, later.draw(step())[0].teacher), taught)


def test_in_place_the_teacher_is_the_largest_network_of_the_moment_and_nobody_teaches_it() -> None:
    options = replace(OPTIONS, teacher="largest", sandwich=True, distillation=0.5)
    sampler = made(6, options)
    sampler.learn(step(position=0, epoch=6))
    draws = sampler.draw(step())
    assert sampler.teacher == {} and {draw.teacher for draw in draws[:-1]} == {sampler.whole}
    assert draws[-1].teacher is None and {draw.lesson for draw in draws} == {0.5}
    assert {draw.teacher for draw in made(6, replace(options, distillation=0.0)).draw(step())} == {None}


def test_channels_are_sorted_when_blocks_become_narrower_and_only_then() -> None:
    for epoch, sorted_then in ((2, False), (4, False), (6, True), (7, True), (8, False)):
        sampler = made(epoch)
        before = {name: weight.clone() for name, weight in sampler.supernet.named_parameters()}
        x = torch.randn(4, *SHAPE)
        whole = sampler.supernet(x, sampler.whole)
        sampler.learn(step(position=0, epoch=epoch))
        same = all(torch.equal(weight, before[name]) for name, weight in sampler.supernet.named_parameters())
        assert same != (sorted_then and epoch == sampler.begun), epoch
        assert torch.allclose(sampler.supernet(x, sampler.whole), whole, atol=1e-5)
    [family] = {families(sampler.whole.graph)[name] for name in ("stage_1_block_1_wide_conv", "stage_1_block_1_gate")
                if name in families(sampler.whole.graph)}
    first = made(6)
    first.learn(step(position=0, epoch=6))
    values = importance(first.supernet, first.whole.graph, family)
    assert torch.equal(values, values.sort(descending=True).values)


def test_a_later_stage_of_widths_leaves_the_networks_of_the_earlier_one_as_they_are() -> None:
    sampler = made(7)
    member, x = sampler.choice(SPACE.uniform(3, 1, 3)), torch.randn(4, *SHAPE)
    assert sampler.begun == 7 and sampler.before == [4, 3]
    before, narrow = sampler.supernet(x, member), sampler.supernet(x, sampler.choice(SPACE.smallest))
    sampler.learn(step(position=0, epoch=7))
    assert torch.allclose(sampler.supernet(x, member), before, atol=1e-5)
    assert not torch.allclose(sampler.supernet(x, sampler.choice(SPACE.smallest)), narrow, atol=1e-4)


def test_a_stage_begins_with_a_fresh_optimiser() -> None:
    velocities = [torch.ones(3), None, torch.ones(2)]
    for epoch, position, value in ((2, 1, 1.0), (3, 0, 1.0), (2, 0, 0.0)):
        made(2).learn(step(position=position, epoch=epoch, velocities=lambda: velocities))
        assert all((v == value).all() for v in velocities if v is not None)


def test_the_report_counts_what_steps_trained_and_nothing_that_was_only_measured() -> None:
    run = sharing(9)
    run.epoch = 9
    while not run.advance():
        pass
    report = run.report()
    counts = {name: dict(rows) for name, rows in report["sampled"].items()}
    assert sum(counts["depth"].values()) == 4 * run.weight_steps == sum(report["sizes"]["trained"])
    blocks = sum(depth * number for depth, number in counts["depth"].items())
    assert sum(counts["kernel"].values()) == sum(counts["expansion"].values()) == blocks
    assert len(report["sizes"]["trained"]) == len(report["sizes"]["space"]) == BINS
    assert report["sizes"]["low"] < report["sizes"]["high"]


def velocities(run: Sharing) -> list[Any]:
    return Moment(run, 0, 0, 0).velocities()


@pytest.mark.parametrize("options", [OPTIONS, replace(OPTIONS, sandwich=True, teacher="largest")], ids=["full", "in place"])
def test_what_a_step_does_not_use_does_not_move(options: Options) -> None:
    """After a step with all there is: momentum, weight decay and all."""
    run = sharing(0, options)
    run.advance()
    stage = sharing(2, options)
    stage.load_state_dict(run.state_dict())
    stage.epoch = 2
    stage.advance()
    drawn = [Draw(stage.sampler.choice(SPACE.uniform(3, 1, 2)))]
    stage.sampler.draw = lambda moment: drawn                           # type: ignore[method-assign]
    before = {name: weight.detach().clone() for name, weight in stage.supernet.named_parameters()}
    memory = {name: velocity.clone() for (name, _), velocity in zip(stage.supernet.named_parameters(), velocities(stage),
                                                                    strict=True) if velocity is not None}
    parts = stage.parts(drawn)
    stage.advance()
    after = dict(zip(before, velocities(stage), strict=True))
    used = {name for name, weight in stage.supernet.named_parameters() if weight.grad is not None}
    for name, weight in stage.supernet.named_parameters():
        mask = parts.get(weight, torch.full_like(weight, name in used, dtype=torch.bool))
        assert torch.equal(weight[~mask], before[name][~mask])
        velocity = after[name]
        assert velocity is None or torch.equal(velocity[~mask], memory.get(name, torch.zeros_like(velocity))[~mask])
    assert parts and len(used) < len(before) and not list(stage.supernet.buffers())


def test_cut_at_any_step_of_any_stage_it_goes_on_as_if_it_had_not_been() -> None:
    short = replace(OPTIONS, epochs=5, full=1, kernel=1, depth=1, width=2)

    def states(cut: bool) -> list[Any]:
        run, found = sharing(0, short), []
        for epoch in range(short.epochs):
            saved = run.state_dict()
            run = sharing(epoch, short)                 # a new order may come to another process
            run.load_state_dict(saved)
            while not run.advance():
                if cut:
                    buffer = io.BytesIO()
                    torch.save(run.state_dict(), buffer)
                    run = sharing(epoch, short)
                    run.load_state_dict(torch.load(io.BytesIO(buffer.getvalue()), weights_only=True))
            found.append(flat(run.state_dict()))
        return found

    assert states(True) == states(False)
