"""NASBOT against random search where it is itself: landscape L3, and the same functions on a small chain space. No training.

    .venv/bin/python benchmarks/nasbot_vs_random.py [--seeds 20] [--evaluations 60] [--preset cpu] [--space small]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.benchmarks import landscapes
from engine.benchmarks.arena import LandscapeField, play
from engine.benchmarks.statistics import standard_error, wilcoxon
from engine.spaces.chain import Chain

SMALL = Chain(min_layers=2, max_layers=4, types=("conv", "max_pool"), kernels=(3, 5), channels=(16, 32, 48), strides=(1, 2),
              pool_kernels=(3,), pool_strides=(1, 2), hidden=(0, 64), dropout=(0,))


def small_chain() -> LandscapeField:
    """The functions of L3 on a space of 82,712 networks."""
    field = LandscapeField("L3")
    field.name, field.space = "small chain", SMALL
    field.landscape = replace(field.landscape, title="Small chain", space=SMALL,
                              value=lambda architecture: landscapes.graph_value(architecture, SMALL))
    return field


FIELDS: dict[str, Any] = {"L3": lambda: LandscapeField("L3"), "small": small_chain}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--evaluations", type=int, default=60)
    parser.add_argument("--preset", default="cpu")
    parser.add_argument("--space", choices=sorted(FIELDS))
    arguments = parser.parse_args()
    for name in [arguments.space] if arguments.space else FIELDS:
        field = FIELDS[name]()                  # values are minimised, as in the papers
        final: dict[str, list[float]] = {"nasbot": [], "random_search": []}
        seconds = 0.0
        for seed in range(arguments.seeds):
            start = time.process_time()
            final["nasbot"].append(play(field, {"name": "nasbot", "preset": arguments.preset}, seed,
                                        arguments.evaluations).incumbent[-1])
            seconds += time.process_time() - start
            final["random_search"].append(play(field, {"name": "random_search"}, seed, arguments.evaluations).incumbent[-1])
        print(json.dumps({"field": field.name, "evaluations": arguments.evaluations, "seeds": arguments.seeds,
                          "preset": arguments.preset,
                          "value": {key: [round(fmean(values), 5), round(standard_error(values), 5)]
                                     for key, values in final.items()},
                          "p": wilcoxon(final["nasbot"], final["random_search"]),
                          "nasbot_ms_per_suggestion": round(1000 * seconds / arguments.seeds / arguments.evaluations, 1)}),
              flush=True)


if __name__ == "__main__":
    main()
