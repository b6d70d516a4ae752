"""Auto-Net's space: its 63 hyperparameters, when each is active, what they mean for the network and for the training."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from engine import options
from engine.architecture import genotype
from engine.architecture.architecture import Architecture
from engine.architecture.cost import measure
from engine.errors import Invalid
from engine.estimation.scratch import Options, counted
from engine.nets.build import build
from engine.run import run
from engine.spaces.mlp import ACTIVATIONS, INITS, Mlp
from engine.spec import parse, parse_space
from engine.work import Candidate

PAPER = Mlp()
SMALL = Mlp(max_layers=3, min_units=4, max_units=16, max_dropout=0.5)
seeds = st.integers(0, 10**9)
# name, low, high, logarithmic: the table of the paper's space
RANGES = [("batch_size", 32, 4096, True), ("number_updates", 50, 3500, True), ("num_layers", 1, 6, False),
          ("learning_rate", 1e-6, 1.0, True), ("lambda2", 1e-7, 1e-2, True), ("dropout_output", 0, 0.99, False),
          ("beta1", 1e-4, 0.1, True), ("beta2", 1e-4, 0.1, True), ("rho", 0.05, 0.99, True), ("momentum", 0.3, 0.999, False),
          ("gamma", 1e-3, 0.1, False), ("power", 0, 1, False), ("epoch_step", 2, 20, False), ("num_units_6", 64, 4096, True),
          ("dropout_6", 0, 0.99, False), ("std_6", 1e-6, 0.1, True), ("leakiness_6", 0.01, 0.99, False),
          ("tanh_alpha_6", 0.5, 1.0, False), ("tanh_beta_6", 1.1, 3.0, True)]


def layer(k: int = 1, **changed: Any) -> dict[str, Any]:
    given = {"num_units": 8, "dropout": 0.0, "weight_init": "he_normal", "activation": "relu"} | changed
    return {f"{name}_{k}": value for name, value in given.items()}


def network(*layers: dict[str, Any], dropout_output: float = 0.0) -> Architecture:
    rows = [layer(k, **changed) for k, changed in enumerate(layers, 1)]
    merged = {name: value for row in rows for name, value in row.items()}
    return SMALL.parse({"num_layers": len(rows), **merged, "dropout_output": dropout_output})


def test_there_are_exactly_63_hyperparameters_15_global_and_8_a_layer() -> None:
    names = [p.name for p in PAPER.parameters()]
    assert len(names) == len(set(names)) == 63
    assert sum(name.rsplit("_", 1)[-1].isdigit() for name in names) == 8 * 6
    assert len(PAPER.training_parameters()) == 13 and PAPER.size() is None


@pytest.mark.parametrize(("name", "low", "high", "logarithmic"), RANGES)
def test_ranges_are_those_of_the_paper(name: str, low: float, high: float, logarithmic: bool) -> None:
    found = next(p for p in PAPER.parameters() if p.name == name)
    assert (found.low, found.high, found.prior) == (low, high, "log" if logarithmic else "uniform")


@given(seeds)
def test_exactly_what_the_conditions_say_is_active(seed: int) -> None:
    drawn = PAPER.sample(Random(seed))
    c = {**drawn.architecture.genotype, **drawn.hyper}
    expected = {"batch_size", "number_updates", "num_layers", "learning_rate", "lambda2", "dropout_output", "solver"}
    expected |= {"beta1", "beta2"} if c["solver"] == "adam" else set()
    expected |= {"rho"} if c["solver"] == "adadelta" else set()
    expected |= {"momentum"} if c["solver"] in ("momentum", "nesterov") else set()
    expected |= {"lr_policy"} if c["solver"] not in ("adam", "smorm3s") else set()
    policy = c.get("lr_policy")
    expected |= {"gamma"} if policy in ("inv", "exp", "step") else set()
    expected |= {"power"} if policy == "inv" else {"epoch_step"} if policy == "step" else set()
    for k in range(1, c["num_layers"] + 1):
        expected |= {f"num_units_{k}", f"dropout_{k}", f"weight_init_{k}", f"activation_{k}"}
        expected |= {f"std_{k}"} if c[f"weight_init_{k}"] == "normal" else set()
        expected |= {f"leakiness_{k}"} if c[f"activation_{k}"] == "leaky" else set()
        expected |= {f"tanh_alpha_{k}", f"tanh_beta_{k}"} if c[f"activation_{k}"] == "scaled_tanh" else set()
    assert set(c) == expected and len(c) >= 11


def test_the_least_that_can_be_active_are_eleven() -> None:
    assert min(len(p.architecture.genotype) + len(p.hyper) for p in PAPER.sample_many(Random(1), 3000)) == 11


def test_marginals_are_the_priors() -> None:
    drawn = PAPER.sample_many(Random(2), 10_000)
    layers = Counter(p.architecture.genotype["num_layers"] for p in drawn)
    assert set(layers) == set(range(1, 7)) and all(abs(n - 10_000 / 6) < 200 for n in layers.values())
    solvers = Counter(p.hyper["solver"] for p in drawn)
    assert len(solvers) == 7 and all(abs(n - 10_000 / 7) < 180 for n in solvers.values())
    units = sorted(p.architecture.genotype["num_units_1"] for p in drawn)
    assert units[0] == 64 and units[-1] > 4000 and abs(units[5000] - 512) < 30             # the middle in logarithms


def test_what_the_graph_holds_is_architecture_and_the_rest_is_training() -> None:
    training = {p.name for p in PAPER.training_parameters()}
    proposal = PAPER.sample(Random(3))
    assert set(proposal.hyper) <= training and not set(proposal.architecture.genotype) & training


def test_the_network_is_dropout_linear_activation_layer_by_layer() -> None:
    found = network({"num_units": 16, "dropout": 0.25}, {"activation": "scaled_tanh", "tanh_alpha": 0.6, "tanh_beta": 1.5},
                    {"activation": "linear", "weight_init": "normal", "std": 0.01}, dropout_output=0.5)
    graph = SMALL.network(found, (7,), 3)
    ops = "input dropout linear relu linear scaled_tanh linear dropout linear"
    assert [node.op for node in graph] == ops.split()
    assert graph["layer_1_dropout"].settings == {"rate": 0.25} and graph["output_dropout"].settings == {"rate": 0.5}
    assert graph["layer_3"].settings == {"units": 8, "init": "normal", "std": 0.01}
    assert measure(graph, (7,)).parameters == 7 * 16 + 16 + 16 * 8 + 8 + 8 * 8 + 8 + 8 * 3 + 3
    model = build(graph, (7,)).eval()
    x = torch.randn(5, 7)
    layers = dict(model.named_children())
    hidden = layers["layer_1"](x).relu()
    hidden = 1.5 * torch.tanh(0.6 * layers["layer_2"](hidden))
    assert torch.allclose(model(x), layers["classifier"](layers["layer_3"](hidden)))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("init", INITS)
def test_every_activation_and_every_beginning_makes_a_network_that_costs_as_told(activation: str, init: str) -> None:
    more: dict[str, Any] = {"std": 0.1} if init == "normal" else {}
    more |= {"leaky": {"leakiness": 0.3}, "scaled_tanh": {"tanh_alpha": 0.66, "tanh_beta": 1.7}}.get(activation, {})
    graph = SMALL.network(network({"activation": activation, "weight_init": init, **more}), (6,), 4)
    cost, model, counter = measure(graph, (6,)), build(graph, (6,)), FlopCounterMode(display=False)
    with counter:
        scores = model(torch.randn(3, 6))
    assert counter.get_total_flops() == 3 * cost.flops and scores.isfinite().all()
    assert sum(p.numel() for p in model.parameters()) == cost.parameters == 6 * 8 + 8 + 8 * 4 + 4


def test_images_are_refused_with_a_reason() -> None:
    with pytest.raises(Invalid, match="flat"):
        measure(SMALL.network(network({}), (1, 8, 8), 10), (1, 8, 8))


def test_how_weights_begin_is_in_the_encoding_and_not_in_the_identity() -> None:
    plain, other, deeper = network({}), network({"weight_init": "orthogonal"}), network({}, {})
    assert plain.encoding_id != other.encoding_id and SMALL.canonical(plain) == SMALL.canonical(other)
    assert SMALL.canonical(plain) != SMALL.canonical(deeper)
    assert SMALL.canonical(plain) != SMALL.canonical(network({"activation": "tanh"}))
    assert SMALL.canonical(plain) != SMALL.canonical(network({}, dropout_output=0.5))


@given(seeds)
def test_every_training_is_one_that_the_estimation_accepts(seed: int) -> None:
    hyper = PAPER.sample(Random(seed)).hyper
    meant = PAPER.training_options(hyper)
    built = options.parse(Options, meant)
    solver = hyper["solver"]
    assert built.optimizer == ("sgd" if solver in ("sgd", "momentum", "nesterov") else solver)
    assert built.momentum == hyper.get("momentum", 0.0) and built.nesterov == (solver == "nesterov")
    assert built.schedule == hyper.get("lr_policy", "fixed") and built.warmup == 0
    assert built.beta1 == (1 - hyper["beta1"] if solver == "adam" else 0.9)
    assert (built.updates, built.batch_size) == (hyper["number_updates"], hyper["batch_size"])
    assert (built.lr, built.weight_decay) == (hyper["learning_rate"], hyper["lambda2"])


def test_nothing_decided_replaces_nothing() -> None:
    assert PAPER.training_options({}) == {}


@pytest.mark.parametrize(("updates", "batch", "rows", "epochs"), [
    (200, 32, 364, 17), (50, 32, 10_000, 2), (3500, 4096, 364, 80), (100, 100, 5_000, 2), (100, 100, 3_333, 3)])
def test_updates_are_counted_in_whole_epochs(updates: int, batch: int, rows: int, epochs: int) -> None:
    given_options, work = Options(epochs=7, updates=updates, batch_size=batch), Candidate(network({}))
    assert counted(given_options, work, rows).epochs == epochs == min(80, max(2, updates * batch // rows))
    asked = Candidate(network({}), fidelity={"epochs": 5})
    assert counted(Options(epochs=5, updates=updates), asked, rows).epochs == 5
    assert counted(Options(epochs=7), work, rows).epochs == 7


@pytest.mark.parametrize(("given_options", "place"), [
    ({"max_layers": 0}, "/max_layers"), ({"max_layers": 21}, "/max_layers"),
    ({"min_units": 100, "max_units": 99}, "/max_units"),
    ({"max_dropout": 1.0}, "/max_dropout"), ({"max_batch": 31}, "/max_batch"), ({"max_updates": 49}, "/max_updates")])
def test_wrong_options_are_named(given_options: dict[str, Any], place: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_space({"kind": "mlp", **given_options}, "/space")
    assert caught.value.problems[0].path == f"/space{place}"


@pytest.mark.parametrize(("changed", "place"), [
    ({"num_units_1": 63.5}, "/num_units_1"), ({"activation_1": "swish"}, "/activation_1"), ({"std_1": 0.01}, "/std_1"),
    ({"num_units_2": 64}, "/num_units_2"), ({"solver": "adam"}, "/solver"), ({"dropout_1": 1.0}, "/dropout_1")])
def test_a_wrong_genotype_is_refused_at_its_place(changed: dict[str, Any], place: str) -> None:
    document = {"num_layers": 1, **layer(num_units=64), "dropout_output": 0.0, **changed}
    with pytest.raises(Invalid) as caught:
        PAPER.parse(document)
    assert place in [problem.path for problem in caught.value.problems]


def test_a_space_without_dropout_has_none() -> None:
    dry = Mlp(max_dropout=0.0, max_layers=2)
    for k in range(20):
        proposal = dry.sample(Random(k))
        assert "dropout" not in {node.op for node in dry.network(proposal.architecture, (4,), 2)}
        assert genotype.neighbours(dry.parameters(), proposal.hyper)


@pytest.mark.parametrize("strategy", ["random_search", "aging_evolution"])
def test_a_search_on_a_table_trains_what_it_proposed(strategy: str, tmp_path: Path) -> None:
    spec = parse({"space": {"kind": "mlp", "preset": "cpu", "max_updates": 100}, "dataset": {"name": "breast_cancer"},
                  "strategy": {"name": strategy, "preset": "cpu"}, "budget": {"trials": 4}, "finals": {"top": 1}})
    found = run(spec, tmp_path, tmp_path / "data", "cpu", lambda event: None)
    for work in found.items:
        assert isinstance(work, Candidate)
        outcome, meant = found.outcomes[work.trial], spec.space.training_options(work.hyper)
        assert outcome.ok, outcome.metrics
        assert outcome.spend["epochs"] == min(80, max(2, meant["updates"] * meant["batch_size"] // 364))
    assert found.outcomes[4].metrics["test"] > 0.3
