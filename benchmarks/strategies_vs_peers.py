"""Strategies against other programs: overhead of a suggestion, and quality on landscape L2 over the same seeds.

    python3 -m venv .venv-bench && .venv-bench/bin/pip install -r requirements-bench.txt
    .venv/bin/python benchmarks/strategies_vs_peers.py --peers .venv-bench/bin/python [--seeds 100] [--keep results.jsonl]

Without the peers' environment the product is measured alone. `--keep` holds what each program reached with each seed:
what is there is not run again. Prints one JSON value. A strategy joins with a line in OVERHEAD and one in OURS, a peer with
a function in `peers/black_box.py` and its name in PEERS (or beside a strategy in OVERHEAD).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from statistics import fmean, median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from engine import options  # noqa: E402
from engine.architecture.architecture import Architecture  # noqa: E402
from engine.architecture.graph import Graph, Node  # noqa: E402
from engine.benchmarks.arena import LandscapeField, play  # noqa: E402
from engine.benchmarks.landscapes import Toy  # noqa: E402
from engine.benchmarks.statistics import standard_error, wilcoxon  # noqa: E402
from engine.registry import discover  # noqa: E402
from engine.spaces.space import Parameter  # noqa: E402
from engine.spec import parse_space  # noqa: E402
from engine.work import Candidate, Outcome  # noqa: E402

DECISIONS, CHOICES = 40, 5                      # as in peers/black_box.py
TOLD = (100, 1000, 2000)
TOLD_OF = {"smac": (100, 400)}                  # where the peer takes too long for more
ROUNDS, REPEATS = 3, 12
MANY = 10_000
PAPER = {"name": "tpe", "preset": "paper"}
# What is asked with equal settings on both sides: the strategy, and the peers in whose manner it works.
OVERHEAD: Mapping[str, tuple[Mapping[str, Any], tuple[str, ...]]] = {
    "tpe": (PAPER, ("optuna", "hyperopt")),
    "tpe, multivariate": ({**PAPER, "multivariate": True}, ("optuna_joint",)),
    "smac": ({"name": "smac"}, ("smac3",)),
}
OURS: Mapping[str, Mapping[str, Any]] = {
    "random_search": {"name": "random_search"}, "tpe": {"name": "tpe"}, "tpe, paper": PAPER,
    "tpe, multivariate": {"name": "tpe", "preset": "multivariate"}, "tpe, cpu": {"name": "tpe", "preset": "cpu"},
    "smac": {"name": "smac"}, "smac, cpu": {"name": "smac", "preset": "cpu"},
}
LONG: Mapping[str, Mapping[str, Any]] = {           # asked after MANY trials
    **{name: OURS[name] for name in ("random_search", "tpe", "tpe, multivariate", "smac")},
    "aging_evolution": {"name": "aging_evolution"}, "reinforce": {"name": "reinforce"}, "q_learning": {"name": "q_learning"},
}
PROPOSE_ALL = ("aging_evolution", "reinforce", "q_learning")        # they learn from what they proposed themselves
PEERS = ("hyperopt", "optuna", "optuna_univariate", "optuna_group", "smac3")
SPACES: Mapping[str, Mapping[str, Any]] = {         # with conditions, and with numbers
    "chain, paper": {"kind": "chain", "preset": "paper"}, "vision, paper": {"kind": "vision", "preset": "paper"}}


@dataclass(frozen=True)
class Flat(Toy):
    """Choices without conditions."""

    @property
    def _kind(self) -> str:
        return "flat"

    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(Parameter(f"x_{k}", "categorical", tuple(range(CHOICES))) for k in range(DECISIONS))

    def size(self) -> int:
        return int(CHOICES**DECISIONS)

    def cell(self, architecture: Architecture) -> Graph:
        return Graph((Node("input", "input", settings=dict(architecture.genotype)),), "input")


class Peer:
    """The other programs, in a process and an environment of their own."""

    def __init__(self, python: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [python, str(ROOT / "benchmarks" / "peers" / "black_box.py")], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)

    def ask(self, **order: Any) -> Any:
        assert self.process.stdin and self.process.stdout
        print(json.dumps(order), file=self.process.stdin, flush=True)
        for line in self.process.stdout:
            if line.startswith("answer "):
                return json.loads(line.removeprefix("answer "))
        raise RuntimeError(f"the peers' process ended: {order}")


def fresh(strategy: Mapping[str, Any], space: Any) -> Any:
    entry = discover("strategies")[strategy["name"]]
    return entry.factory(space, options.parse(entry.options, strategy, presets=entry.presets), 0)


def suggestions(strategy: Mapping[str, Any], space: Any, told: int, repeats: int) -> list[float]:
    """Processor milliseconds of each ask + tell after so many trials with random scores: random ones, or its own."""
    asked, rng, times = fresh(strategy, space), Random(0), []
    if strategy["name"] in PROPOSE_ALL:
        for trial in range(told):
            (work,) = asked.ask(1)
            asked.tell(replace(work, trial=trial), Outcome("done", rng.random()))
    else:
        for trial, proposal in enumerate(space.sample_many(rng, told)):
            asked.tell(Candidate(proposal.architecture, proposal.hyper, trial=trial), Outcome("done", rng.random()))
        asked.load_state_dict({**asked.state_dict(), "proposed": told})
    for trial in range(told, told + repeats):
        start = time.process_time()
        (work,) = asked.ask(1)
        asked.tell(replace(work, trial=trial), Outcome("done", rng.random()))
        times.append(1000 * (time.process_time() - start))
    return times


def overhead(peer: Peer | None) -> Iterator[dict[str, Any]]:
    """Product and peers in turn, several rounds; medians, and the median of the rounds' ratios."""
    for name, (strategy, rivals) in OVERHEAD.items():
        for told in TOLD_OF.get(name, TOLD):
            ours: list[float] = []
            theirs: dict[str, list[float]] = {rival: [] for rival in rivals if peer}
            for _ in range(ROUNDS):
                ours.append(median(suggestions(strategy, Flat(), told, 5 * REPEATS)))
                for rival, found in theirs.items():
                    assert peer is not None
                    found.append(median(peer.ask(peer=rival, do="overhead", told=told, repeats=REPEATS)))
            ratios = {rival: [one / own for one, own in zip(found, ours, strict=True)] for rival, found in theirs.items()}
            yield {"strategy": name, "told": told, "ms": round(median(ours), 3),
                   "peers": {rival: {"ms": round(median(found), 2), "ratio": round(median(ratios[rival]), 1)}
                             for rival, found in theirs.items()}}


def many() -> Iterator[dict[str, Any]]:
    """Milliseconds of a suggestion after MANY trials, with conditions and numbers too."""
    spaces = {"choices": Flat(), **{name: parse_space(document)[1] for name, document in SPACES.items()}}
    for name, strategy in LONG.items():
        for of, space in spaces.items():
            times = suggestions(strategy, space, MANY, REPEATS)
            yield {"strategy": name, "space": of, "ms": round(median(times), 2), "worst_ms": round(max(times), 2)}


class Kept:
    """What was reached, by program and seed, in memory and as lines of a file."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.values: dict[tuple[str, int], float] = {}
        if path is not None and path.exists():
            self.values = {(row["who"], row["seed"]): row["best"] for row in map(json.loads, path.read_text().splitlines())}

    def get(self, who: str, seed: int) -> float | None:
        return self.values.get((who, seed))

    def put(self, who: str, seed: int, best: float) -> None:
        self.values[who, seed] = best
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps({"who": who, "seed": seed, "best": best}) + "\n")


def quality(peer: Peer | None, seeds: int, slow: int, evaluations: int, kept: Kept) -> dict[str, Any]:
    """The mean best value of each on L2, and of each pair the difference over equal seeds with its interval of 95 %."""
    field = LandscapeField("L2")
    for seed in range(seeds):
        for name, strategy in OURS.items():
            if kept.get(name, seed) is None:
                kept.put(name, seed, play(field, strategy, seed, evaluations).incumbent[-1])
        for rival in PEERS if peer else ():
            if kept.get(rival, seed) is None and (rival != "smac3" or seed < slow):
                assert peer is not None
                kept.put(rival, seed, peer.ask(peer=rival, do="quality", seed=seed, evaluations=evaluations))
    reached = {who: [kept.values[who, seed] for seed in range(seeds) if (who, seed) in kept.values]
               for who in (*OURS, *PEERS)}
    rows = {who: {"mean": round(fmean(best), 4), "seeds": len(best), "solved": sum(b < 1e-9 for b in best)}
            for who, best in reached.items() if best}
    pairs = [pair(name, rival, reached[name], reached[rival]) for name in OURS for rival in PEERS if reached[rival]]
    return {"landscape": "L2", "evaluations": evaluations, "best": rows, "pairs": pairs}


def pair(name: str, rival: str, ours: list[float], theirs: list[float]) -> dict[str, Any]:
    """Below zero: ours is better."""
    both = list(zip(ours, theirs, strict=False))
    apart = [a - b for a, b in both]
    middle, margin = fmean(apart), 1.96 * standard_error(apart) if len(apart) > 1 else math.inf
    return {"strategy": name, "peer": rival, "seeds": len(both), "difference": round(middle, 4),
            "interval": [round(middle - margin, 4), round(middle + margin, 4)],
            "p": float(f"{wilcoxon([a for a, _ in both], [b for _, b in both]):.2g}")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=str(ROOT / ".venv-bench" / "bin" / "python"), help="the peers' interpreter")
    parser.add_argument("--parts", default="overhead,many,quality")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--smac-seeds", type=int, default=3, help="SMAC3 takes a minute and more for each")
    parser.add_argument("--evaluations", type=int, default=200)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    peer, parts = Peer(arguments.peers) if Path(arguments.peers).exists() else None, arguments.parts.split(",")
    found: dict[str, Any] = {"peers": peer is not None}
    if "overhead" in parts:
        found["overhead"] = list(overhead(peer))
    if "many" in parts:
        found["many"] = list(many())
    if "quality" in parts:
        kept = Kept(arguments.keep)
        found["quality"] = quality(peer, arguments.seeds, arguments.smac_seeds, arguments.evaluations, kept)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
