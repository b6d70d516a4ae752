"""Milliseconds for the distance of a pair of networks: ours, and the formulation of the paper solved pair by pair with POT.

    .venv/bin/python benchmarks/otmann.py [--networks 40] [--rounds 5] [--dragonfly FOLDER]

`--dragonfly`: a checkout of the reference implementation, measured on its own twelve example networks beside ours.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import ot

from engine.architecture.graph import Graph, Node
from engine.benchmarks.landscapes import NETWORKS
from engine.surrogates.network_layers import Layered, layered, mismatch
from engine.surrogates.otmann import STRUCTURE, Crowd, Otmann

INFINITE = 7.65432e5


class Plain:
    """One network against one: all layers in one problem, a matrix of labels looked up, a path length at a time."""

    def __init__(self, networks: Sequence[Layered], structure: Sequence[float]) -> None:
        self.structure = structure
        self.rows = [[row for part in network.families.values() for row in zip(*part, strict=True)] for network in networks]
        labels = list(dict.fromkeys(row[0] for rows in self.rows for row in rows))
        self.table = np.array([[min(INFINITE, mismatch(a, b)) for b in labels] for a in labels])
        self.numbers = [[labels.index(row[0]) for row in rows] for rows in self.rows]
        self.masses = [np.array([row[1] for row in rows]) for rows in self.rows]
        self.paths = [np.array([row[2] for row in rows]) for rows in self.rows]

    def pair(self, one: int, other: int) -> list[float]:
        looks = self.table[np.ix_(self.numbers[one], self.numbers[other])]
        structure = np.zeros(looks.shape)
        for kind in range(self.paths[one].shape[1]):
            structure += np.abs(self.paths[one][:, kind][:, None] - self.paths[other][:, kind])
        structure /= self.paths[one].shape[1]
        supply = np.append(self.masses[one], self.masses[other].sum())
        demand = np.append(self.masses[other], self.masses[one].sum())
        found = []
        for nu in self.structure:
            prices = np.vstack([looks + nu * structure, np.ones((1, looks.shape[1]))])
            prices = np.hstack([prices, np.append(np.ones(looks.shape[0]), 0.0)[:, None]])
            plan = ot.emd(supply / supply.sum(), demand / demand.sum(), prices)
            found.append(float((plan * prices).sum() * supply.sum()))
        return found


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compared(name: str, networks: Sequence[Layered], structure: Sequence[float], rounds: int,
             peer: Callable[[], Any], oracle: Any) -> dict[str, Any]:
    """Interleaved rounds over all pairs; ours begins with nothing but the layers."""
    otmann, crowd = Otmann(structure), Crowd(networks)

    def ours() -> Any:
        crowd.sides.clear()
        return np.stack([otmann.distances(network, crowd) for network in networks], axis=1)

    pairs = len(networks) ** 2
    difference = float(np.max(np.abs(ours() - oracle) / np.maximum(1.0, np.abs(oracle))))
    times = [(seconds(ours), seconds(peer)) for _ in range(rounds)]
    mine, theirs = (1000 * median(side) / pairs for side in zip(*times, strict=True))
    return {"networks": name, "nu": len(structure), "ms": round(mine, 4), "peer_ms": round(theirs, 4),
            "ratio": round(median(b / a for a, b in times), 2), "largest_relative_difference": float(f"{difference:.1g}")}


def reference(folder: str, structure: Sequence[float], rounds: int) -> dict[str, Any]:
    """The reference's own networks and code."""
    sys.path.insert(0, folder)
    from dragonfly.nn import nn_examples
    from dragonfly.nn.otmann import get_otmann_distance_computer_from_args

    theirs = nn_examples.generate_cnn_architectures()
    computer = get_otmann_distance_computer_from_args("cnn", 1.0, [1.0] * len(structure), list(structure), "lp")

    def peer() -> Any:
        return np.array([[computer.evaluate_single(one, other) for other in theirs] for one in theirs]).transpose(2, 0, 1)

    return compared("the reference's own", [layered(_graph(each)) for each in theirs], structure, rounds, peer, peer())


def _graph(network: Any) -> Graph:
    nodes = []
    for at, name in enumerate(network.layer_labels):
        settings: dict[str, Any] = {}
        op = {"ip": "input", "op": "output", "fc": "linear", "max-pool": "max_pool", "avg-pool": "avg_pool"}.get(name, name)
        if name.startswith(("conv", "res")):
            op, settings["kernel"] = "conv" if name.startswith("conv") else "residual_conv", int(name[-1])
        if network.num_units_in_each_layer[at] is not None:
            settings["channels"] = int(network.num_units_in_each_layer[at])
        nodes.append(Node(f"layer_{at}", op, tuple(f"layer_{parent}" for parent in network.get_parents(at)), settings))
    return Graph(tuple(nodes), nodes[-1].name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dragonfly")
    arguments = parser.parse_args()
    drawn = NETWORKS.sample_many(Random(0), arguments.networks)
    networks = [layered(NETWORKS.cell(proposal.architecture)) for proposal in drawn]
    for structure in ((0.25,), STRUCTURE):
        plain = Plain(networks, structure)

        def peer(plain: Plain = plain) -> Any:
            everybody = range(len(networks))
            return np.array([[plain.pair(a, b) for b in everybody] for a in everybody]).transpose(2, 0, 1)

        print(json.dumps(compared("chains of up to eight layers", networks, structure, arguments.rounds, peer, peer())))
        if arguments.dragonfly:
            print(json.dumps(reference(arguments.dragonfly, structure, arguments.rounds)))


if __name__ == "__main__":
    main()
