"""The fabric as a method: the paper's values, what is extracted, and a real search to a final."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from engine import options
from engine.architecture.architecture import Architecture
from engine.events import Event
from engine.leaderboard import leaderboard
from engine.nets.whole import Whole
from engine.phases import Site
from engine.run import run
from engine.spaces.fabric import TABLE
from engine.spaces.fabric import Fabric as Space
from engine.spec import incompatible, parse
from engine.strategies.fabric import Fabric, Options
from engine.work import Candidate, Outcome, SupernetEpoch, Weights, Work

torch.set_num_threads(1)
PATHS = Space(layers=4, scales=3, channels=4)
SETS = Space(layers=4, scales=3, channels=4, members="subgraphs")


def report(space: Space, seed: int = 0) -> dict[str, Any]:
    rng = Random(seed)
    rows = [[0.0, rng.random()] for _ in space.trellis.edges]
    return {"strengths": {TABLE: rows}, "train_loss": 1.0, "valid_loss": 1.2, "valid_score": 0.5}


def extracted(space: Space, seed: int = 0, **more: Any) -> list[Work]:
    strategy = Fabric(space, Options(epochs=1, **more), 0)
    [epoch] = strategy.ask(2)
    assert isinstance(epoch, SupernetEpoch) and strategy.ask(1) == []
    strategy.tell(replace(epoch, trial=0), Outcome("done", 0.5, "shared", payload=report(space, seed)))
    found: list[Work] = []
    while more_work := strategy.ask(3):
        found += more_work
    return found


def test_the_defaults_are_those_of_the_paper() -> None:
    o = Options()
    assert (o.epochs, o.batch_size, o.lr, o.last_lr) == (43, 64, 0.01, 1e-5)
    assert (o.momentum, o.weight_decay, o.clip, o.extraction) == (0.9, 5e-4, None, "norm")
    for name, option in options.options_of(Options).items():
        assert option.paper in (None, getattr(o, name))


def test_only_fabrics_have_a_trellis() -> None:
    assert incompatible("fabric", "fabric") is None
    reason = incompatible("fabric", "nas_bench_201")
    assert reason is not None and "a fabric of layers and scales" in reason


@pytest.mark.parametrize("space", [PATHS, SETS], ids=["paths", "subgraphs"])
@pytest.mark.parametrize(("extraction", "most"), [("norm", 1), ("path", 5), ("both", 6)])
def test_what_is_ranked_is_what_was_extracted(space: Space, extraction: str, most: int) -> None:
    found = extracted(space, extraction=extraction, paths=5, keep=0.4)
    assert 1 <= len(found) <= most
    architectures = [work.architecture for work in found if isinstance(work, Candidate)]
    assert len(set(architectures)) == len(found) and all(map(space.contains, architectures))
    assert all(isinstance(work, Candidate) and work.weights == Weights("shared", 0) and work.origin["why"] for work in found)
    strengths = report(space)["strengths"]
    if extraction != "path":
        assert architectures[0] == space.pruned(strengths, 0.4)
    if extraction != "norm":
        assert set(space.strongest(strengths, 5)) <= set(architectures)


def test_pruning_leaves_the_share_of_edges_in_a_space_of_sets_and_a_path_in_a_space_of_paths() -> None:
    for seed in range(10):
        strengths = report(SETS, seed)["strengths"]
        left = SETS.edges(SETS.pruned(strengths, 0.5))
        assert SETS.trellis.connects(left) and len(left) <= 0.5 * len(SETS.trellis.edges)
        path = PATHS.pruned(strengths, 0.5)
        assert set(PATHS.edges(path)) == set(SETS.edges(SETS.pruned(strengths, 0.0)))


def test_a_path_of_edges_is_read_back() -> None:
    for space in (PATHS, SETS):
        for seed in range(30):
            path = PATHS.sample(Random(seed)).architecture
            hard = {TABLE: [[0.0, float(edge in PATHS.edges(path))] for edge in PATHS.trellis.edges]}
            assert set(space.edges(space.strongest(hard, 1)[0])) == set(PATHS.edges(path))
            assert space.edges(space.derived(hard)) == space.edges(space.strongest(hard, 1)[0])


def test_sets_are_derived_where_a_convolution_beats_nothing_and_a_path_is_there_in_any_case() -> None:
    edges = SETS.trellis.edges
    rows = [[0.5, 0.1 * (1 + k % 9)] for k in range(len(edges))]
    found = SETS.derived({TABLE: rows})
    wanted = {edge for edge, row in zip(edges, rows, strict=True) if row[1] > 0.5}
    live = set(SETS.trellis.live(wanted))
    assert set(SETS.edges(found)) == live or (not live and SETS.trellis.connects(SETS.edges(found)))
    nothing = {TABLE: [[1.0, 0.0]] * len(edges)}
    assert SETS.trellis.connects(SETS.edges(SETS.derived(nothing))) and SETS.skips(found) == 0


def ranked(space: Space, scores: dict[int, float], **more: Any) -> list[Candidate]:
    """The heirs of a search whose candidates have these scores, by their place in the ranking."""
    strategy = Fabric(space, Options(epochs=1, extraction="path", paths=3, **more), 0)
    [epoch] = strategy.ask(1)
    strategy.tell(replace(epoch, trial=0), Outcome("done", 0.5, "shared", payload=report(space)))
    every = [replace(work, trial=k) for k, work in enumerate(strategy.ask(9), 1)]
    assert strategy.ask(9) == []                            # nothing is inherited before all have been heard of
    for place, work in enumerate(every):
        strategy.tell(work, Outcome("done", scores[place], "shared") if place in scores else Outcome("failed"))
    found = strategy.ask(9)
    assert strategy.ask(9) == []
    return [work for work in found if isinstance(work, Candidate)]


def test_the_best_of_the_ranking_go_on_with_the_weights_of_the_fabric() -> None:
    heirs = ranked(PATHS, {0: 0.2, 1: 0.7, 2: 0.4}, heirs=2, fine_tune=5)
    assert [work.parents for work in heirs] == [(2,), (3,)]
    assert {work.weights for work in heirs} == {Weights("inherit", 0)}
    assert all(work.fidelity == {"epochs": 5} and work.final_of is None for work in heirs)
    assert "trial 2 has the shared score 0.7000" in heirs[0].origin["why"].lower()


def test_what_failed_is_inherited_by_nobody_and_without_heirs_there_are_none() -> None:
    assert [work.parents for work in ranked(PATHS, {2: 0.4}, heirs=3)] == [(3,)]
    assert ranked(PATHS, {}, heirs=3) == [] and ranked(PATHS, {0: 0.2}, heirs=0) == []


def test_the_picture_is_the_trellis_with_the_strongest_path() -> None:
    strategy = Fabric(PATHS, Options(epochs=2), 0)
    [epoch] = strategy.ask(1)
    events = strategy.tell(replace(epoch, trial=0), Outcome("done", 0.5, "shared", payload=report(PATHS)))
    [picture] = [one for event in events for one in event.data["pictures"] if one["picture"] == "trellis"]
    assert len(picture["edges"]) == len(PATHS.trellis.edges)
    assert picture["path"][0] == [1, 1] and picture["path"][-1] == [4, 3]
    assert {event.data["epoch"] for event in events} == {1}


def test_the_picture_of_the_largest_fabric_fits_into_an_event() -> None:
    space = Space(layers=16, scales=8)
    strategy = Fabric(space, Options(epochs=2), 0)
    [epoch] = strategy.ask(1)
    for event in strategy.tell(replace(epoch, trial=0), Outcome("done", 0.5, "shared", payload=report(space))):
        assert len(json.dumps(event.document())) < 4096


def test_without_a_trained_fabric_there_is_nothing_to_extract() -> None:
    strategy = Fabric(PATHS, Options(epochs=3), 0)
    [first] = strategy.ask(1)
    strategy.tell(replace(first, trial=0), Outcome("failed"))
    assert strategy.ask(1) == []


def test_the_sampler_trains_all_and_stands_for_the_first_that_is_ranked() -> None:
    sampler = Fabric.sampler(Site(SETS, Options(extraction="both", keep=0.3), (1, 8, 8), 10, 0))
    assert isinstance(sampler, Whole)
    step: Any = None
    told = sampler.report(step)
    assert Architecture(**told["derived"]) == SETS.pruned(told["strengths"], 0.3)


def test_a_search_on_digits_ends_with_a_final_trained_from_scratch(tmp_path: Path) -> None:
    spec = parse({"space": {"kind": "fabric", "layers": 3, "scales": 3, "channels": 4, "members": "subgraphs"},
                  "strategy": {"name": "fabric", "preset": "cpu", "epochs": 2, "paths": 2, "fine_tune": 1},
                  "dataset": {"name": "digits", "train_limit": 128},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 2}})
    events: list[Event] = []
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", events.append)
    kinds = [type(work).__name__ for work in search.items]
    assert kinds[:2] == ["SupernetEpoch"] * 2 and set(kinds[2:]) == {"Candidate"} and 4 <= len(kinds[2:]) <= 5
    assert all(outcome.ok for outcome in search.outcomes.values())
    final = search.items[-1]
    assert isinstance(final, Candidate) and final.final_of is not None and search.best is not None
    assert search.outcomes[final.trial].score_kind == "scratch" and search.best[0].trial == final.trial
    assert [search.outcomes[work.trial].score_kind for work in search.items[2:-1]] == ["shared"] * (len(kinds) - 4) + [
        "inherited"]
    heir, final_of = search.items[-2], search.items[final.final_of]
    assert isinstance(heir, Candidate) and heir is final_of and final.weights == Weights()
    assert search.outcomes[heir.trial].spend["epochs"] == 1 and search.outcomes[heir.trial].artifact
    order = [row["score_kind"] for row in leaderboard(spec, ((w, search.outcomes[w.trial]) for w in search.items))]
    assert order == ["scratch", "inherited", *["shared"] * (len(kinds) - 4)]
    assert all(len(json.dumps(event.document())) < 4096 for event in events)
