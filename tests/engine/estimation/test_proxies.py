"""Scores of untrained networks: on every kind of data, reproducible, never mixed with those of trained ones."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.architecture.architecture import Proposal
from engine.architecture.cost import measure
from engine.constraints import KIND, refused
from engine.estimation.proxies import PROXIES, Options
from engine.events import Event
from engine.leaderboard import leaderboard
from engine.perform import perform, splits
from engine.run import run
from engine.search import Search
from engine.spec import Part, Spec, parse
from engine.work import Candidate, Outcome, Weights

ON = {"images": ({"kind": "nas_bench_201", "channels": 4, "layers": 1}, {"name": "digits", "train_limit": 64}),
      "table": ({"kind": "mlp", "preset": "cpu"}, {"name": "iris"}),
      "text": ({"kind": "recurrent_cell", "preset": "cpu", "nodes": 2}, {"name": "stdlib_text", "train_limit": 4000})}
CELL = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|skip_connect~2|"
NOTHING = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def spec_of(kind: str = "images", proxy: str = "synflow", **parts: Any) -> Spec:
    space, dataset = ON[kind]
    options = {"name": "proxies", "preset": "cpu", "proxy": proxy, "examples": 8, "epochs": 1, **parts.pop("options", {})}
    return parse({"space": space, "dataset": dataset, "strategy": {"name": "random_search"}, "estimation": options,
                  "budget": {"trials": 4}, "seed": 2, **parts})


def scored(spec: Spec, folder: Path, work: Candidate | None = None, said: Callable[[Event], None] = print) -> Outcome:
    chosen = work or Search(spec).ready()[0]
    assert isinstance(chosen, Candidate)
    return perform(spec, chosen, folder / "trial", folder / "data", "cpu", emit=said, stop=lambda: False)


def cell(spec: Spec, text: str = CELL, **more: Any) -> Candidate:
    return Candidate(spec.space.parse({"arch": text}), **{"trial": 0, **more})


def lively(point: Proposal) -> bool:
    """Not one of the tables' networks that begin at zero or have no ReLU."""
    text = json.dumps(point.architecture.genotype)
    return "constant" not in text and "sparse" not in text and (point.architecture.kind != "mlp" or "relu" in text)


@pytest.mark.parametrize("kind", list(ON))
def test_every_proxy_scores_a_network_on_every_kind_of_data_that_it_reads(kind: str, tmp_path: Path) -> None:
    points = map(spec_of(kind, "flops").space.sample, map(Random, range(99)))
    work = Candidate(next(filter(lively, points)).architecture, trial=0)
    for name in (name for name, proxy in PROXIES.items() if kind in proxy.reads):
        outcome = scored(spec_of(kind, name), tmp_path, work)
        assert outcome.ok and outcome.score_kind == "proxy" and outcome.score is not None, (name, outcome.metrics)
        assert math.isfinite(outcome.score) and outcome.spend["epochs"] == 0 < outcome.spend["seconds"]
        assert outcome.metrics["proxy"] == name and outcome.artifact is None and "test" not in outcome.metrics
        json.dumps(outcome.document(), allow_nan=False)


def test_the_baselines_are_the_formulas(tmp_path: Path) -> None:
    spec = spec_of()
    cost = measure(spec.space.network(cell(spec).architecture, (1, 8, 8), 10), (1, 8, 8))
    for name, value in (("parameters", cost.parameters), ("flops", cost.flops)):
        assert scored(spec_of(proxy=name), tmp_path, cell(spec)).score == value


def test_the_same_trial_has_the_same_score_and_another_draws_its_own(tmp_path: Path) -> None:
    spec = spec_of(proxy="snip")
    first, again, other = (scored(spec, tmp_path, cell(spec, trial=trial)).score for trial in (3, 3, 4))
    assert first == again != other


def test_with_a_seed_all_trials_share_weights_and_batch(tmp_path: Path) -> None:
    spec = spec_of(proxy="snip", options={"seed": 5})
    assert scored(spec, tmp_path, cell(spec, trial=3)).score == scored(spec, tmp_path, cell(spec, trial=4)).score
    other = spec_of(proxy="snip", options={"seed": 6})
    assert scored(other, tmp_path, cell(spec, trial=3)).score != scored(spec, tmp_path, cell(spec, trial=3)).score


def test_the_first_of_several_draws_is_the_single_one_and_the_score_is_the_mean(tmp_path: Path) -> None:
    from engine.estimation.proxies import _once
    from engine.rng import stream_seed

    spec = spec_of(proxy="grad_norm", options={"seed": 5, "repeats": 3})
    data = splits(spec, tmp_path, "cpu")
    graph = spec.space.network(cell(spec).architecture, data.shape, 10)
    each = [_once("grad_norm", graph, data, "cpu", stream_seed(5, "proxy", draw), 8) for draw in range(3)]
    assert len(set(each)) == 3 and scored(spec, tmp_path, cell(spec)).score == pytest.approx(sum(each) / 3)


def test_a_network_through_which_nothing_flows_has_no_score_and_is_never_the_best(tmp_path: Path) -> None:
    spec = spec_of()
    outcome = scored(spec, tmp_path, cell(spec, NOTHING))
    assert (outcome.status, outcome.score, outcome.metrics["error_kind"]) == ("failed", None, "unscored")
    assert "synflow is -inf" in outcome.metrics["error"] and not refused(outcome)


def test_limits_hold_for_the_untrained_too(tmp_path: Path) -> None:
    outcome = scored(spec_of(constraints={"parameters": 100}), tmp_path)
    assert outcome.metrics["error_kind"] == KIND and refused(outcome)
    slow = spec_of(constraints={"latency_ms": 0.001})
    outcome = scored(slow, tmp_path)
    assert outcome.metrics["error_kind"] == KIND and refused(outcome) and slow.refuses
    assert outcome.metrics["latency_device"] == "cpu" and not spec_of().refuses


def test_it_looks_at_fresh_weights_only(tmp_path: Path) -> None:
    spec = spec_of()
    outcome = scored(spec, tmp_path, cell(spec, weights=Weights("inherit", 0)))
    assert not outcome.ok and "not at inherit ones" in outcome.metrics["error"]


def test_a_batch_is_never_larger_than_the_data(tmp_path: Path) -> None:
    for name in ("zico", "grad_norm"):
        assert scored(spec_of(proxy=name, options={"examples": 8192}), tmp_path).ok


def test_a_whole_search_trains_its_finals_and_keeps_the_kinds_apart(tmp_path: Path) -> None:
    spec = spec_of(proxy="naswot")
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", lambda event: None)
    rows = [(work, search.outcomes[work.trial]) for work in search.items]
    kinds = [row["score_kind"] for row in leaderboard(spec, rows)]
    assert kinds == ["scratch", *["proxy"] * 4]
    final, outcome = rows[-1]
    assert isinstance(final, Candidate) and outcome.metrics["test"] >= 0 and outcome.spend["epochs"] == 1
    chosen = max(rows[:-1], key=lambda row: row[1].score or 0.0)[0]
    assert final.final_of == chosen.trial and search.best is not None and search.best[0] is final
    assert search.spend["epochs"] == 0


def test_declared_defaults_are_those_of_the_papers() -> None:
    options = Options()
    assert (options.proxy, options.examples, options.repeats, options.seed) == ("synflow", 64, 1, None)
    assert replace(spec_of(), estimation=Part("proxies", options)).document()["estimation"]["proxy"] == "synflow"
