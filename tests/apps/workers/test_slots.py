"""How many slots a machine has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from apps.workers import slots


@pytest.fixture(autouse=True)
def no_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(slots, "DRIVER", tmp_path / "gpus")
    return tmp_path / "gpus"


@pytest.mark.parametrize(("cores", "count"), [(1, 1), (2, 2), (64, 2), (None, 1)])
def test_one_a_core_up_to_two(monkeypatch: pytest.MonkeyPatch, cores: int | None, count: int) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert slots.devices(0) == ["cpu"] * count
    assert slots.devices(5) == ["cpu"] * 5


def test_one_a_gpu(no_gpus: Path) -> None:
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (no_gpus / name).mkdir(parents=True)
    assert slots.devices(0) == ["cuda:0", "cuda:1"]
    assert slots.devices(3) == ["cuda:0", "cuda:1", "cuda:0"]


@pytest.mark.parametrize(("visible", "found"), [("", []), ("-1", []), ("1,3", ["cuda:1", "cuda:3"]),
                                                ("GPU-8a1b", ["cuda:GPU-8a1b"])])
def test_the_environment_limits_them(monkeypatch: pytest.MonkeyPatch, visible: str, found: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert slots.gpus() == found
