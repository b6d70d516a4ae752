"""An ensemble of trained networks: chosen on the validation split, scored, and held against the best single one on test."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from engine.architecture.cost import Cost, measure, together
from engine.errors import Damaged
from engine.estimation.context import Context, Interrupted
from engine.estimation.predictions import kept, sound
from engine.estimation.selection import picked
from engine.events import Event
from engine.work import Network, Outcome, Selection

if TYPE_CHECKING:                               # reached where an ensemble is made: declaring must not import torch
    from torch import nn

    from engine.estimation.selection import Probabilities

WEIGHTS = "weights.safetensors"


def averaged(work: Selection, context: Context) -> Outcome:
    """Choose, build and score. Networks whose files are damaged are left out, and that is said."""
    began = time.monotonic()
    context.emit(Event("trial_started", work.trial, {"epochs": 0, "epoch": 0, "step": 0}))
    library = _library(work, context)
    if not library:
        return Outcome("failed", metrics={"error": "no network has its files any more", "error_kind": "damaged"})
    labels = context.data.validation.labels.cpu().numpy()
    found = picked([probabilities for _, probabilities in library], labels, work.size)
    members = [(library[place][0], count) for place, count in sorted(Counter(found.best).items())]
    outcome = _scored(members, library[0][0], context)
    path = [[quality.accuracy, round(quality.loss, 6)] for quality in found.path]
    return Outcome("done", outcome.score, metrics=outcome.metrics, artifact=outcome.artifact,
                   spend={"seconds": time.monotonic() - began}, payload={"path": path})


def _library(work: Selection, context: Context) -> list[tuple[Network, Probabilities]]:
    """The networks that are whole, with their predictions."""
    found = []
    for network in work.networks:
        folder = context.workdir.parent / str(network.trial)
        try:
            sound(folder / WEIGHTS, network.weights)
            found.append((network, kept(folder, network.predictions)))
        except Damaged as error:
            text = f"Trial {network.trial} is left out of the ensemble: {error}."
            context.emit(Event("log", work.trial, {"level": "warning", "text": text}))
    return found


def _scored(members: list[tuple[Network, int]], single: Network, context: Context) -> Outcome:
    """The average as a network, its weights written, its scores; the test split is read here and nowhere before."""
    import torch
    from safetensors.torch import save

    from engine.checkpoint import write
    from engine.nets.average import Average
    from engine.training.task import score

    built = {network.trial: _built(network, context) for network, _ in [(single, 0), *members]}
    model = Average([built[network.trial][0] for network, _ in members], [count for _, count in members])
    cost = together([built[network.trial][1] for network, _ in members])
    alone, data = built[single.trial][0], context.data
    test = score(model, data, data.test)
    best = {"trial": single.trial, "score": score(alone, data, data.validation),
            "test": score(alone, data, data.test)}
    metrics: dict[str, Any] = {
        "parameters": cost.parameters, "flops": cost.flops, "macs": cost.macs, "test": test,
        "input": list(data.shape), "classes": len(data.classes),
        "ensemble": {"members": [[network.trial, count] for network, count in members], "single": best}}
    weights = {name: tensor.cpu().clone(memory_format=torch.contiguous_format)
               for name, tensor in model.state_dict().items()}
    artifact = write(context.workdir / WEIGHTS, save(weights))
    return Outcome("done", score(model, data, data.validation), metrics=metrics, artifact=artifact)


def _built(network: Network, context: Context) -> tuple[nn.Module, Cost]:
    """The network with its trained weights, and what it costs. Raises Interrupted where the worker is asked to stop."""
    from safetensors.torch import load

    from engine.nets.build import build

    if context.stop():
        raise Interrupted
    graph = context.space.network(network.architecture, context.data.shape, len(context.data.classes))
    model = build(graph, context.data.shape)
    model.load_state_dict(load(sound(context.workdir.parent / str(network.trial) / WEIGHTS, network.weights)))
    return model.to(context.device).eval(), measure(graph, context.data.shape)
