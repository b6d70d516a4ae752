"""How quick the space editor is: architectures drawn a second, milliseconds for an identity, delay of the live facts.

    .venv/bin/python benchmarks/spaces.py [--repeats 40]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nasweb.settings")

import django

django.setup()

from django.test import RequestFactory  # noqa: E402

from apps.spaces import views  # noqa: E402
from engine import api  # noqa: E402

DRAWN = 20_000
IDENTITIES = 100


def timed(action: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def figures(kind: str, preset: str, repeats: int) -> dict[str, float | str]:
    document = {"kind": kind, "preset": preset}
    _, space = api.parse_space(document)
    points = [p.architecture for p in space.sample_many(Random(0), IDENTITIES)]
    factory, body = RequestFactory(), json.dumps(document)

    def edit(seed: int) -> None:
        request = factory.post(f"/spaces/facts?seed={seed}", body, content_type="application/json")
        answer = views.facts(request)
        assert answer.status_code == 200, answer.content

    delays = sorted(timed(lambda seed=seed: edit(seed)) for seed in range(repeats))      # type: ignore[misc]
    return {"kind": kind, "preset": preset,
            "drawn_per_second": round(DRAWN / timed(lambda: space.sample_many(Random(1), DRAWN))),
            "identity_ms": round(1000 * median(timed(lambda a=a: space.canonical(a)) for a in points), 3),
            "facts_p50_ms": round(1000 * median(delays), 1), "facts_p95_ms": round(1000 * quantiles(delays, n=20)[-1], 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--kind", help="one kind only")
    arguments = parser.parse_args()
    for entry in api.spaces():
        for preset in entry["presets"]:
            if arguments.kind in (None, entry["name"]):
                print(json.dumps(figures(entry["name"], preset, arguments.repeats)), flush=True)


if __name__ == "__main__":
    main()
