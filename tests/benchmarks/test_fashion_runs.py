"""Documents are the form's own, a row says all that was measured, and what is kept is whole and not measured again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from apps.searches.forms import NewSearch
from benchmarks import fashion_runs
from benchmarks.fashion_runs import KEPT, RUNS, WIDER, begun, keep, kept, measured, missing, searched, short, spec_of, told
from engine.baselines import SCRATCH, SHARING, baselines
from engine.journal import Journal
from engine.registry import discover
from engine.spec import Spec, parse

SMALL = {"space": {"kind": "nas_bench_201", "preset": "table"}, "strategy": {"name": "darts", "preset": "cpu", "epochs": 2},
         "estimation": {"name": "shared", "preset": "cpu", "epochs": 1}, "seed": 3,
         "dataset": {"name": "digits", "train_limit": 64}}
ROWS = [pytest.param(row, id=f"{row['run']}-{row['seed']}") for row in kept(KEPT)]
OF_A_SEARCH = {"strategy", "epochs", "candidates", "failed", "budget", "seconds", "final_seconds", "genotype", "parameters",
               "score_kind", "score", "valid", "test"}


@pytest.mark.parametrize("run", RUNS)
def test_a_document_is_what_the_form_makes_for_a_cpu(run: str) -> None:
    spec, (space, strategy) = spec_of(run, 4, 500), RUNS[run]
    form = NewSearch.blank({"space": space, "strategy": strategy["name"], "dataset": "fashion_mnist"})
    assert form.valid(), form.problems
    of_the_form = dict(form.checked or {})
    of_the_form["dataset"] |= {"train_limit": 500, "validation": 0.02}
    of_the_form["strategy"] |= {key: value for key, value in strategy.items() if key == "order"}
    assert spec.document() == of_the_form | {"seed": 4}
    for document in baselines(spec.document(), 3.0).values():
        assert parse(document).dataset == spec.dataset


def test_every_method_that_shares_weights_has_a_run() -> None:
    sharing = {name for name, entry in discover("strategies").items() if "supernet" in entry.facts["asks"]}
    assert {strategy["name"] for _, strategy in RUNS.values()} == sharing


def test_a_method_and_its_baselines_come_to_finals_and_never_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_runs, "spec_of", lambda name, seed, images: parse(SMALL))
    row = measured("darts", 3, 64, tmp_path)
    assert json.loads(json.dumps(row)) == row and set(row["baselines"]) == {SHARING, SCRATCH}
    for found in (row["search"], *row["baselines"].values()):
        assert set(found) == OF_A_SEARCH and found["failed"] == 0
        parse(SMALL).space.read(found["genotype"]["genotype"], "")
    assert (row["search"]["epochs"], row["search"]["candidates"], row["search"]["score_kind"]) == (2, 1, "shared")
    by_chance = row["baselines"][SHARING]
    assert (by_chance["candidates"], by_chance["score_kind"]) == (30, "shared")
    assert by_chance["epochs"] >= 1, "as many as fit into the seconds of the search"
    assert row["baselines"][SCRATCH]["score_kind"] == "scratch" and row["baselines"][SCRATCH]["candidates"] >= 1
    assert len(list(tmp_path.iterdir())) == 3, "a folder for each search"
    again = told(searched(parse(SMALL), tmp_path))
    assert again == row["search"], "what the folder holds is not searched again"
    assert short(row)["test"] == row["search"]["test"] and short(row)[SCRATCH]["valid"] == row["baselines"][SCRATCH]["valid"]


def test_a_search_without_a_final_is_no_row() -> None:
    class Closed:
        spec: Spec = parse(SMALL)
        items: list[Any] = []

    with pytest.raises(SystemExit, match="no final"):
        told(Closed())  # type: ignore[arg-type]


def test_a_random_search_of_somewhat_more_seconds_stands_for_another(tmp_path: Path) -> None:
    def chance(seconds: float, seed: int = 3) -> Spec:
        return parse({**baselines(parse(SMALL).document(), seconds)[SCRATCH], "seed": seed})

    Journal.begin(tmp_path / "any", chance(12.0))
    Journal.begin(tmp_path / "other", parse(SMALL))
    for enough in (8.0, 10.0, 12.0):
        assert begun(chance(enough), tmp_path) == chance(12.0)
    assert begun(chance(7.9), tmp_path) is begun(chance(12.1), tmp_path) is begun(chance(10.0, seed=4), tmp_path) is None
    assert begun(parse(SMALL), tmp_path) is None, "only a budget of seconds may differ"


def test_only_what_is_missing_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "results" / "rows.jsonl"
    assert missing(path, ["darts", "enas_macro"], 0, 1000) == ["darts", "enas_macro"] and kept(path) == []
    for row in ({"run": "darts", "seed": 0, "images": 1000}, {"run": "enas_macro", "seed": 1, "images": 1000}):
        keep(path, row)
    assert missing(path, ["darts", "enas_macro"], 0, 1000) == ["enas_macro"]
    assert missing(path, ["darts"], 0, 2000) == ["darts"], "more images are another measurement"
    assert [row["run"] for row in kept(path)] == ["darts", "enas_macro"]


@pytest.mark.parametrize("row", ROWS)
def test_a_kept_row_is_whole(row: dict[str, Any]) -> None:
    assert set(row) == {"run", "space", "seed", "images", "search", "baselines", "date", "torch", "python"}
    spec = spec_of(row["run"], row["seed"], row["images"])
    assert row["space"] == spec.space_kind and row["search"]["strategy"] == spec.strategy.name
    assert set(row["baselines"]) == set(baselines(spec.document(), 1.0))
    for found in (row["search"], *row["baselines"].values()):
        assert set(found) == OF_A_SEARCH
        assert 0 < found["valid"] <= 1 and 0 < found["test"] <= 1 and found["parameters"] > 0
        spec.space.read(found["genotype"]["genotype"], "")
    assert 1 <= row["baselines"][SCRATCH]["budget"] / max(1.0, row["search"]["seconds"]) <= WIDER
    assert row["search"]["score_kind"] != "scratch", "architectures were chosen by shared weights"


def test_no_row_is_kept_twice() -> None:
    names = [tuple(row[key] for key in fashion_runs.SAME) for row in kept(KEPT)]
    assert len(names) == len(set(names))
