"""Supernets on a tiny table: trained on its own training images, scored without its test, resumed, and what alphas think."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.benchmarks import correlation, tables
from engine.benchmarks.correlation import _data, _spec, correlate
from engine.benchmarks.estimators import Estimator, estimators, known
from engine.benchmarks.supernets import METHODS, Shares, supernet_spec, train
from engine.errors import Invalid
from engine.estimation.context import Interrupted
from engine.registry import discover
from engine.training.data import Split
from engine.work import Outcome
from tests.engine.benchmarks.tiny import built, tiny

__all__ = ["built", "tiny"]


def alphas(rows: list[list[float]]) -> dict[str, Any]:
    return {"alphas": {"cell": {"raw": rows}}}


def test_every_method_is_a_strategy_that_fits_the_space_of_the_tables() -> None:
    offers = discover("spaces")["nas_bench_201"].offers
    for name in METHODS:
        entry = discover("strategies")[name]
        assert entry.needs <= offers and "supernet" in entry.facts["asks"]
    names = [row["name"] for row in known()]
    assert names[:len(METHODS)] == list(METHODS) and len(set(names)) == len(names)
    assert all(row["says"] and row["kind"] in ("supernet", "proxy") for row in known())


@pytest.mark.parametrize("name", METHODS)
def test_each_supernet_trains_an_epoch_and_scores_every_network(tiny: Path, tmp_path: Path, name: str) -> None:
    said: list[tuple[str, int, int]] = []
    found = correlate("tiny", [name], 3, 0, tmp_path, lambda *told: said.append(told), epochs=1)
    row = found["estimators"][0]
    assert row["unscored"] == 0 and row["n"] == 3 and row["score_kind"] == ("hypernetwork" if name == "smash" else "shared")
    assert row["training"]["epochs"] == row["training"]["options"]["epochs"] == 1 and row["training"]["seconds"] > 0
    assert said == [(f"{name}: epochs", 0, 1), (f"{name}: epochs", 1, 1), (name, 1, 3), (name, 2, 3), (name, 3, 3)]
    assert all(score < 0 if name == "darts" else 0 <= score <= 1 for score in row["scores"])


def test_only_training_images_are_touched(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoiled(table: tables.Table, folder: Path) -> Any:
        data = _data(table, folder)
        blank = [Split(torch.full_like(part.inputs, 77), torch.zeros_like(part.labels), part.indices)
                 for part in (data.validation, data.test)]
        return replace(data, validation=blank[0], test=blank[1])

    before = correlate("tiny", ["spos"], 3, 0, tmp_path, epochs=1)
    monkeypatch.setattr(correlation, "_data", spoiled)
    assert correlate("tiny", ["spos"], 3, 0, tmp_path, epochs=1)["estimators"][0]["scores"] \
        == before["estimators"][0]["scores"]


def test_an_interrupted_training_goes_on_and_gives_the_same(tiny: Path, tmp_path: Path,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    whole = correlate("tiny", ["random_sharing"], 3, 0, tmp_path, epochs=3)["estimators"][0]
    heard: list[int] = []

    def stop() -> Iterator[bool]:
        yield from [False] * 4
        while True:
            yield True

    asked = stop()
    with pytest.raises(Interrupted):
        correlate("tiny", ["random_sharing"], 3, 0, tmp_path, epochs=3, workdir=tmp_path / "w", stop=lambda: next(asked))
    again = correlate("tiny", ["random_sharing"], 3, 0, tmp_path, lambda name, done, total: heard.append(done), epochs=3,
                      workdir=tmp_path / "w")["estimators"][0]
    assert again["scores"] == whole["scores"] and heard[0] > 0              # not from the beginning
    monkeypatch.setattr(Estimator, "score", None)                           # nothing is trained or scored a third time
    third = correlate("tiny", ["random_sharing"], 3, 0, tmp_path, epochs=3, workdir=tmp_path / "w")["estimators"][0]
    assert third["scores"] == whole["scores"] and third["training"]["seconds"] == again["training"]["seconds"]


def test_a_line_that_was_cut_off_is_scored_again(tmp_path: Path) -> None:
    path, space = tmp_path / "scores.jsonl", discover("spaces")["nas_bench_201"].factory()
    one, other = (space.parse({"arch": text}) for text in list(tables.strings())[5:7])
    kept = correlation.Kept(path)
    kept.taken(one, Outcome("done", 0.5, "shared"))
    kept.taken(other, Outcome("done", 0.25, "shared"))
    path.write_text(path.read_text()[:-1])
    again = correlation.Kept(path)
    assert again.given(one) == Outcome("done", 0.5, "shared") and again.given(other) is None
    again.taken(other, Outcome("done", 0.75, "shared"))
    assert (found := correlation.Kept(path).given(other)) and found.score == 0.75


def test_a_supernet_that_cannot_be_trained_scores_nothing_and_says_why(tiny: Path, tmp_path: Path,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    entry = discover("estimation")["shared"]
    monkeypatch.setattr(entry.factory, "perform", lambda self, work, context: Outcome("failed", metrics={"error": "no"}))
    row = correlate("tiny", ["spos", "flops"], 3, 0, tmp_path, epochs=1)["estimators"][0]
    assert row["scores"] == [None] * 3 and row["kendall"] is None and row["training"] is None
    assert row["reasons"] == {"epoch 1 of the supernet failed: no": 3}


def test_a_supernet_depends_on_the_seed_and_on_its_epochs(tiny: Path, tmp_path: Path) -> None:
    table = tables.load("tiny")
    spec, data = _spec(table, 0), _data(table, tmp_path)
    folders = {train(supernet_spec("random_sharing", s, epochs), data, tmp_path, lambda done, total: None,
                     lambda: False).folder for s, epochs in ((spec, 1), (spec, 1), (replace(spec, seed=1), 1), (spec, 2))}
    assert len(folders) == 3
    for epochs in (0, 1001):
        with pytest.raises(Invalid, match="epochs"):
            estimators(["darts"], spec, epochs)


def test_the_score_of_alphas_is_the_product_of_their_shares(tiny: Path) -> None:
    table = tables.load("tiny")
    space = _spec(table, 0).space
    rows = [[0.1 * row * column for column in range(5)] for row in range(6)]
    shares = [[math.exp(value) / sum(map(math.exp, row)) for value in row] for row in rows]
    text = table.networks[0]
    path = space.path(space.parse({"arch": text}))["cell"]
    product = math.prod(shares[row][columns[0]] for row, columns in enumerate(path))
    assert Shares(table, space, alphas(rows))._product(text) == pytest.approx(math.log(product))


def test_of_the_strings_of_a_network_the_likeliest_counts_so_that_what_is_derived_is_on_top() -> None:
    table = tables.load("fashion")
    space = _spec(table, 0).space
    rows = [[0.0, 0.0, 0.0, 0.0, 0.0] for _ in range(6)]
    for row, column in enumerate((3, 0, 0, 2, 1, 1)):                       # the third node hears nothing: a dead edge
        rows[row][column] = 2.0
    found = Shares(table, space, alphas(rows))
    derived = space.derived({"cell": rows})
    best = found.score(derived)
    others = [found.score(space.parse({"arch": text})) for text in table.networks[::40]]
    assert best >= max(others) and min(others) < best
    same = [text for text, network in table.network_of.items() if network == table.network_of[derived.genotype["arch"]]]
    assert len(same) > 1 and {found.score(space.parse({"arch": text})) for text in same} == {best}
