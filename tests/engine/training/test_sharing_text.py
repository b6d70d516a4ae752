"""Shared weights on text: the state is carried once a step, whatever is asked in between, and scores are bits."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.nets.mixture import Learning, Mixture
from engine.nets.path_dropout import PathDropout
from engine.nets.paths import Paths
from engine.nets.recurrent_mixture import RecurrentMixture
from engine.nets.supernet import Choice
from engine.phases import Site
from engine.spec import parse_space
from engine.strategies.darts import Options
from engine.training.sharing import Chosen, Sharing, SharingPlan
from engine.training.trainer import seed_torch
from tests.engine.training.test_language import splits
from tests.engine.training.test_sharing import flat

torch.set_num_threads(1)
PLAN = SharingPlan(epochs=4, batch_size=3, lr=0.5, last_lr=0.5, momentum=0.5, weight_decay=1e-3, clip=0.25, seed=3)
GIVEN = {"kind": "recurrent_cell", "nodes": 2, "embedding": 4, "hidden": 4, "dropout_hidden": 0.2}


def made(kind: str = "mixture", **given: Any) -> Sharing:
    seed_torch(3, cuda=False)
    space = parse_space({**GIVEN, **given})[1]
    site = Site(space, Options(), (5,), 5, 3, kind="text")
    sampler = {"paths": lambda: Paths(site), "dropout": lambda: PathDropout(site, 0.3, 2),
               "first": lambda: Mixture(site, Learning(0.05, (0.9, 0.999), 1e-3)),
               "mixture": lambda: Mixture(site, Learning(0.05, (0.9, 0.999), 1e-3, True))}[kind]()
    return Sharing(sampler, splits(200), 0.5, PLAN)


def cells(sharing: Sharing) -> list[RecurrentMixture]:
    return [module for module in sharing.supernet.modules() if isinstance(module, RecurrentMixture)]


def spied(sharing: Sharing) -> list[tuple[bool, Tensor | None, Tensor]]:
    """Of each window that is read: whether in evaluation, the state before and after."""
    seen: list[tuple[bool, Tensor | None, Tensor]] = []
    [cell] = cells(sharing)
    cell.register_forward_hook(lambda module, given, out: seen.append(
        (module.training, None if module.start is None else module.start.clone(), out[:, -1].detach())))
    return seen


def test_the_parts_are_stretches_of_the_text() -> None:
    sharing = made()
    learn, choose = sharing.w_train.train, sharing.arch_val.train
    assert torch.equal(torch.cat([learn.indices, choose.indices]), sharing.w_train.train.indices.new_tensor(range(159)))
    assert sharing.weight_steps == sharing.learning.steps_per_epoch > 3


@pytest.mark.parametrize("kind", ["first", "mixture", "paths"])
def test_every_window_of_a_part_begins_where_the_one_before_has_ended(kind: str) -> None:
    """The second order reads the training window four times: each time from the same state, and the last one counts."""
    sharing = made(kind)
    seen = spied(sharing)
    reads = {"first": (1, 1), "mixture": (4, 1), "paths": (1, 0)}[kind]        # of w-train and of arch-val in a step
    order = {"first": "vt", "mixture": "tvttt", "paths": "t"}[kind]
    ends: dict[str, Tensor | None] = {"t": None, "v": None}
    for _ in range(3):
        seen.clear()
        sharing.advance()
        assert len(seen) == sum(reads)
        for part in "tv":
            mine = [each for each, which in zip(seen, order, strict=True) if which == part]
            for _, start, _ in mine:
                assert start is None if ends[part] is None else torch.equal(start, ends[part])
            ends[part] = mine[-1][2] if mine else None
    assert kind == "paths" or not torch.equal(ends["t"], ends["v"]), "neither reads with the other's state"


def test_an_epoch_begins_without_a_state_and_a_report_disturbs_nothing() -> None:
    one, other = made("first"), made("first")
    one.sampler.report = lambda step: {                 # type: ignore[method-assign]
        "loss": step.validation_loss(Choice(one.supernet.relaxed.everything)).item()}          # type: ignore[union-attr]
    seen = spied(one)
    while not one.advance():
        pass
    one.report()
    seen.clear()
    one.advance()
    assert [start for _, start, _ in seen[-1:]] == [None]
    while not other.advance():
        pass
    other.advance()
    assert flat(one.state_dict()) == flat(other.state_dict())


@pytest.mark.parametrize("kind", ["mixture", "paths", "dropout"])
def test_cut_at_any_step_it_is_the_unbroken_training(kind: str) -> None:
    whole = made(kind)
    steps = whole.steps_per_epoch + 2
    reports = [whole.report() for _ in range(steps) if whole.advance()]
    for cut in (1, whole.steps_per_epoch):
        part = made(kind)
        early = [part.report() for _ in range(cut) if part.advance()]
        buffer = io.BytesIO()
        torch.save(part.state_dict(), buffer)
        rest = made(kind)
        rest.load_state_dict(torch.load(io.BytesIO(buffer.getvalue()), weights_only=True))
        late = [rest.report() for _ in range(steps - cut) if rest.advance()]
        assert early + late == reports and flat(rest.state_dict()) == flat(whole.state_dict())


def test_scores_are_minus_the_bits_of_a_character() -> None:
    sharing = made()
    while not sharing.advance():
        pass
    report = sharing.report()
    for part in ("train", "valid"):
        assert report[f"{part}_score"] == pytest.approx(-report[f"{part}_loss"] / math.log(2), rel=1e-5)
    assert -4 < report["valid_score"] < 0
    architecture = sharing.sampler.space.parse({"recurrent": [["tanh", 0], ["relu", 1]], "concat": [1, 2]})
    assert -10 < sharing.score(sharing.sampler.choice(architecture)) < 0
    assert sharing.supernet.training


def test_a_measure_reads_without_dropout() -> None:
    sharing = made("first")
    sharing.advance()
    seen = spied(sharing)
    sharing.report()
    assert seen and not any(training for training, _, _ in seen)


def test_parts_of_a_batch_carry_their_own_rows_of_the_state() -> None:
    """Three ghost batches of one stream each."""
    sharing = made("paths", search_norm=False)
    task, choice = sharing.learning, Choice(sharing.supernet.relaxed.everything)
    sharing.supernet.eval()
    batches = [task.batch(0, position) for position in range(2)]
    for position, (inputs, labels) in enumerate(batches):
        task.batch(0, position)
        for k in range(3):
            task.loss(Chosen(sharing.supernet, choice), inputs[k:k + 1], labels[k:k + 1], (k, 3))
    apart = task.states
    task.load_state_dict({})
    for position, (inputs, labels) in enumerate(batches):
        task.batch(0, position)
        task.loss(Chosen(sharing.supernet, choice), inputs, labels)
    assert len(apart) == 1 and torch.allclose(apart[0], task.states[0], rtol=1e-4, atol=1e-6)


def test_gradients_of_the_weights_are_clipped() -> None:
    sharing = made("first")
    sharing.plan = replace(PLAN, clip=1e-6)
    before = [weight.clone() for weight in sharing.weights]
    sharing.advance()
    moved = torch.cat([(weight - old).flatten() for weight, old in zip(sharing.weights, before, strict=True)])
    assert 0 < moved.norm() <= 0.5 * (1e-6 + 1e-3 * torch.cat([old.flatten() for old in before]).norm()) * 1.001


def test_what_a_path_does_not_use_stays_bit_for_bit() -> None:
    sharing = made("paths", form="enas", nodes=3)
    space = sharing.sampler.space                       # type: ignore[attr-defined]
    for _ in range(4):
        sharing.advance()
    architecture = space.parse({"first": "tanh", "recurrent": [["relu", 0], ["identity", 0]]})
    sharing.sampler.drawn = lambda step: [architecture]                # type: ignore[attr-defined]
    before = {name: value.clone() for name, value in sharing.supernet.named_parameters()}
    sharing.advance()
    moved = {name for name, value in sharing.supernet.named_parameters() if not torch.equal(before[name], value)}
    assert moved == sharing.supernet.used(space.path(architecture))    # type: ignore[operator]
    assert "cell_1.weights.1.1.weight" in set(before) - moved
