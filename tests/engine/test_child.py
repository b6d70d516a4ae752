"""The trainer child: one result an order, stops in mid-training, resumes bit-equal after a kill."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import api
from engine.child import Child
from engine.search import Search
from engine.spec import parse
from tests.engine.benchmarks.tiny import built, tiny

__all__ = ["built", "tiny"]

SPEC = {"space": {"kind": "chain", "preset": "cpu"}, "strategy": {"name": "random_search"}, "dataset": {"name": "digits"},
        "estimation": {"name": "scratch", "preset": "cpu", "epochs": 4}, "budget": {"trials": 3}}


class Talk:
    """One child process and the lines between it and us."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "engine.child", *arguments], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.hello = self.hear()

    def say(self, **order: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout
        line: dict[str, Any] = json.loads(self.process.stdout.readline())
        return line

    def until(self, wanted: str) -> list[dict[str, Any]]:
        """Lines up to and with the first result, or event of this type."""
        lines = []
        while True:
            lines.append(self.hear())
            if "result" in lines[-1] or lines[-1]["event"]["event"] == wanted:
                return lines


@pytest.fixture
def talk() -> Iterator[Talk]:
    talking = Talk()
    yield talking
    talking.process.kill()
    talking.process.wait()


def training(folder: Path, order: str = "a") -> dict[str, Any]:
    spec = parse(SPEC)
    work = Search(spec).ready()[0]
    return {"op": "perform", "order": order, "spec": spec.document(), "work": work.document(), "folder": str(folder),
            "data": str(folder.parent / "data"), "device": "cpu", "comparison": []}


def weights(folder: Path) -> str:
    return hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()


def test_it_says_hello_with_its_device(talk: Talk) -> None:
    assert talk.hello["hello"]["threads"] == 1 and talk.hello["hello"]["device"] in ("cpu", "cuda")


def test_one_that_only_thinks_leaves_torch_out() -> None:
    thinker = Talk("light")
    assert "torch" not in thinker.hello["hello"]
    assert "libtorch" not in Path(f"/proc/{thinker.process.pid}/maps").read_text()
    thinker.process.kill()
    thinker.process.wait()


def test_an_order_ends_in_exactly_one_result_and_the_child_stays_warm(talk: Talk, tmp_path: Path) -> None:
    for number in range(2):
        talk.say(**training(tmp_path / str(number), str(number)))
        lines = talk.until("")
        while "result" not in lines[-1]:
            lines = talk.until("")
        assert lines[-1]["order"] == str(number) and lines[-1]["result"]["outcome"]["status"] == "done"
    assert weights(tmp_path / "0") == weights(tmp_path / "1")


def test_a_bad_order_is_an_error_result_not_a_dead_child(talk: Talk, tmp_path: Path) -> None:
    talk.say(**{**training(tmp_path), "spec": {}})
    assert talk.hear()["result"]["kind"] == "error"
    talk.say(op="nonsense", order="b")
    assert talk.hear()["result"]["kind"] == "error"
    assert talk.process.poll() is None


def finish(talk: Talk, order: dict[str, Any]) -> dict[str, Any]:
    talk.say(**order)
    while "result" not in (line := talk.hear()):
        pass
    result: dict[str, Any] = line["result"]
    return result


def test_stopped_it_leaves_a_checkpoint_and_goes_on_to_the_same_bits(talk: Talk, tmp_path: Path) -> None:
    unbroken = finish(talk, training(tmp_path / "unbroken"))["outcome"]
    talk.say(**training(tmp_path / "cut", "cut"))
    talk.until("epoch")
    talk.say(op="stop", order="cut")
    while "result" not in (line := talk.hear()):
        pass
    assert line["result"]["kind"] == "interrupted"
    resumed = finish(talk, training(tmp_path / "cut", "again"))["outcome"]
    assert resumed["score"] == unbroken["score"] and weights(tmp_path / "cut") == weights(tmp_path / "unbroken")


def test_killed_in_mid_training_another_child_reaches_the_same_bits(talk: Talk, tmp_path: Path) -> None:
    unbroken = finish(talk, training(tmp_path / "unbroken"))["outcome"]
    victim = Talk()
    victim.say(**training(tmp_path / "killed"))
    victim.until("epoch")
    victim.process.kill()
    victim.process.wait()
    resumed = finish(talk, training(tmp_path / "killed", "again"))["outcome"]
    assert resumed["score"] == unbroken["score"] and weights(tmp_path / "killed") == weights(tmp_path / "unbroken")


def test_it_thinks_step_by_step_and_replays_when_it_does_not_hold_the_version(talk: Talk) -> None:
    spec = parse(SPEC)
    expected = Search(spec).ready()
    order = {"op": "think", "order": "t", "search": "s", "version": "0",
             "next": "1", "partial": False, "spec": spec.document(), "rows": [], "state": None}
    thought = finish(talk, order)
    assert thought["work"] == [work.document() for work in expected] and thought["finished"] is False
    rows = [[thought["work"][0], {"status": "done", "score": 0.5, "score_kind": "scratch", "metrics": {}, "spend": {},
                                  "artifact": None, "payload": {}}]]
    later = {**order, "version": "1", "next": "2", "rows": rows, "state": thought["state"]}
    assert finish(talk, {**later, "search": "elsewhere", "partial": True}) == {"kind": "unknown"}
    resident = finish(talk, {**later, "partial": True})
    replayed = finish(talk, {**later, "search": "elsewhere"})
    assert resident == replayed and resident["work"][0]["trial"] == 1


def test_it_ends_when_its_input_ends(talk: Talk) -> None:
    assert talk.process.stdin
    talk.process.stdin.close()
    assert talk.process.wait(timeout=20) == 0


def test_it_plays_a_run_of_an_arena_without_torch() -> None:
    player = Talk("light")
    asked = {"table": None, "landscape": "L2", "strategy": {"name": "aging_evolution"}, "seed": 3, "evaluations": 30}
    player.say(op="play", order="p", **asked)
    assert player.hear()["result"] == {"kind": "played", "track": api.arena_run(**asked)}
    assert "libtorch" not in Path(f"/proc/{player.process.pid}/maps").read_text()
    player.say(op="play", order="q", **{**asked, "strategy": {"name": "magic"}})
    assert player.hear()["result"]["error_kind"] == "invalid"
    player.process.kill()
    player.process.wait()


def test_it_measures_an_estimator_and_says_how_far_it_is(tiny: Path, tmp_path: Path) -> None:
    said: list[dict[str, Any]] = []
    asked = {"table": "tiny", "estimators": ["random_sharing"], "sample": 3, "seed": 0, "epochs": 1}
    Child(said.append).handle({"op": "correlate", "order": "c", **asked, "data": str(tmp_path),
                               "workdir": str(tmp_path / "work")})
    assert [line["progress"] for line in said[:-1]][-1] == {"stage": "networks", "done": 3, "total": 3}
    assert {"stage": "epochs", "done": 1, "total": 1} in [line["progress"] for line in said[:-1]]
    result = said[-1]["result"]
    assert result["kind"] == "played" and result["track"]["estimators"][0]["n"] == 3
    json.dumps(result, allow_nan=False)
    Child(said.append).handle({"op": "correlate", "order": "d", **asked, "table": "none", "data": "", "workdir": ""})
    assert said[-1]["result"]["error_kind"] == "invalid"
