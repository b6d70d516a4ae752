"""TangleNAS as a method: where it fits, what it asks for, and a real search to an heir and a final."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from engine.events import Event
from engine.nets.entangled import Entangled
from engine.phases import Site
from engine.run import run
from engine.spaces.slimmable import Slimmable
from engine.spec import incompatible, parse
from engine.strategies.tangle import Options, Tangle
from engine.work import Candidate, Outcome, SupernetEpoch, Weights

torch.set_num_threads(1)
TINY = Slimmable(channels=8, stages=1, kernels=(3, 5), depths=(1, 2), expansions=(2, 3))


def test_it_fits_where_no_block_keeps_its_width() -> None:
    assert incompatible("tangle", "slimmable", TINY) is None
    reason = incompatible("tangle", "slimmable", Slimmable(expansions=(1, 3)))
    assert reason is not None and "larger than 1" in reason
    assert incompatible("once_for_all", "slimmable", Slimmable(expansions=(1, 3))) is None
    assert incompatible("tangle", "darts_cell") is not None


def asked(wanted: Options) -> list[Any]:
    strategy, found = Tangle(TINY, wanted, 0), list[Any]()
    while more := strategy.ask(2):
        for work in (replace(each, trial=len(found) + k) for k, each in enumerate(more)):
            found.append(work)
            payload = {"train_loss": 1.0, "valid_loss": 1.0, "derived": TINY.smallest.document()}
            strategy.tell(work, Outcome("done", 0.5, "shared", payload=payload))
    return found


def test_epochs_then_what_they_stand_for_then_its_heir() -> None:
    found = asked(Options(epochs=3, fine_tune=2))
    assert [type(work) for work in found] == [SupernetEpoch] * 3 + [Candidate] * 2
    derived, heir = found[3:]
    assert derived.architecture == heir.architecture == TINY.smallest
    assert (derived.weights, heir.weights) == (Weights("shared", 2), Weights("inherit", 2))
    assert heir.fidelity == {"epochs": 2} and "after 3 epochs" in derived.origin["why"]
    assert len(asked(Options(epochs=3, heirs=0))) == 4


def test_nothing_is_derived_where_no_epoch_succeeded() -> None:
    strategy = Tangle(TINY, Options(), 0)
    [epoch] = strategy.ask(1)
    strategy.tell(replace(epoch, trial=0), Outcome("failed"))
    assert strategy.ask(1) == []


def test_its_sampler_learns_as_the_options_say() -> None:
    sampler = Tangle.sampler(Site(TINY, Options(alpha_lr=0.1, alpha_after=2), (1, 8, 8), 10, 0))
    assert isinstance(sampler, Entangled) and (sampler.learning.lr, sampler.learning.after) == (0.1, 2)


def test_a_search_on_digits_ends_with_an_heir_and_a_final_from_scratch(tmp_path: Path) -> None:
    spec = parse({"space": {"kind": "slimmable", "channels": 8, "stages": 1, "kernels": [3, 5], "depths": [1, 2],
                            "expansions": [2, 3]}, "dataset": {"name": "digits", "train_limit": 96},
                  "strategy": {"name": "tangle", "preset": "cpu", "epochs": 2, "fine_tune": 1},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1}})
    events: list[Event] = []
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", events.append)
    outcomes = [search.outcomes[work.trial] for work in search.items]
    assert all(outcome.ok for outcome in outcomes)
    assert [outcome.score_kind for outcome in outcomes] == ["shared", "shared", "shared", "inherited", "scratch"]
    derived = outcomes[1].payload["derived"]
    assert all(work.architecture.document() == derived for work in search.items if isinstance(work, Candidate))
    heats = [p for e in events for p in e.data.get("pictures", ()) if p["picture"] == "heat"]
    assert {p["title"] for p in heats} == {"Alphas: depth", "Alphas: kernel", "Alphas: expansion"}
    assert all(len(json.dumps(event.document())) < 4096 for event in events)
