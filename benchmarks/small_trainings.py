"""Small trainings per minute: two warm trainer children against one cold process per trial, two at once.

All train the same three-convolution chain on digits for ten epochs of batches of 64, with one thread each. Two cold peers: a
training written by hand (`peers/plain_training.py`), and our own engine in a fresh child each time. The warm children write
checkpoints and events; the peer written by hand does neither. Prints one JSON value.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from engine.spec import parse
from engine.work import Candidate

GENOTYPE = {"layers": 3, "hidden": 0,
            **{f"block_{n}_{key}": value for n, channels in ((1, 16), (2, 32), (3, 32))
               for key, value in {"type": "conv", "kernel": 3, "channels": channels, "stride": 1}.items()}}
SPEC = {"space": {"kind": "chain", "preset": "cpu"}, "strategy": {"name": "random_search"},
        "dataset": {"name": "digits"}, "estimation": {"name": "scratch", "preset": "cpu", "epochs": 10},
        "budget": {"trials": 64}}
ENVIRONMENT = {**os.environ, "NASWEB_THREADS": "1"}


def orders(count: int, folder: Path) -> list[dict[str, Any]]:
    """The same architecture every time, so that every training is the same work."""
    spec = parse(SPEC)
    work = Candidate(spec.space.parse(GENOTYPE)).document()
    return [{"op": "perform", "order": str(number), "spec": spec.document(), "work": {**work, "trial": number},
             "folder": str(folder / str(number)), "data": str(folder / "data"), "device": "cpu", "comparison": []}
            for number in range(count)]


def start() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "engine.child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                            env=ENVIRONMENT)


def work_off(child: subprocess.Popen[str], queue: list[dict[str, Any]]) -> None:
    """Give one order after another; each must end well."""
    assert child.stdin and child.stdout
    for order in queue:
        child.stdin.write(json.dumps(order) + "\n")
        child.stdin.flush()
        while "result" not in (line := json.loads(child.stdout.readline())):
            pass
        if line["result"]["outcome"]["status"] != "done":
            raise RuntimeError(line["result"])


def cold(order: dict[str, Any]) -> None:
    child = start()
    work_off(child, [order])
    child.communicate()


def by_hand(_: int) -> None:
    subprocess.run([sys.executable, str(Path(__file__).parent / "peers" / "plain_training.py")], check=True,
                   env=ENVIRONMENT, stdout=subprocess.DEVNULL)


def per_minute(count: int, seconds: float) -> float:
    return round(60 * count / seconds, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cold", type=int, default=6)
    parser.add_argument("--warm", type=int, default=24)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as box, ThreadPoolExecutor(2) as pool:
        began = time.perf_counter()
        list(pool.map(by_hand, range(arguments.cold)))
        hand_rate = per_minute(arguments.cold, time.perf_counter() - began)
        began = time.perf_counter()
        list(pool.map(cold, orders(arguments.cold, Path(box) / "cold")))
        cold_rate = per_minute(arguments.cold, time.perf_counter() - began)
        children, queue = [start(), start()], orders(arguments.warm + 2, Path(box) / "warm")
        list(pool.map(work_off, children, [queue[:1], queue[1:2]]))          # warm up: imports and data
        began = time.perf_counter()
        list(pool.map(work_off, children, [queue[2::2], queue[3::2]]))
        warm_rate = per_minute(arguments.warm, time.perf_counter() - began)
        for child in children:
            child.communicate()
    print(json.dumps({"by_hand_per_minute": hand_rate, "cold_child_per_minute": cold_rate, "warm_per_minute": warm_rate,
                      "ratio": round(warm_rate / hand_rate, 2), "ratio_to_cold_child": round(warm_rate / cold_rate, 2)}))


if __name__ == "__main__":
    main()
