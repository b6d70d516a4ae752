"""The mixture as a sampler: what it draws, how its alphas learn, what it reports."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from engine.nets.alphas import Alphas
from engine.nets.mixture import Learning, Mixture
from engine.nets.supernet import Choice
from engine.phases import Site
from engine.spec import parse_space

torch.set_num_threads(1)
SPACE = parse_space({"kind": "nas_bench_201", "preset": "table"})[1]
SITE = Site(SPACE, None, (1, 8, 8), 10, 0)
PLAIN = Learning(0.1, (0.5, 0.999), 0.0)


class Step:
    """A step whose losses are made of the choice's weights alone."""

    epoch, rate, momentum, decay = 0, 0.1, 0.9, 0.0

    def __init__(self, mixture: Mixture) -> None:
        self.mixture = mixture
        self.calls: list[str] = []

    def validation_loss(self, choice: Choice) -> Tensor:
        self.calls.append("validation")
        assert choice.weights is not None
        return -choice.weights["cell"][:, 3].sum() + 1e-3 * sum(w.sum() for w in self.mixture.supernet.parameters())

    def train_loss(self, choice: Choice) -> Tensor:
        self.calls.append("train")
        return self.validation_loss(choice) + sum((w * w).sum() for w in self.mixture.supernet.parameters())

    def velocities(self) -> list[None]:
        return [None for _ in self.mixture.supernet.parameters()]


def made(learning: Learning = PLAIN, **more: Any) -> tuple[Mixture, Any]:
    torch.manual_seed(0)
    mixture = Mixture(SITE, learning, **more)
    return mixture, Step(mixture)


def test_it_draws_everything_weighed_by_probabilities_without_a_way_back() -> None:
    mixture, step = made()
    [draw] = mixture.draw(step)
    assert draw.weight == 1.0 and draw.part == (0, 1) and draw.choice.path == {"cell": ((0, 1, 2, 3, 4),) * 6}
    assert not draw.choice.weights["cell"].requires_grad
    assert torch.equal(draw.choice.weights["cell"], mixture.alphas.fixed()["cell"])


def test_alphas_go_where_the_validation_loss_is_lower() -> None:
    mixture, step = made()
    before = mixture.alphas.strengths()["cell"]
    mixture.learn(step)
    after = mixture.alphas.strengths()["cell"]
    assert all(new[3] > old[3] for old, new in zip(before, after, strict=True)) and step.calls == ["validation"]


def test_the_second_order_looks_at_the_training_loss_three_times() -> None:
    mixture, step = made(PLAIN._replace(unrolled=True))
    weights = [w.detach().clone() for w in mixture.supernet.parameters()]
    mixture.learn(step)
    assert step.calls.count("train") == 3
    assert all(torch.equal(a, b) for a, b in zip(weights, mixture.supernet.parameters(), strict=True))


def test_alphas_may_wait_for_the_weights() -> None:
    mixture, step = made(PLAIN._replace(after=1))
    before = mixture.alphas.strengths()
    mixture.learn(step)
    assert mixture.alphas.strengths() == before and step.calls == []


def test_a_method_says_what_takes_part_and_how_strong_it_is_in_the_end() -> None:
    def hard(alphas: Alphas, step: Any) -> Choice:
        """The strongest operation of each edge, with a gradient for all."""
        chances = alphas.probabilities()
        best = {name: table.argmax(1).tolist() for name, table in chances.items()}
        return Choice({name: tuple((k,) for k in row) for name, row in best.items()}, chances)

    mixture, step = made(weigh=hard, derive=lambda alphas: {"cell": [[0.0, 0.0, 1.0, 0.0, 0.0]] * 6})
    [draw] = mixture.draw(step)
    assert all(len(row) == 1 for row in draw.choice.path["cell"])
    assert mixture.supernet(torch.randn(2, 1, 8, 8), draw.choice).shape == (2, 10)
    told = mixture.report(step)
    assert told["derived"]["genotype"]["arch"].count("nor_conv_1x1") == 6 and told["skips"] == 0
    assert [op for _, op in told["kept"]["cell"]] == ["nor_conv_1x1"] * 6 and told["kept"]["cell"][0][0] == "0 to 1"


def test_a_supernet_of_its_own_is_used() -> None:
    relaxed = parse_space({"kind": "nas_bench_201", "preset": "table", "ops": ["none", "skip_connect"]})[1]
    mixture, _ = made(relaxed=relaxed.supernet((1, 8, 8), 10))
    assert mixture.alphas.tables["cell"].shape == (6, 2)


def test_its_state_gives_it_back() -> None:
    first, step = made()
    for _ in range(3):
        first.learn(step)
    other, again = made()
    other.load_state_dict(deepcopy(first.state_dict()))
    first.learn(step)
    other.learn(again)
    assert first.alphas.strengths() == other.alphas.strengths() and first.report(step) == other.report(again)
