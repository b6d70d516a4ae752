"""Whose result is whose: names are apart, what is kept is not run again, pairs are over equal seeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import strategies_vs_peers
from benchmarks.peers.black_box import OVERHEAD as THEIR_OVERHEAD
from benchmarks.peers.black_box import QUALITY
from benchmarks.strategies_vs_peers import LONG, OURS, OVERHEAD, PEERS, Kept, pair, quality
from engine.registry import discover


class Rivals:
    """Stands for the peers' process: every program reaches its own number."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def ask(self, peer: str, do: str, seed: int, evaluations: int) -> float:
        self.asked.append((peer, seed))
        return 0.5 + PEERS.index(peer)


def test_no_strategy_shares_its_name_with_a_peer() -> None:
    assert not set(OURS) & set(PEERS), "results are kept by name"
    assert set(PEERS) == set(QUALITY)
    assert {rival for _, rivals in OVERHEAD.values() for rival in rivals} == set(THEIR_OVERHEAD)
    known = discover("strategies")
    assert {strategy["name"] for strategy in (*OURS.values(), *LONG.values())} <= set(known)


def test_each_program_runs_once_for_each_seed_and_slow_ones_for_fewer(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategies_vs_peers, "OURS", {"random_search": {"name": "random_search"}})
    rivals, path = Rivals(), tmp_path / "kept.jsonl"
    found = quality(rivals, 3, 1, 5, Kept(path))  # type: ignore[arg-type]
    assert sorted(rivals.asked) == sorted((peer, seed) for peer in PEERS for seed in range(3) if peer != "smac3" or seed < 1)
    seeds = {who: row["seeds"] for who, row in found["best"].items()}
    assert seeds == {"random_search": 3, **dict.fromkeys(PEERS, 3), "smac3": 1}
    assert found["best"]["smac3"]["mean"] == 0.5 + PEERS.index("smac3")
    again = quality(rivals, 3, 1, 5, Kept(path))  # type: ignore[arg-type]
    assert again == found and len(rivals.asked) == 3 * len(PEERS) - 2, "what is kept is not run again"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len({(row["who"], row["seed"]) for row in rows}) == len(rows)


def test_a_pair_is_compared_over_the_seeds_that_both_ran() -> None:
    found: dict[str, Any] = pair("ours", "theirs", [0.0, 0.1, 0.2, 9.0], [0.1, 0.2, 0.3])
    assert (found["seeds"], found["difference"]) == (3, -0.1) and found["interval"] == [-0.1, -0.1]
    assert pair("ours", "theirs", [0.3], [0.1])["difference"] == 0.2
