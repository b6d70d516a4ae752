"""Auto-Net: fully connected networks with everything that matters for their training, 63 hyperparameters in all
(Mendoza, Klein, Feurer, Springenberg & Hutter, AutoML workshop at ICML 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from engine.architecture import genotype
from engine.architecture.architecture import Architecture, Proposal
from engine.architecture.graph import Graph, Node, Shape
from engine.architecture.layers import Layers
from engine.errors import Problem
from engine.options import integer, real
from engine.registry import space
from engine.spaces.conditional import Conditional
from engine.spaces.space import Parameter

SOLVERS = ("adam", "adadelta", "adagrad", "sgd", "momentum", "nesterov", "smorm3s")
POLICIES = ("fixed", "inv", "exp", "step")
INITS = ("constant", "normal", "uniform", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "orthogonal",
         "sparse")
ACTIVATIONS = ("sigmoid", "tanh", "scaled_tanh", "elu", "relu", "leaky", "linear")
OPS = {"scaled_tanh": "scaled_tanh", "leaky": "leaky_relu"}      # primitive layers of another name than the choice
OUTPUT_INIT = "glorot_normal"
DEFAULT = {"num_layers": 1, "num_units_1": 128, "dropout_1": 0.5, "weight_init_1": "he_normal", "activation_1": "relu",
           "dropout_output": 0.5, "batch_size": 32, "number_updates": 200, "learning_rate": 0.01, "lambda2": 1e-4,
           "solver": "smorm3s"}                                  # what Auto-Net tries first


def _among(name: str, *values: str) -> Mapping[str, Any]:
    return {"name": name, "among": values}


def _real(name: str, low: float, high: float, prior: str = "uniform", *when: Mapping[str, Any]) -> Parameter:
    return Parameter(name, "real", low=low, high=high, when=when, prior=prior)


def _integer(name: str, low: int, high: int, prior: str = "uniform", *when: Mapping[str, Any]) -> Parameter:
    return Parameter(name, "integer", low=low, high=high, when=when, prior=prior)


@space(title="Fully connected networks", paper="Mendoza, Klein, Feurer, Springenberg, Hutter, AutoML workshop 2016",
       summary="Auto-Net: layers, units, activations, initial weights and dropout, and with them solver, learning rate and "
               "all its settings. For tables.",
       offers={"parameters", "mutate", "graph", "hyper", "default"}, data=("table",),
       presets={"paper": {}, "cpu": {"max_layers": 3, "min_units": 8, "max_units": 128, "max_batch": 128,
                                     "max_updates": 400, "max_dropout": 0.5}})
@dataclass(frozen=True)
class Mlp(Conditional):
    """What the network graph holds is the architecture; what the training is told is `training_parameters`."""

    max_layers: int = integer(6, low=1, high=20, paper=6, help="Most hidden layers.")
    min_units: int = integer(64, low=1, high=65_536, paper=64, log=True, help="Fewest units of a hidden layer.")
    max_units: int = integer(4096, low=1, high=65_536, paper=4096, log=True, help="Most units of a hidden layer.")
    max_batch: int = integer(4096, low=32, high=8192, paper=4096, log=True, help="Most rows in one step; the fewest are 32.")
    max_updates: int = integer(3500, low=50, high=100_000, paper=3500, log=True,
                               help="Most steps of a training; the fewest are 50. They are rounded to 2 to 80 whole epochs.")
    max_dropout: float = real(0.99, low=0.0, high=0.99, paper=0.99, help="Largest share of inputs that a layer may drop.")

    def check(self) -> list[Problem]:
        if self.min_units <= self.max_units:
            return []
        return [Problem("/max_units", "is below min_units", f"a whole number from {self.min_units} to 65,536")]

    def parameters(self) -> tuple[Parameter, ...]:
        layers = [p for k in range(1, self.max_layers + 1) for p in self._layer(k)]
        return (_integer("num_layers", 1, self.max_layers), *layers, _real("dropout_output", 0.0, self.max_dropout),
                *self.training_parameters())

    def _layer(self, k: int) -> list[Parameter]:
        exists = {"name": "num_layers", "at_least": k}
        init, activation = f"weight_init_{k}", f"activation_{k}"
        return [_integer(f"num_units_{k}", self.min_units, self.max_units, "log", exists),
                _real(f"dropout_{k}", 0.0, self.max_dropout, "uniform", exists),
                Parameter(init, "categorical", INITS, when=(exists,)),
                _real(f"std_{k}", 1e-6, 0.1, "log", exists, _among(init, "normal")),
                Parameter(activation, "categorical", ACTIVATIONS, when=(exists,)),
                _real(f"leakiness_{k}", 0.01, 0.99, "uniform", exists, _among(activation, "leaky")),
                _real(f"tanh_alpha_{k}", 0.5, 1.0, "uniform", exists, _among(activation, "scaled_tanh")),
                _real(f"tanh_beta_{k}", 1.1, 3.0, "log", exists, _among(activation, "scaled_tanh"))]

    def training_parameters(self) -> tuple[Parameter, ...]:
        adam, policy = _among("solver", "adam"), "lr_policy"
        others = _among("solver", "adadelta", "adagrad", "sgd", "momentum", "nesterov")
        return (_integer("batch_size", 32, self.max_batch, "log"), _integer("number_updates", 50, self.max_updates, "log"),
                _real("learning_rate", 1e-6, 1.0, "log"), _real("lambda2", 1e-7, 1e-2, "log"),
                Parameter("solver", "categorical", SOLVERS),
                _real("beta1", 1e-4, 0.1, "log", adam), _real("beta2", 1e-4, 0.1, "log", adam),       # 1 - beta
                _real("rho", 0.05, 0.99, "log", _among("solver", "adadelta")),
                _real("momentum", 0.3, 0.999, "uniform", _among("solver", "momentum", "nesterov")),
                Parameter(policy, "categorical", POLICIES, when=(others,)),
                _real("gamma", 1e-3, 0.1, "uniform", _among(policy, "inv", "exp", "step")),
                _real("power", 0.0, 1.0, "uniform", _among(policy, "inv")),
                _integer("epoch_step", 2, 20, "uniform", _among(policy, "step")))

    def default(self) -> Proposal:
        """One hidden layer with ordinary settings, brought within the bounds of this space."""
        bounds = {p.name: p for p in self.parameters()}
        fixed = {name: _within(bounds[name], value) for name, value in DEFAULT.items()}
        built, training = (genotype.sample(part, Random(0), fixed) for part in (self._decisions, self._hyper))
        return Proposal(self.architecture(built), training)

    def training_options(self, hyper: Mapping[str, Any]) -> Mapping[str, Any]:
        """In the words of training from scratch. Nothing decided: nothing replaced."""
        if not hyper:
            return {}
        solver = hyper["solver"]
        descends = solver in ("sgd", "momentum", "nesterov")
        found = {"batch_size": hyper["batch_size"], "updates": hyper["number_updates"], "lr": hyper["learning_rate"],
                 "weight_decay": hyper["lambda2"], "optimizer": "sgd" if descends else solver, "warmup": 0.0,
                 "schedule": hyper.get("lr_policy", "fixed"), "momentum": hyper.get("momentum", 0.0),
                 "nesterov": solver == "nesterov"}
        found |= {name: 1 - hyper[name] for name in ("beta1", "beta2") if name in hyper}
        return found | {name: hyper[name] for name in ("rho", "gamma", "power", "epoch_step") if name in hyper}

    def size(self) -> None:
        """There are real numbers among the decisions."""

    def cell(self, architecture: Architecture) -> Graph:
        """One node a layer. How weights begin is told, but is no part of what a trained network computes."""
        nodes = [Node("input", "input", label="features")]
        for k, layer in enumerate(_layers(architecture), 1):
            told = {name: value for name, value in layer.items() if name not in ("init", "std")}
            nodes.append(Node(f"layer_{k}", "layer", (nodes[-1].name,), told, _label(layer), f"layer {k}"))
        rate = architecture.genotype["dropout_output"]
        label = _with_dropout("class scores", rate)
        nodes.append(Node("output", "output", (nodes[-1].name,), {"dropout": rate}, label, "head"))
        return Graph(tuple(nodes), "output")

    def network(self, architecture: Architecture, shape: Shape, classes: int) -> Graph:
        """Dropout stands before the layer whose inputs it drops."""
        layers, source = Layers(), "input"
        for k, layer in enumerate(_layers(architecture), 1):
            layers.begin(f"layer {k}: {_label(layer)}")
            source = _dropped(layers, f"layer_{k}_dropout", source, layer["dropout"])
            settings = {name: layer[name] for name in ("units", "init", "std") if name in layer}
            source = layers.put(f"layer_{k}", "linear", source, label=f"linear {layer['units']}", **settings)
            source = _activated(layers, f"layer_{k}_activation", source, layer)
        layers.begin("head")
        source = _dropped(layers, "output_dropout", source, architecture.genotype["dropout_output"])
        layers.put("classifier", "linear", source, label=f"linear {classes}", units=classes, init=OUTPUT_INIT)
        return layers.graph()


def _within(bounds: Parameter, value: Any) -> Any:
    return value if bounds.low is None or bounds.high is None else min(max(value, bounds.low), bounds.high)


def _layers(architecture: Architecture) -> list[dict[str, Any]]:
    """The hidden layers with their settings: [{"units": 128, "dropout": 0.5, "init": "he_normal", "activation": "relu"}]."""
    config = architecture.genotype
    names = {"num_units": "units", "dropout": "dropout", "weight_init": "init", "std": "std", "activation": "activation",
             "leakiness": "slope", "tanh_alpha": "alpha", "tanh_beta": "beta"}
    return [{name: config[f"{key}_{k}"] for key, name in names.items() if f"{key}_{k}" in config}
            for k in range(1, config["num_layers"] + 1)]


def _label(layer: Mapping[str, Any]) -> str:
    """In words: "128 units, relu, from he normal, dropout 0.5"."""
    words = f"{layer['units']} units, {layer['activation'].replace('_', ' ')}, from {layer['init'].replace('_', ' ')}"
    return _with_dropout(words, layer["dropout"])


def _with_dropout(words: str, rate: float) -> str:
    return f"{words}, dropout {rate:.2g}" if rate else words


def _dropped(layers: Layers, name: str, source: str, rate: float) -> str:
    return layers.put(name, "dropout", source, label=f"dropout {rate:.2g}", rate=rate) if rate else source


def _activated(layers: Layers, name: str, source: str, layer: Mapping[str, Any]) -> str:
    choice = layer["activation"]
    if choice == "linear":
        return source
    settings = {key: layer[key] for key in ("slope", "alpha", "beta") if key in layer}
    return layers.put(name, OPS.get(choice, choice), source, label=choice.replace("_", " "), **settings)
