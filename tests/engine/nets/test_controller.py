"""The controller: a law over the whole space, masks and skips among it, the same whether it writes or reads."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

import pytest
import torch

from engine.nets.controller import SKIPPED, Controller, Decision, decisions_of, steps_of
from engine.spaces.chain import Chain
from engine.spaces.choices import Choices
from engine.spaces.enas_macro import EnasMacro
from tests.engine.nets.controllers import SPACES, all_picks, controller_of

EACH = pytest.mark.parametrize("name", SPACES)


@EACH
@pytest.mark.parametrize("shared", [True, False])
def test_the_probabilities_of_all_architectures_add_up_to_one(name: str, shared: bool) -> None:
    choices = Choices(SPACES[name])
    picks = all_picks(choices)
    assert len(picks) == SPACES[name].size() <= 500
    logs, _ = controller_of(choices, shared=shared).score(picks)
    assert logs.exp().sum().item() == pytest.approx(1.0, abs=1e-12)
    assert (logs.max() - logs.min()).item() > 1.0


@EACH
def test_written_and_read_again_a_sequence_has_the_same_probability(name: str) -> None:
    choices = Choices(SPACES[name])
    controller = controller_of(choices)
    drawn = [controller.draw(choices.walk, Random(k)) for k in range(15)]
    logs, _ = controller.score(torch.tensor([one.picks for one in drawn]))
    assert [one.log_probability for one in drawn] == pytest.approx(logs.tolist(), abs=1e-12)
    for one in drawn:
        along = sum(math.log(row[number]) for row, number in zip(one.probabilities, one.picks, strict=True) if row)
        assert along == pytest.approx(one.log_probability, abs=1e-12)
        assert all(sum(row) == pytest.approx(1.0) for row in one.probabilities if row)
        assert [bool(row) for row in one.probabilities] == [number != SKIPPED for number in one.picks]


@EACH
def test_draws_follow_the_law(name: str) -> None:
    choices = Choices(SPACES[name])
    controller, rng, count = controller_of(choices, depth=1, scale=1.0), Random(3), 600
    picks = all_picks(choices)
    expected = dict(zip(map(tuple, picks.tolist()), controller.score(picks)[0].exp().tolist(), strict=True))
    found = Counter(controller.draw(choices.walk, rng).picks for _ in range(count))
    frequent = {one: p for one, p in expected.items() if p * count >= 5}
    chi = sum((found[one] - p * count) ** 2 / (p * count) for one, p in frequent.items())
    assert len(frequent) >= 4 and chi < len(frequent) + 5 * (2 * len(frequent)) ** 0.5


@EACH
def test_entropy_is_that_of_the_law(name: str) -> None:
    """The mean over the law of the sum over the decisions is the entropy of the law: the chain rule."""
    choices = Choices(SPACES[name])
    logs, entropy = controller_of(choices).score(all_picks(choices))
    assert (logs.exp() * entropy).sum().item() == pytest.approx(-(logs.exp() * logs).sum().item(), abs=1e-10)


def test_what_is_no_choice_of_a_decision_is_masked_before_the_softmax() -> None:
    choices = Choices(SPACES["masks"])
    controller = controller_of(choices)
    inputs = [at for at, p in enumerate(choices.parameters) if "input" in p.name]
    assert [len(choices.values[at]) for at in inputs] == [2, 2, 3, 3]
    assert {controller.decisions[at].head for at in inputs} == {"cell_block_#_input_#"}
    drawn = controller.draw(choices.walk, Random(0))
    assert [len(drawn.probabilities[at]) for at in inputs] == [2, 2, 3, 3]
    head = controller.heads[controller.place[controller.decisions[inputs[0]].head]]
    before = drawn.probabilities[inputs[0]]
    with torch.no_grad():
        head.bias[2] += 100.0                   # the third input, which the first block does not have
    assert controller.draw(choices.walk, Random(0)).probabilities[inputs[0]] == before


def test_a_masked_choice_gets_no_gradient_from_where_it_is_none() -> None:
    controller = Controller([Decision("op", (0, 2)), Decision("op", (0, 2))], 1, 4, 0.5, 0)
    logs, entropy = controller.score(torch.tensor([[0, 1], [1, 1]]))
    (logs + entropy).sum().backward()
    slopes = controller.heads[0].weight.grad.abs().amax(1).tolist()
    assert slopes[1] == 0.0 < min(slopes[0], slopes[2])
    assert all(bool(torch.isfinite(p.grad).all()) for p in controller.parameters() if p.grad is not None)


def test_inactive_decisions_are_stepped_over() -> None:
    """A network of one layer has the same probability whatever the weights of the second layer are."""
    choices = Choices(SPACES["conditions"])
    controller = controller_of(choices, shared=False)
    picks = all_picks(choices)
    one, two = picks[picks[:, 0] == 0], picks[picks[:, 0] == 1]
    before = [controller.score(rows)[0] for rows in (one, two)]
    with torch.no_grad():
        for name, place in controller.place.items():
            if name.startswith("block_2"):
                controller.heads[place].weight += 1.0 * torch.arange(len(controller.heads[place].weight))[:, None]
                controller.embeddings[place].weight += 1.0
    assert torch.equal(controller.score(one)[0], before[0])
    assert not torch.allclose(controller.score(two)[0], before[1])


def test_a_mixed_batch_is_scored_as_each_sequence_alone() -> None:
    choices = Choices(SPACES["conditions"])
    controller, picks = controller_of(choices), all_picks(choices)
    alone = torch.cat([controller.score(row[None])[0] for row in picks])
    assert torch.allclose(controller.score(picks)[0], alone, atol=1e-12)


@EACH
def test_later_choices_depend_on_what_was_chosen_not_on_what_was_likeliest(name: str) -> None:
    choices = Choices(SPACES[name])
    controller, first, seen = controller_of(choices), set(), set()
    for k in range(20):
        drawn = controller.draw(choices.walk, Random(k))
        first.add(tuple(drawn.probabilities[0]))
        seen.add(tuple(drawn.probabilities[max(at for at, row in enumerate(drawn.probabilities) if row)]))
    assert len(first) == 1 and len(seen) > 2


def test_without_chance_each_choice_is_the_likeliest() -> None:
    choices = Choices(SPACES["skips"])
    drawn = controller_of(choices).draw(choices.walk, None)
    assert all(row[number] == max(row) for row, number in zip(drawn.probabilities, drawn.picks, strict=True))


def test_a_skip_has_the_probability_of_the_attention_between_two_anchors() -> None:
    choices = Choices(EnasMacro(layers=2, ops=("conv_3x3",)))
    controller = controller_of(choices, depth=1)
    cell, start = controller.lstm[0], controller.start[None]
    zero = torch.zeros_like(start)
    embedded = controller.embeddings[0].weight[:1]
    state = cell(start, (zero, zero))                       # the op of layer 1
    state = cell(embedded, state)                           # its anchor
    first = state[0]
    state = cell(start, state)                              # the op of layer 2, after an anchor that reads nothing
    state = cell(embedded, state)
    score = controller.attention(torch.tanh(controller.earlier(first) + controller.current(state[0])))
    drawn = controller.draw(choices.walk, Random(0))
    assert drawn.probabilities[-1][1] == pytest.approx(float(torch.sigmoid(score)), abs=1e-12)


def test_a_layer_is_followed_by_its_anchor_and_an_anchor_decides_all_skips() -> None:
    choices = Choices(SPACES["settings and skips"])
    steps = list(steps_of(decisions_of(choices.parameters, choices.values, True)))
    names = [[choices.parameters[at].name for at in step.decisions] for step in steps if step.anchor]
    assert names == [[], ["layer_2_reads_1"], ["layer_3_reads_1", "layer_3_reads_2"]]
    assert [at for step in steps for at in step.decisions] == list(range(len(choices.parameters)))


def test_layers_without_skips_have_no_anchors() -> None:
    choices = Choices(Chain(max_layers=3))
    controller = controller_of(choices)
    assert not any(step.anchor for step in controller.steps) and not hasattr(controller, "attention")


def test_decisions_of_one_type_share_weights_where_that_is_wanted() -> None:
    choices = Choices(Chain(min_layers=1, max_layers=5))
    shared, own = (decisions_of(choices.parameters, choices.values, flag) for flag in (True, False))
    assert len({decision.head for decision in own}) == len(choices.parameters)
    assert sum(decision.head == "block_#_type" for decision in shared) == 5
    assert all(decision.columns == tuple(range(len(decision.columns))) for decision in own)


def test_first_weights_depend_on_the_seed_and_on_no_global_generator() -> None:
    before = torch.random.get_rng_state()
    decisions = [Decision("op", (0, 1, 2))] * 3
    one, same, other = (Controller(decisions, 2, 35, 0.08, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    values = [torch.cat([p.detach().flatten() for p in controller.parameters()]) for controller in (one, same, other)]
    assert torch.equal(values[0], values[1]) and not torch.equal(values[0], values[2])
    assert 0.079 < float(values[0].abs().max()) <= 0.08 and abs(float(values[0].mean())) < 0.002
