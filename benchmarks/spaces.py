"""How quick the space editor is: architectures drawn a second (of the clock, and of the processor), milliseconds for an
identity, delay of the live facts, and how many times quicker the 32 samples of the facts are priced than by writing each
network (`pricing`, processor time).

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
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nasweb.settings")

import django

django.setup()

from django.test import RequestFactory  # noqa: E402

from apps.spaces import views  # noqa: E402
from apps.spaces.selectors import smallest  # noqa: E402
from engine import api  # noqa: E402
from engine.architecture.cost import Total, measure  # noqa: E402

DRAWN = 20_000
IDENTITIES = 100


def timed(action: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def pricing(document: dict[str, str], space: Any, repeats: int) -> dict[str, float]:
    """The processor time of pricing samples network by network, over that of adding up only what is new; in turns.
    And the share of the samples that cannot be built on the input: both ways have to find them."""
    told, classes = api.reading({"name": smallest(document)})
    shape = tuple(told)
    written, tallied, infeasible = 0.0, 0.0, 0
    for seed in range(repeats):
        points = [p.architecture for p in space.sample_many(Random(seed), 32)]
        known: dict[Any, Any] = {}
        networks: list[Total | None] = []
        totals: list[Total | None] = []
        written += spent(lambda points=points, found=networks: found.extend(priced(
            lambda a: measure(space.network(a, shape, classes), shape).total, points)))
        tallied += spent(lambda points=points, found=totals, known=known: found.extend(priced(
            lambda a: space.total(a, shape, classes, known), points)))
        assert networks == totals
        infeasible += totals.count(None)
    return {"pricing": round(written / tallied, 1), "infeasible": round(infeasible / (32 * repeats), 3)}


def priced(price: Callable[[Any], Total], points: list[Any]) -> list[Total | None]:
    """What each costs; None where it cannot be built."""
    found: list[Total | None] = []
    for point in points:
        try:
            found.append(price(point))
        except api.Invalid:
            found.append(None)
    return found


def spent(action: Callable[[], object]) -> float:
    """Seconds of the processor."""
    start = time.process_time()
    action()
    return time.process_time() - start


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
    work = [spent(lambda seed=seed: edit(seed)) for seed in range(repeats)]      # type: ignore[misc]
    return {"kind": kind, "preset": preset, **pricing(document, space, max(1, repeats // 10)),
            "drawn_per_second": round(DRAWN / timed(lambda: space.sample_many(Random(1), DRAWN))),
            "drawn_per_processor_second": round(DRAWN / spent(lambda: space.sample_many(Random(1), DRAWN))),
            "identity_ms": round(1000 * median(timed(lambda a=a: space.canonical(a)) for a in points), 3),
            "facts_p50_ms": round(1000 * median(delays), 1), "facts_p95_ms": round(1000 * quantiles(delays, n=20)[-1], 1),
            "facts_processor_p95_ms": round(1000 * quantiles(work, n=20)[-1], 1)}


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
