"""Children: started from one thread, warm, replaced when they die; no secret reaches them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.workers import children
from apps.workers.children import Child, Lost, Nursery, environment

WORK = {"trial": 0}


@pytest.fixture
def child(scripted: Any) -> Iterator[Child]:
    child = Child("cpu")
    yield child
    child.kill()


def order(child: Child, folder: Path, **more: Any) -> str:
    return child.order("perform", spec={}, work=WORK, folder=str(folder), data="", device="cpu", **more)


def heard(child: Child, name: str) -> list[Any]:
    return [message for message in child.hear(name, 5.0) if message is not None]


def test_an_order_brings_events_and_one_result(child: Child, tmp_path: Path) -> None:
    messages = heard(child, order(child, tmp_path))
    assert [message["event"]["event"] for message in messages[:-1]] == ["trial_started"] + ["epoch"] * 4
    assert messages[-1]["result"]["kind"] == "outcome"
    assert child.hello["pid"] == child.process.pid and child.greeted.is_set()
    assert child.place == "cpu"


def test_an_order_can_be_stopped_and_the_child_goes_on(child: Child, tmp_path: Path, scripted: Any) -> None:
    scripted(default=["slow", "train"])
    name = order(child, tmp_path)
    results = []
    for message in child.hear(name, 5.0):
        if message and message.get("event", {}).get("event") == "epoch":
            child.stop(name)
        results += [message["result"]] if message and "result" in message else []
    assert results == [{"kind": "interrupted"}]
    assert heard(child, order(child, tmp_path))[-1]["result"]["kind"] == "outcome"


def test_what_an_earlier_order_left_is_not_heard_by_the_next(child: Child, tmp_path: Path) -> None:
    first = order(child, tmp_path / "a")
    second = order(child, tmp_path / "b")
    assert {message["order"] for message in heard(child, second)} == {second} != {first}


def test_the_end_of_a_child_is_heard(child: Child, tmp_path: Path, scripted: Any) -> None:
    scripted(default=["poison"])
    with pytest.raises(Lost, match="status 9"):
        heard(child, order(child, tmp_path))
    assert not child.alive
    with pytest.raises(Lost):
        order(child, tmp_path)


def test_silence_is_told(child: Child, tmp_path: Path, scripted: Any) -> None:
    scripted(default=["hang"])
    name = order(child, tmp_path)
    assert None in [message for message, _ in zip(child.hear(name, 0.05), range(40), strict=False)]


def test_children_do_not_end_with_the_thread_that_wanted_them(scripted: Any, tmp_path: Path) -> None:
    born: list[Child] = []
    thread = threading.Thread(target=lambda: born.append(Child("cpu")))
    thread.start()
    thread.join()
    try:
        assert heard(born[0], order(born[0], tmp_path))[-1]["result"]["kind"] == "outcome"
    finally:
        born[0].kill()


def test_a_command_that_does_not_exist_is_an_error_here(settings: Any) -> None:
    settings.NASWEB_CHILD_COMMAND = ["/no/such/program"]
    with pytest.raises(OSError):
        Child("cpu")
    settings.NASWEB_CHILD_COMMAND = ["/bin/true"]
    assert Child("cpu").process.wait(5) == 0, "the starting thread lives on"


def test_a_nursery_keeps_a_child_and_replaces_a_dead_or_old_one(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    nursery = Nursery("cpu")
    first = nursery.warm()
    assert nursery.warm() is first
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    second = nursery.warm()
    assert second is not first and second.alive
    monkeypatch.setattr(children, "RECYCLE", 0)
    third = nursery.warm()
    assert third is not second and not second.alive
    nursery.close()
    assert not third.alive


def test_the_environment_chooses_the_device_and_keeps_secrets_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASWEB_SECRET_KEY", "s")
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@h/n")
    monkeypatch.setenv("REDIS_URL", "redis://:p@h")
    kept = environment("cuda:1")
    assert not {"NASWEB_SECRET_KEY", "DATABASE_URL", "REDIS_URL"} & kept.keys()
    assert kept["CUDA_VISIBLE_DEVICES"] == "1" and kept["NASWEB_THREADS"] == "1"
    assert environment("cpu")["CUDA_VISIBLE_DEVICES"] == ""
    monkeypatch.setenv("NASWEB_THREADS", "3")
    assert environment("cpu")["NASWEB_THREADS"] == "3"


def test_a_gpu_child_uses_its_only_gpu_if_torch_finds_it(child: Child) -> None:
    child.device = "cuda:3"
    child.hello = {"device": "cuda"}
    assert child.place == "cuda:0"
    child.hello = {"device": "cpu"}
    assert child.place == "cpu"
