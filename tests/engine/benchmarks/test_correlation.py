"""Estimators against a measured table: the right networks, the right truth, nothing without a score on top."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from scipy.stats import kendalltau

from engine import api
from engine.benchmarks import tables
from engine.benchmarks.correlation import _spec, correlate, row
from engine.benchmarks.estimators import Estimator, estimators
from engine.errors import Invalid
from engine.work import Outcome
from tests.engine.benchmarks.tiny import built, tiny

__all__ = ["built", "tiny"]


def outcomes(*scores: float | None) -> list[Outcome]:
    return [Outcome("failed", metrics={"error": "no flow"}) if score is None else Outcome("done", score, "proxy")
            for score in scores]


def test_every_measured_network_is_compared_with_its_mean_test_accuracy(tiny: Path, tmp_path: Path) -> None:
    said: list[tuple[str, int, int]] = []
    found = api.correlate("tiny", ["parameters", "naswot"], 500, 0, tmp_path, lambda *told: said.append(told))
    table = tables.load("tiny")
    assert found["entries"] == found["sample"] == len(table.networks) == 3 and found["networks"] == table.networks
    assert found["true"] == table.mean_test.tolist() and said[-1] == ("naswot", 3, 3) and len(said) == 6
    first, second = found["estimators"]
    assert first["scores"] == table.parameters and first["score_kind"] == "proxy"
    assert first["kendall"] == pytest.approx(kendalltau(table.parameters, table.mean_test).statistic)
    assert second["estimator"] == "naswot" and second["unscored"] == 0 and second["seconds"] > 0
    json.dumps(found, allow_nan=False)


def test_the_sample_is_drawn_by_the_seed_and_so_are_the_scores(tiny: Path, tmp_path: Path) -> None:
    pairs = [correlate("tiny", ["snip"], 2, seed, tmp_path) for seed in (0, 0, 1, 2, 3)]
    assert pairs[0]["estimators"][0]["scores"] == pairs[1]["estimators"][0]["scores"]
    assert all(len(pair["networks"]) == 2 for pair in pairs) and len({tuple(pair["networks"]) for pair in pairs}) > 1


def test_what_has_no_score_comes_last_and_can_be_left_out() -> None:
    found = row("any", outcomes(1.0, 2.0, None, 3.0, None), [0.2, 0.3, 0.5, 0.4, 0.1])
    assert found["unscored"] == 2 and found["scored"] == {"kendall": 1.0, "spearman": 1.0}
    assert found["kendall"] == pytest.approx(kendalltau([1, 2, 0, 3, 0], [0.2, 0.3, 0.5, 0.4, 0.1]).statistic)
    assert found["scores"] == [1.0, 2.0, None, 3.0, None] and found["reasons"] == {"no flow": 2}


def test_an_estimator_that_scores_nothing_knows_no_order() -> None:
    found = row("any", outcomes(None, None), [0.1, 0.2])
    assert (found["kendall"], found["spearman"], found["scored"], found["score_kind"]) == (None, None, None, None)


def test_huge_and_tiny_scores_keep_their_order() -> None:
    found = row("any", outcomes(-1e300, 1e-300, 1e300), [0.1, 0.2, 0.3])
    assert found["kendall"] == 1 == found["spearman"] and math.isfinite(found["kendall"])


def test_a_planted_estimator_is_found_with_its_tau(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tables.load("tiny")
    worth = dict(zip(table.networks, table.mean_test.tolist(), strict=True))
    monkeypatch.setattr(Estimator, "score", lambda self, spec, data, architecture, number: Outcome(
        "done", worth[architecture.genotype["arch"]] * (1 if self.name == "snip" else -1), "proxy"))
    first, second = correlate("tiny", ["snip", "fisher"], 3, 0, tmp_path)["estimators"]
    assert first["kendall"] == 1 == first["spearman"] == first["top"] and first["n"] == 3 and first["training"] is None
    assert second["kendall"] == -1 == second["spearman"] and second["top"] == 0


def test_names_are_known_and_each_once(tiny: Path) -> None:
    spec = _spec(tables.load("tiny"), 0)
    assert [each.name for each in estimators(["flops", "snip", "spos", "flops"], spec)] == ["flops", "snip", "spos"]
    snip = estimators(["snip"], spec)[0]
    assert snip.estimation.options.proxy == "snip" and snip.weights.source == "scratch" and snip.strategy is None
    with pytest.raises(Invalid) as caught:
        estimators(["flops", "magic"], spec)
    assert caught.value.problems[0].path == "/estimators"
    assert {"synflow", "darts"} <= set(caught.value.problems[0].allowed.split(" ", 2)[2].split(", "))


def test_other_images_than_the_tables_are_refused(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tables.load("tiny").description, "source_fingerprint", "other")
    with pytest.raises(Invalid, match="other images"):
        correlate("tiny", ["flops"], 2, 0, tmp_path)
