"""Latency: timed only if wanted, in the state in which the network was, and judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.estimation import latency
from engine.estimation.latency import REPEATS, WARM, latency_ms
from engine.perform import perform
from engine.rng import stream
from engine.spec import parse
from engine.work import Candidate, Outcome


class Watched(nn.Module):
    """Notes how it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[bool, int, bool]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls.append((self.training, torch.get_num_threads(), torch.is_inference_mode_enabled()))
        return x


def trained(folder: Path, limits: dict[str, Any] | None = None, final_of: int | None = None, **estimation: Any) -> Outcome:
    spec = parse({"space": {"kind": "chain", "preset": "cpu"}, "dataset": {"name": "digits", "train_limit": 200},
                  "strategy": {"name": "random_search"}, "constraints": limits or {},
                  "estimation": {"name": "scratch", "preset": "cpu", "epochs": 1, "warmup": 0.0, **estimation}})
    work = Candidate(spec.space.sample(stream(0, "x", 0)).architecture, trial=0, final_of=final_of)
    return perform(spec, work, folder, folder / "data", "cpu", emit=lambda event: None, stop=lambda: False)


def test_warmed_up_in_evaluation_mode_on_one_thread_and_as_it_was_afterwards() -> None:
    model, threads = Watched().train(), torch.get_num_threads()
    assert latency_ms(model, torch.zeros(1)) > 0
    assert model.calls == [(False, 1, True)] * (WARM + REPEATS)
    assert model.training and torch.get_num_threads() == threads


def test_it_is_the_median_of_what_follows_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 9.0, 0.0, 0.001, 0.0, 0.005, 0.0, 0.002])
    monkeypatch.setattr(latency.time, "perf_counter", lambda: next(clock))
    assert latency_ms(nn.Identity(), torch.zeros(1), warm=1, repeats=3) == pytest.approx(2.0)


def test_the_state_is_given_back_when_a_pass_fails() -> None:
    model, threads = nn.Linear(3, 3).train(), torch.get_num_threads()
    with pytest.raises(RuntimeError):
        latency_ms(model, torch.zeros(1, 4))
    assert model.training and torch.get_num_threads() == threads


def test_nothing_is_timed_unless_somebody_wants_to_know(tmp_path: Path) -> None:
    plain, timed = trained(tmp_path / "a"), trained(tmp_path / "b", latency=True)
    assert "latency_ms" not in plain.metrics
    assert timed.metrics["latency_ms"] > 0 and timed.metrics["latency_device"] == "cpu"
    assert timed.score == plain.score and timed.artifact == plain.artifact


def test_too_slow_is_a_failure_but_never_of_a_final(tmp_path: Path) -> None:
    slow = trained(tmp_path / "a", {"latency_ms": 0.001})
    assert slow.status == "failed" and slow.metrics["error_kind"] == "constraint" and slow.spend["epochs"] == 1
    assert trained(tmp_path / "b", {"latency_ms": 0.001}, final_of=0).ok
    assert trained(tmp_path / "c", {"latency_ms": 60_000.0}).ok


def test_too_large_is_not_trained_at_all(tmp_path: Path) -> None:
    outcome = trained(tmp_path, {"parameters": 1})
    assert outcome.status == "failed" and outcome.metrics["violation"] > 1 and not outcome.spend
    assert "curve" not in outcome.metrics and not (tmp_path / "weights.safetensors").exists()


@pytest.mark.parametrize(("space", "data"), [("mlp", "iris"), ("recurrent_cell", "stdlib_text")])
def test_rows_and_texts_are_timed_too(tmp_path: Path, space: str, data: str) -> None:
    from engine.estimation.latency import example
    from engine.nets.build import build
    from engine.perform import splits

    spec = parse({"space": {"kind": space, "preset": "cpu"}, "dataset": {"name": data},
                  "strategy": {"name": "random_search"}})
    arrays = splits(spec, tmp_path, "cpu")
    drawn = spec.space.sample(stream(0, "x", 0)).architecture
    model = build(spec.space.network(drawn, arrays.shape, len(arrays.classes)), arrays.shape)
    one = example(arrays, "cpu")
    assert one.shape == (1, *arrays.shape) and latency_ms(model, one, 1, 3) > 0
    found = latency.untrained(spec.space.network(drawn, arrays.shape, len(arrays.classes)), arrays, "cpu")
    assert found["latency_ms"] > 0 and found["latency_device"] == "cpu"
