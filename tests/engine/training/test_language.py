"""Reading text: streams side by side, a state that is carried but never crosses an epoch or a split, bits that add up."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.datasets.arrays import Text
from engine.errors import NonFinite
from engine.nets.build import build
from engine.spaces.recurrent_cell import RecurrentCell
from engine.training import language
from engine.training.data import Split, Splits, split
from engine.training.language import Language, carriers, perplexity, score, streams
from engine.training.trainer import Plan, Training
from tests.engine.training.test_trainer import bits, run, through_a_file

torch.set_num_threads(1)
SPACE = RecurrentCell(nodes=2, embedding=8, hidden=8, layers=2, dropout_hidden=0.2, dropout_input=0.2)
GENOTYPE = {"recurrent": [["tanh", 0], ["relu", 0]], "concat": [1, 2]}
PLAN = Plan(epochs=2, batch_size=3, lr=0.02, optimizer="adamw", seed=4, clip=1.0)


def splits(count: int = 120, window: int = 5) -> Splits:
    """A text whose next character follows from the last two."""
    codes = [0, 1]
    while len(codes) < count + 40:
        codes.append((codes[-1] + codes[-2] + 1) % 5)
    given = np.array(codes, np.uint8)
    return split(Text(given[:count], given[count:], tuple("abcde"), window), 0.2, None, 0)


def model(space: RecurrentCell = SPACE, window: int = 5) -> nn.Module:
    torch.manual_seed(0)
    return build(space.network(space.parse(GENOTYPE), (window,), 5), (window,))


def training(plan: Plan = PLAN, data: Splits | None = None) -> Training:
    return Training(model(), data or splits(), plan)


def test_streams_are_stretches_of_the_text_one_below_another() -> None:
    assert streams(torch.arange(11), 3).tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_windows_follow_each_other_in_every_stream() -> None:
    data = splits()
    task = Language(data, 3, 0.0)
    read = torch.cat([task.batch(0, position)[0] for position in range(task.steps_per_epoch)], 1)
    wanted = torch.cat([task.batch(0, position)[1] for position in range(task.steps_per_epoch)], 1)
    each = len(data.train) // 3
    assert read.shape == (3, each // 5 * 5) and read.dtype == torch.int64
    for row in range(3):
        assert torch.equal(read[row], data.train.inputs[row * each: row * each + read.shape[1]].long())
    assert torch.equal(wanted[:, :-1], read[:, 1:]), "the label of a character is what follows it"


@pytest.mark.parametrize("batch", [2, 64, 8192])
def test_there_are_no_more_streams_than_the_text_has_windows(batch: int) -> None:
    task = Language(splits(), batch, 0.0)
    assert task.steps_per_epoch >= 1 and 1 <= len(task.inputs) <= min(batch, 19)


class Spy(nn.Module):
    """Notes with which state each window was read."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.seen = inner, []

    def forward(self, x: Tensor) -> Tensor:
        starts = [layer.start for layer in carriers(self.inner)]
        out: Tensor = self.inner(x)
        self.seen.append((starts, [layer.end for layer in carriers(self.inner)], self.training))
        return out


def spied(plan: Plan = PLAN) -> list[Any]:
    watched = Training(Spy(model()), splits(), plan)                # type: ignore[arg-type]
    run(watched)
    return watched.model.seen                                       # type: ignore[return-value]


def test_each_window_begins_where_the_one_before_ended_and_an_epoch_with_nothing() -> None:
    learnt = [(starts, ends) for starts, ends, training in spied() if training]
    steps = len(learnt) // 2
    assert steps > 2
    for number, (starts, _) in enumerate(learnt):
        if number % steps == 0:
            assert starts == [None, None]
        else:
            assert all(torch.equal(start, end) for start, end in zip(starts, learnt[number - 1][1], strict=True))
            assert not any(start.requires_grad for start in starts), "gradients end at the border"


def test_validation_begins_with_nothing_and_leaves_nothing_behind() -> None:
    seen = spied()
    scored = [number for number, (_, _, training) in enumerate(seen) if not training]
    assert seen[scored[0]][0] == [None, None]
    after = next(number for number in range(scored[0], len(seen)) if seen[number][2])
    assert seen[after][0] == [None, None], "the epoch after it begins as every epoch does"
    watched = training()
    watched.advance()
    held = bits(watched.task.state_dict())
    score(watched.model, watched.splits, watched.splits.validation)
    assert bits(watched.task.state_dict()) == held and carriers(watched.model)[0].start is None


def test_resuming_at_any_step_equals_never_having_stopped() -> None:
    unbroken = bits(run(training()).state_dict())
    steps = training().steps
    assert steps > 6
    for cut in range(steps + 1):
        first = training()
        for _ in range(cut):
            first.advance()
        state = through_a_file(first.state_dict())
        torch.manual_seed(1000 + cut)
        second = Training(build(SPACE.network(SPACE.parse(GENOTYPE), (5,), 5), (5,)), splits(), PLAN)
        second.load_state_dict(state)
        assert bits(run(second).state_dict()) == unbroken, f"cut at step {cut}"


def test_leaving_out_the_state_would_be_seen() -> None:
    first = training()
    for _ in range(3):
        first.advance()
    second = training()
    second.load_state_dict({**first.state_dict(), "task": {}})
    assert bits(run(second).state_dict()) != bits(run(training()).state_dict())


def test_tied_weights_stay_tied_through_a_checkpoint() -> None:
    first = training()
    first.advance()
    second = training()
    second.load_state_dict(through_a_file(first.state_dict()))
    run(second)
    assert second.model.get_parameter("decoder.weight") is second.model.get_parameter("embedding.weight")


def test_it_learns_what_follows_from_what_was_read() -> None:
    data = splits(count=2000)
    task = run(training(replace(PLAN, epochs=8, batch_size=8), data))
    assert task.curve[-1] > -0.6, "where guessing costs 2.3 bits"
    assert task.curve[0] < task.curve[-1] and task.train_curve[-1] < task.train_curve[0]
    assert score(task.model, data, data.test) > -1.2


def test_validation_text_is_never_learnt_from() -> None:
    data = splits()
    blank = replace(data, validation=Split(data.validation.inputs * 0, data.validation.labels * 0, data.validation.indices))
    assert bits(run(training(data=data)).model.state_dict()) == bits(run(training(data=blank)).model.state_dict())


def test_the_score_is_minus_the_bits_of_a_character(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in one stream and at once, it is the cross entropy over the logarithm of two."""
    network, data = model().eval(), splits()
    monkeypatch.setattr(language, "STREAMS", 1)
    with torch.inference_mode():
        scores = network(data.validation.inputs[None].long())
    expected = cross_entropy(scores[0], data.validation.labels).item() / math.log(2)
    assert score(network, data, data.validation) == pytest.approx(-expected, abs=1e-6)


def test_guessing_costs_the_logarithm_of_the_alphabet() -> None:
    class Guess(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.zeros(*x.shape, 5)

    found = score(Guess(), splits(), splits().test)
    assert found == pytest.approx(-math.log2(5)) and perplexity(found)["perplexity"] == pytest.approx(5)
    assert math.isfinite(perplexity(-1e9)["perplexity"])


def test_bits_that_are_no_number_are_no_score() -> None:
    network = model()
    nn.init.constant_(network.get_parameter("embedding.weight"), float("nan"))
    with pytest.raises(NonFinite):
        score(network, splits(), splits().test)
