"""DARTS and ENAS over text: real searches of recurrent cells to a network trained from scratch, and what others share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from engine import options
from engine.architecture.architecture import Architecture
from engine.events import Event
from engine.registry import discover
from engine.run import run
from engine.search import Search
from engine.spec import incompatible, parse, parse_space
from engine.strategies.darts import Options
from engine.work import Candidate, SupernetEpoch

torch.set_num_threads(1)
DATA = {"name": "stdlib_text", "characters": 3000, "length": 8}
CELL = {"kind": "recurrent_cell", "nodes": 2, "embedding": 8, "hidden": 8}


def searched(form: str, strategy: dict[str, Any], folder: Path) -> tuple[Search, list[Event]]:
    spec = parse({"space": {**CELL, "form": form}, "dataset": DATA, "seed": 1, "budget": {"trials": 2},
                  "strategy": {"epochs": 2, "batch_size": 32, **strategy},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1, "warmup": 0.0}})
    events: list[Event] = []
    search = run(spec, folder / "search", folder / "data", "cpu", events.append)
    assert all(outcome.ok for outcome in search.outcomes.values())
    assert all(len(json.dumps(event.document())) < 4096 for event in events)
    return search, events


def kinds(search: Search) -> list[str]:
    return ["epoch" if isinstance(work, SupernetEpoch) else "final" if work.final_of is not None else "ranked"
            for work in search.items if isinstance(work, SupernetEpoch | Candidate)]


def test_darts_over_text_ends_with_a_cell_trained_from_scratch(tmp_path: Path) -> None:
    search, events = searched("darts", {"name": "darts", "preset": "recurrent_cpu", "order": "second"}, tmp_path)
    assert kinds(search) == ["epoch", "epoch", "ranked", "final"]
    report = search.outcomes[1].payload
    assert len(report["alphas"]["cell"]["softmax"]) == 3 and report["tables"]["cell"]["ops"][0] == "none"
    final, outcome = search.items[3], search.outcomes[3]
    assert isinstance(final, Candidate) and final.architecture == Architecture(**report["derived"])
    assert outcome.score_kind == "scratch" and -9 < outcome.score < 0 and outcome.metrics["test"] < 0
    assert search.outcomes[2].score_kind == "shared" and -9 < search.outcomes[2].score < 0
    assert -9 < search.outcomes[1].score < search.outcomes[0].score + 1
    titles = [picture["title"] for event in events if event.type == "strategy" for picture in event.data["pictures"]]
    assert {"Loss of the supernet", "Alphas: cell", "Mean entropy of an edge"} <= set(titles)


def test_enas_over_text_ends_with_the_best_of_its_draws(tmp_path: Path) -> None:
    search, events = searched("enas", {"name": "enas", "preset": "recurrent_cpu", "steps": 2, "candidates": 2}, tmp_path)
    assert kinds(search) == ["epoch", "epoch", "ranked", "ranked", "final"]
    policy = search.outcomes[0].payload["policy"]
    perplexity = 5.0 / policy["reward"]                 # of a character: the form of the reward is c / perplexity
    assert 10 < perplexity < 120
    best = max(search.items[2:4], key=lambda work: search.outcomes[work.trial].score)
    final = search.items[4]
    assert isinstance(final, Candidate) and isinstance(best, Candidate) and final.architecture == best.architecture
    assert search.outcomes[4].score_kind == "scratch" and -9 < search.outcomes[4].score < 0
    titles = [picture["title"] for event in events if event.type == "strategy" for picture in event.data["pictures"]]
    assert "Reward of the controller" in titles and "Controller: node activation" in titles


@pytest.mark.parametrize(("name", "form", "more"), [
    ("random_sharing", "enas", {"candidates": 2}), ("gdas", "darts", {}), ("gdas", "enas", {}),
    ("one_shot", "darts", {"candidates": 2}), ("spos", "darts", {"paths": "fair", "generations": 1})])
def test_other_methods_share_the_same_cells(name: str, form: str, more: dict[str, Any], tmp_path: Path) -> None:
    given = {"name": name, "preset": "cpu", "epochs": 1, "clip": 0.25, **more}
    search, _ = searched(form, given, tmp_path)
    assert kinds(search)[:2] == ["epoch", "ranked"] and kinds(search)[-1] == "final"


def test_methods_of_edges_that_add_up_do_not_fit() -> None:
    for name in ("darts_minus", "pc_darts", "p_darts", "smash", "fabric"):
        assert "does not offer" in str(incompatible(name, "recurrent_cell"))


def test_the_recurrent_preset_is_that_of_the_paper() -> None:
    made = options.parse(Options, {"preset": "recurrent"}, presets=discover("strategies")["darts"].presets)
    assert (made.epochs, made.batch_size, made.lr, made.last_lr, made.momentum) == (50, 256, 20.0, 20.0, 0.0)
    assert (made.clip, made.weight_decay) == (0.25, 5e-7)
    assert (made.order, made.alpha_lr, made.alpha_beta1, made.alpha_beta2, made.alpha_decay) == (
        "second", 3e-3, 0.9, 0.999, 1e-3)
    space = parse_space({"kind": "recurrent_cell", "preset": "search"})[1]
    table = space.supernet((35,), 100).tables["cell"]
    assert (len(table.edges), len(table.ops)) == (36, 5)


def test_an_uploaded_text_that_turns_out_too_short_is_refused_before_its_first_step(tmp_path: Path) -> None:
    """Where nobody has looked into the file before, the first epoch says it, not torch."""
    text = tmp_path / "data/uploads" / ("0" * 64)
    text.parent.mkdir(parents=True)
    text.write_text("to be or not to be; " * 60)
    spec = parse({"space": CELL, "dataset": {"name": "text_file", "sha256": "0" * 64, "length": 300},
                  "strategy": {"name": "darts", "epochs": 1}, "estimation": {"name": "shared", "preset": "cpu"}})
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", lambda event: None)
    [outcome] = search.outcomes.values()
    assert outcome.metrics["error_kind"] == "infeasible" and not outcome.spend.get("epochs")
    assert outcome.metrics["error"].startswith("/dataset/length: is too long for 971 characters to learn from")
