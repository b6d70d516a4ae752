"""Every method that shares weights is killed and paused, inside epochs and between them, and comes to the same.

Whatever asks for supernet epochs is tried as it is declared. Each leg of a search is a real process of its own, forked from
one that has torch in memory, and begins with other global randomness; it ends itself by SIGKILL at an exact moment.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import checkpoint, options
from engine.checkpoint import Checkpoints
from engine.estimation import shared
from engine.estimation.context import Interrupted
from engine.events import Event
from engine.journal import Journal
from engine.registry import discover
from engine.run import run
from engine.spec import Spec, incompatible, parse
from engine.work import Candidate, SupernetEpoch

# What is tried in every run: each way of training a supernet. `make conformance` tries all.
OFTEN = {"darts", "enas", "once_for_all", "p_darts", "smash", "darts on text"}
METHODS = {name: entry for name, entry in discover("strategies").items() if "supernet" in entry.facts["asks"]}
# The first that fits is taken.
IMAGES: tuple[dict[str, Any], ...] = (
    {"kind": "darts_cell", "preset": "cpu", "nodes": 1, "layers": 3, "channels": 2},
    {"kind": "slimmable", "channels": 8, "stages": 1, "kernels": [3, 5], "depths": [1, 2], "expansions": [2, 3]},
    {"kind": "fabric", "layers": 3, "scales": 3, "channels": 4},
    *({"kind": kind, "preset": "cpu"} for kind, entry in discover("spaces").items() if "images" in entry.facts["data"]))
TEXT = {"kind": "recurrent_cell", "nodes": 2, "embedding": 4, "hidden": 4}
# Of the options that a method has.
SMALL = {"epochs": 2, "batch_size": 16, "alpha_after": 0, "candidates": 2, "steps": 2, "samples": 1, "random": 1,
         "perturbed": 1, "greedy": 1, "population": 2, "parents": 2, "crossover": 1, "mutation": 1, "generations": 2,
         "recalibration": 1, "stages": 2, "full": 1, "kernel": 1, "depth": 0, "width": 0, "paths": 2, "heirs": 1,
         "fine_tune": 1}
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


def spec_of(method: str, space: dict[str, Any], data: dict[str, Any], preset: str) -> Spec:
    declared = options.options_of(METHODS[method].options)
    small = {name: max(value, declared[name].low or 0) for name, value in SMALL.items()
             if name in declared and declared[name].kind == "integer"}
    return parse({"space": space, "dataset": data, "strategy": {"name": method, "preset": preset, **small}, "seed": 3,
                  "finals": {"top": 1},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1, "warmup": 0.0, "checkpoint_seconds": 0.0}})


def cases() -> list[Any]:
    """Each method on images, and on text if it has a preset for that."""
    found = []
    for name, entry in METHODS.items():
        space = next(space for space in IMAGES if not incompatible(name, space["kind"]))
        found.append(pytest.param(spec_of(name, space, {"name": "digits", "train_limit": 64}, "cpu"), id=name))
        if "recurrent_cpu" in entry.presets:
            text = {"name": "stdlib_text", "characters": 2000, "length": 8}
            found.append(pytest.param(spec_of(name, TEXT, text, "recurrent_cpu"), id=f"{name} on text"))
    return [case for case in found if case.id in OFTEN or os.environ.get("NASWEB_CONFORMANCE") == "all"]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Doom:
    """When a leg dies: before it publishes checkpoint number `saves`, or with the event `word` number `times`."""

    def __init__(self, saves: int = 0, word: str = "", times: int = 1) -> None:
        self.saves, self.word, self.times = saves, word, times

    def arm(self) -> Callable[[Event], None]:
        """What hears the events."""
        replaced = os.replace

        def replace(*paths: Any) -> None:
            self.saves -= str(paths[1]).endswith(".pt")
            if not self.saves:
                die()
            replaced(*paths)

        def emit(event: Event) -> None:
            self.times -= event.type == self.word
            if not self.times:
                die()

        if self.saves:
            checkpoint.os.replace = replace
        return emit


def leg(document: str, folder: Path, data: Path, noise: int, doom: Doom, pauses: bool) -> None:
    """Go on with the search until it ends or dies; with pauses after each step, each as if in a fresh process."""
    torch.set_num_threads(1)
    random.seed(noise)
    torch.manual_seed(noise)
    emit = doom.arm()
    while True:
        try:
            run(parse(json.loads(document)), folder, data, "cpu", emit, stop=lambda: pauses)
            return
        except Interrupted:
            shared._resident.clear()


def ended(*given: Any) -> int | None:
    process = FORKS.Process(target=leg, args=given)
    process.start()
    process.join()
    return process.exitcode


def plain(folder: Path) -> Any:
    """All that the search has recorded, but for the clock."""
    journal, found = Journal.open(folder)[0], []
    for work in journal.items:
        outcome = journal.outcomes[work.trial].document()
        outcome["spend"].pop("seconds", None)
        if isinstance(work, SupernetEpoch):
            outcome["artifact"] = None                      # the hash of a checkpoint, which has the clock in it
        found.append((work.document(), outcome))
    return found


def supernet(folder: Path) -> Any:
    """Weights, momentum and what the sampler knows after the last epoch, as text."""
    trial = max(work.trial for work in Journal.open(folder)[0].items if isinstance(work, SupernetEpoch))
    state = Checkpoints(folder / "artifacts" / str(trial) / "checkpoints").latest()
    assert state is not None
    return written({name: value for name, value in state.items() if name != "seconds"})


def written(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.contiguous().flatten().view(torch.uint8).numpy().tobytes()
    if isinstance(value, dict):
        return {key: written(one) for key, one in value.items()}
    return [written(one) for one in value] if isinstance(value, list | tuple) else repr(value)


@pytest.mark.parametrize("spec", cases())
def test_killed_inside_and_between_epochs_and_paused_it_is_the_unbroken_search(spec: Spec, tmp_path: Path) -> None:
    document, data = json.dumps(spec.document()), tmp_path / "data"
    assert ended(document, tmp_path / "whole", data, 1, Doom(), False) == 0
    legs = [(Doom(saves=2), False),                         # it saves the second step of the first epoch
            (Doom(word="epoch"), False),                    # the first one is over, but not recorded
            (Doom(saves=2), True),                          # inside the second epoch
            (Doom(word="trial_finished"), False)]           # the second one is recorded
    for noise, (doom, pauses) in enumerate(legs, 2):
        assert ended(document, tmp_path / "cut", data, noise, doom, pauses) == -signal.SIGKILL
    assert ended(document, tmp_path / "cut", data, 9, Doom(), True) == 0
    whole, cut = plain(tmp_path / "whole"), plain(tmp_path / "cut")
    assert cut == whole and supernet(tmp_path / "cut") == supernet(tmp_path / "whole")
    works = Journal.open(tmp_path / "whole")[0].items
    assert [type(work) for work in works[:3]] == [SupernetEpoch, SupernetEpoch, Candidate]
    assert whole[-1][0]["final_of"] is not None and whole[-1][1]["artifact"]
    assert all(outcome["status"] == "done" for _, outcome in whole)
