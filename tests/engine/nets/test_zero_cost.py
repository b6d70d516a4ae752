"""What all proxies share: the network is as it was, whatever was looked at; and the flow without norms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.estimation.proxies import PROXIES
from engine.nets.saliency import Batch
from engine.nets.zero_cost import SCORES, score

EVERY = pytest.mark.parametrize("name", list(SCORES))


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(),
                         nn.Linear(64, 3))


def batches(seed: int = 0) -> list[Batch]:
    generator = torch.Generator().manual_seed(seed)
    return [(torch.randn(6, 1, 4, 4, generator=generator), torch.randint(3, (6,), generator=generator)) for _ in range(2)]


def loss(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(model(inputs), labels)


def test_every_proxy_that_is_offered_has_its_score() -> None:
    assert set(SCORES) == {name for name, proxy in PROXIES.items() if not proxy.formula}
    assert {name for name, proxy in PROXIES.items() if proxy.formula} == {"parameters", "flops"}


@EVERY
@pytest.mark.parametrize("training", [True, False])
def test_weights_buffers_gradients_mode_and_random_numbers_are_as_they_were(name: str, training: bool) -> None:
    model = network().train(training)
    before, stream = {key: value.clone() for key, value in model.state_dict().items()}, torch.get_rng_state()
    assert math.isfinite(score(name, model, batches(), loss))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), stream)
    assert all(module.training == training and not module._forward_hooks for module in model.modules())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


@EVERY
def test_twice_is_the_same_and_neither_dropout_nor_the_mode_counts(name: str) -> None:
    model = network()
    first = score(name, model, batches(), loss)
    assert first == score(name, model.eval(), batches(), loss)
    model[3].p = 0.9
    assert first == score(name, model.train(), batches(), loss)


@EVERY
def test_running_statistics_do_not_count(name: str) -> None:
    """An untrained network has none that mean anything: norms use the batch."""
    model, other = network(), network()
    other[1].running_mean.fill_(3.0)
    other[1].running_var.fill_(9.0)
    assert score(name, model, batches(), loss) == score(name, other, batches(), loss)


def test_the_flow_depends_on_neither_data_nor_norms_nor_signs() -> None:
    model = network()
    expected = score("synflow", model, batches(), loss)
    assert score("synflow", model, batches(5), loss) == expected
    with torch.no_grad():
        model[0].weight.neg_()
        model[1].weight.fill_(100.0)
    assert score("synflow", model, batches(), loss) == expected


def test_the_flow_is_the_logarithm_of_what_is_computed_by_hand() -> None:
    model = nn.Sequential(nn.Linear(4, 3, bias=False), nn.ReLU(), nn.Linear(3, 2, bias=False))
    first, second = (layer.weight.detach().double().abs() for layer in (model[0], model[2]))
    flow = float((second @ first @ torch.ones(4, dtype=torch.float64)).sum())
    given = [(torch.randn(2, 4), torch.zeros(2, dtype=torch.long))]
    assert score("synflow", model, given, loss) == pytest.approx(math.log(2 * flow), rel=1e-12)


def test_the_flow_through_many_layers_does_not_overflow() -> None:
    """What single precision cannot hold."""
    model = nn.Sequential(*[nn.Linear(200, 200) for _ in range(40)])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1.0)
    given = [(torch.randn(2, 200), torch.zeros(2, dtype=torch.long))]
    found = score("synflow", model, given, loss)
    assert 88 < 40 * math.log(200) < found < 42 * math.log(200)


def test_no_way_through_is_no_flow() -> None:
    model = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 2, bias=False))
    with torch.no_grad():
        model[0].weight.zero_()
    assert score("synflow", model, [(torch.randn(2, 4), torch.zeros(2, dtype=torch.long))], loss) == -math.inf
