"""A trainer child whose trainings follow a script: the real protocol and the real thinking, no torch.

SCRIPT names a JSON file: trial number -> what its attempts do, one after another ("default" for the rest). A training
has EPOCHS epochs; each is written to `epochs.log` of the trial's folder, as a checkpoint would be, and is not done again.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from queue import Queue
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from engine.child import Child  # noqa: E402
from engine.estimation.context import Interrupted  # noqa: E402

EPOCHS = 4


class Scripted(Child):
    """Overrides what needs torch."""

    def perform(self, order: Any) -> dict[str, Any]:
        folder, number = Path(order["folder"]), order["work"]["trial"]
        folder.mkdir(parents=True, exist_ok=True)
        act = self.act(folder, number)
        if act in ("unavailable", "error", "nothing"):
            return {"kind": "outcome", "outcome": failed(act)} if act != "nothing" else {"kind": "error", "text": "broken"}
        log = folder / "epochs.log"
        done = len(log.read_text().split()) if log.exists() else 0
        self.tell(order, {"event": "trial_started", "trial": number, "epoch": done, "epochs": EPOCHS})
        if act == "poison":
            os._exit(9)
        for epoch in range(done + 1, EPOCHS + 1):
            with log.open("a") as file:
                file.write(f"{epoch}\n")
            self.tell(order, {"event": "epoch", "trial": number, "epoch": epoch, "epochs": EPOCHS, "score": epoch / 10,
                              "train_loss": 1.0, "seconds": epoch * 0.1})
            if act == "die" and epoch == 2:
                os._exit(9)
            self.wait(order, act)
        score = float("nan") if act == "nan" else 0.5 + (number * 37 % 50) / 100
        return {"kind": "outcome", "outcome": outcome(None if score != score else score)}

    def act(self, folder: Path, number: int) -> str:
        """The script's word for this attempt."""
        script = json.loads(Path(os.environ["SCRIPT"]).read_text())
        starts = folder / "starts.log"
        with starts.open("a") as file:
            file.write(f"{os.getpid()}\n")
        acts = script.get(str(number), script.get("default", ["train"]))
        return acts[min(len(starts.read_text().split()), len(acts)) - 1]

    def wait(self, order: Any, act: str) -> None:
        """Between two epochs a stop is heard, unless the script says that it is not."""
        until = time.monotonic() + {"slow": 0.3, "hang": 60, "deaf": 60}.get(act, 0.01)
        while time.monotonic() < until:
            if order["order"] in self.stopped and act != "deaf":
                raise Interrupted
            time.sleep(0.01)

    def tell(self, order: Any, event: dict[str, Any]) -> None:
        self.say({"order": order["order"], "event": event})

    def export(self, order: Any) -> dict[str, Any]:
        if order["outcome"]["score"] < 0.51:
            raise RuntimeError("the clean process did not reproduce the score")
        out = Path(order["out"])
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(b"zip")
        return {"kind": "exported", "path": str(out), "sha256": "0" * 64, "size": 3, "verified": {"score": 0.5}}


def outcome(score: float | None) -> dict[str, Any]:
    status = "failed" if score is None else "done"
    return {"status": status, "score": score, "score_kind": "scratch", "artifact": "0" * 64, "payload": {},
            "metrics": {"parameters": 100, "flops": 2000, "curve": [0.5]},
            "spend": {"seconds": 0.4, "epochs": float(EPOCHS)}}


def failed(kind: str) -> dict[str, Any]:
    return {**outcome(None), "metrics": {"error": f"it is {kind}", "error_kind": kind}, "spend": {}}


def main() -> None:
    lock, orders = threading.Lock(), Queue[Any]()

    def say(message: dict[str, Any]) -> None:
        with lock:
            print(json.dumps(message), flush=True)

    def read() -> None:
        for line in sys.stdin:
            order = json.loads(line)
            child.stopped.add(order["order"]) if order["op"] == "stop" else orders.put(order)
        os._exit(0)

    child = Scripted(say)
    threading.Thread(target=read, daemon=True).start()
    say({"hello": {"pid": os.getpid(), "torch": "none", "threads": 1, "device": "cpu"}})
    while True:
        child.handle(orders.get())


if __name__ == "__main__":
    main()
