"""The trainer child: orders in on stdin, events out on stdout, one JSON value a line.

It alone imports torch (`light`: only when a strategy needs it). One thread reads orders, so that a stop is heard in
mid-training; the main thread works.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

THREADS = os.environ.get("NASWEB_THREADS", "1")
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, THREADS)          # before numpy and torch are imported

from engine.errors import Invalid  # noqa: E402
from engine.estimation.context import Interrupted  # noqa: E402
from engine.events import Event  # noqa: E402
from engine.perform import perform, splits  # noqa: E402
from engine.run import proposed_event  # noqa: E402
from engine.search import Search  # noqa: E402
from engine.spec import parse  # noqa: E402
from engine.work import Candidate, Outcome, Selection, work_from  # noqa: E402

PR_SET_PDEATHSIG = 1
TELL = 1.0                                      # seconds between two words on progress
Order = Mapping[str, Any]


class Child:
    """Handles one order at a time; keeps the searches it thinks for resident."""

    def __init__(self, say: Callable[[dict[str, Any]], None]) -> None:
        self.say = say
        self.stopped: set[str] = set()                # orders asked to stop
        self.searches: dict[str, tuple[str, Search]] = {}
        self.handlers = {"perform": self.perform, "think": self.think, "play": self.play,
                         "correlate": self.correlate, "export": self.export}

    def handle(self, order: Order) -> None:
        """Answer with exactly one result, whatever happens."""
        try:
            result = self.handlers[order["op"]](order)
        except Interrupted:
            result = {"kind": "interrupted"}
        except Invalid as error:
            result = {"kind": "error", "error_kind": "invalid", "text": str(error)}
        except Exception as error:  # noqa: BLE001 - the child must survive any one order
            traceback.print_exc(file=sys.stderr)
            result = {"kind": "error", "error_kind": type(error).__name__, "text": str(error)[:2000]}
        self.say({"order": order["order"], "result": result})

    def perform(self, order: Order) -> dict[str, Any]:
        def emit(event: Event) -> None:
            self.say({"order": order["order"], "event": event.document()})

        outcome = perform(parse(order["spec"]), work_from(order["work"]), Path(order["folder"]), Path(order["data"]),
                          order["device"], emit=emit, stop=lambda: order["order"] in self.stopped,
                          comparison=order.get("comparison", ()))
        return {"kind": "outcome", "outcome": outcome.document()}

    def think(self, order: Order) -> dict[str, Any]:
        """One step of a search: take the new outcomes, give the new work. `partial` rows are what is new to `version`."""
        version, search = self.searches.get(order["search"], (None, None))
        if search is None or version != order["version"] or not order["partial"]:
            if order["partial"]:
                return {"kind": "unknown"}            # rows are missing: the supervisor sends them all
            rows = [(work_from(work), Outcome.from_document(o) if o else None) for work, o in order["rows"]]
            search = Search.restore(parse(order["spec"]), rows, order["state"])
        else:
            for work, outcome in order["rows"]:
                if work["trial"] not in search.outcomes:
                    search.report(work_from(work), Outcome.from_document(outcome))
        work = search.ready()
        events = [*search.drain(), *map(proposed_event, work)]
        self.searches[order["search"]] = (order["next"], search)
        while len(self.searches) > 8:                 # the longest resident one goes; it can be replayed
            self.searches.pop(next(iter(self.searches)))
        return {"kind": "thought", "work": [w.document() for w in work], "events": [e.document() for e in events],
                "state": search.state_dict(), "finished": search.finished}

    def play(self, order: Order) -> dict[str, Any]:
        """One run of an arena."""
        from engine import api

        track = api.arena_run(order["table"], order["landscape"], order["strategy"], order["seed"], order["evaluations"])
        return {"kind": "played", "track": track}

    def correlate(self, order: Order) -> dict[str, Any]:
        """One estimator of a comparison with a measured table; says about once a second how far it is."""
        from engine import api

        told = [0.0]

        def tell(name: str, done: int, total: int) -> None:
            if time.monotonic() - told[0] >= TELL or done == total:
                told[0] = time.monotonic()
                stage = "epochs" if name.endswith("epochs") else "networks"
                self.say({"order": order["order"], "progress": {"stage": stage, "done": done, "total": total}})

        found = api.correlate(order["table"], order["estimators"], order["sample"], order["seed"], Path(order["data"]), tell,
                              epochs=order["epochs"], workdir=Path(order["workdir"]))
        return {"kind": "played", "track": found}

    def export(self, order: Order) -> dict[str, Any]:
        from engine.export.bundle import bundle

        spec, work = parse(order["spec"]), work_from(order["work"])
        if not isinstance(work, Candidate | Selection):
            raise TypeError("only trained candidates and ensembles of them can be exported")
        made = bundle(spec, work, Outcome.from_document(order["outcome"]), Path(order["folder"]), Path(order["out"]),
                      splits(spec, Path(order["data"]), order["device"]))
        return {"kind": "exported", **made}


def die_with_parent() -> None:
    """Ask Linux to end this process when the thread that started it ends; elsewhere end of input does it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def warmed() -> dict[str, str]:
    """Import torch before somebody waits for it."""
    import torch

    torch.set_num_threads(int(THREADS))
    return {"torch": torch.__version__, "device": "cuda" if torch.cuda.is_available() else "cpu"}


def main(light: bool) -> int:
    """`light`: a child that only thinks leaves torch to the strategies that need it."""
    die_with_parent()
    out, lock = os.fdopen(os.dup(1), "w", buffering=1), threading.Lock()
    os.dup2(2, 1)                                     # a stray print must not break the protocol

    def say(message: dict[str, Any]) -> None:
        with lock:
            out.write(json.dumps(message, allow_nan=False) + "\n")

    hello = {"pid": os.getpid(), "threads": int(THREADS), **({} if light else warmed())}
    child, orders = Child(say), queue.Queue[Order | None]()

    def read() -> None:
        for line in sys.stdin:
            order = json.loads(line)
            if order["op"] == "stop":
                child.stopped.add(order["order"])
            else:
                orders.put(None if order["op"] == "quit" else order)
        os._exit(0)                                   # the supervisor is gone; checkpoints are on disk

    threading.Thread(target=read, daemon=True).start()
    say({"hello": hello})
    while (order := orders.get()) is not None:
        child.handle(order)
    return 0


if __name__ == "__main__":
    sys.exit(main(light="light" in sys.argv[1:]))
