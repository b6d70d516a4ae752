"""Auto-Net: its first candidate, what it shares with SMAC, and a whole search down to a zip that was proved."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import options
from engine.errors import Damaged, Invalid
from engine.estimation.context import Interrupted
from engine.estimation.predictions import FILE, kept
from engine.events import Event
from engine.export.bundle import bundle
from engine.journal import Journal
from engine.leaderboard import leaderboard
from engine.perform import perform, splits
from engine.registry import discover
from engine.run import run
from engine.search import Search
from engine.spec import Spec, incompatible, parse
from engine.strategies.autonet import Options
from engine.work import Outcome, Selection, Work, work_from

SPACE = {"kind": "mlp", "preset": "cpu", "max_units": 16, "max_updates": 60, "max_layers": 2}


def spec_of(**more: Any) -> Spec:
    return parse({"name": "Auto", "space": SPACE, "dataset": {"name": "digits_table"}, "budget": {"trials": 7}, "seed": 3,
                  "strategy": {"name": "autonet", "preset": "cpu", "initial": 3, "random": 50}, **more})


def ran(spec: Spec, folder: Path) -> Search:
    torch.set_num_threads(1)
    return run(spec, folder, folder / "data", "cpu", lambda event: None)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Spec, Path, Search]:
    folder = tmp_path_factory.mktemp("autonet")
    spec = spec_of()
    return spec, folder, ran(spec, folder)


def chosen(search: Search) -> tuple[Selection, Outcome]:
    work = search.items[-1]
    assert isinstance(work, Selection)
    return work, search.outcomes[work.trial]


def test_it_begins_with_the_default_network_within_the_bounds_of_the_space() -> None:
    spec = spec_of()
    first = Search(spec).ready()[0].document()
    assert first["origin"]["how"] == "default" and first["hyper"] == {
        "batch_size": 32, "number_updates": 60, "learning_rate": 0.01, "lambda2": 1e-4, "solver": "smorm3s"}
    assert first["architecture"]["genotype"] == {
        "num_layers": 1, "num_units_1": 16, "dropout_1": 0.5, "weight_init_1": "he_normal", "activation_1": "relu",
        "dropout_output": 0.5}
    whole = parse({**spec.document(), "space": {"kind": "mlp"}}).space.default()
    assert whole.architecture.genotype["num_units_1"] == 128 and whole.hyper["number_updates"] == 200


def test_it_is_for_the_space_of_fully_connected_networks() -> None:
    fitting = {kind for kind in discover("spaces") if not incompatible("autonet", kind)}
    assert fitting == {"mlp"}
    assert "a default network" in str(incompatible("autonet", "chain"))


def test_the_paper_values_are_those_of_its_preset() -> None:
    entry = discover("strategies")["autonet"]
    given = options.parse(Options, {"preset": "paper"}, presets=entry.presets)
    declared = options.options_of(Options)
    assert all(getattr(given, name) == option.paper for name, option in declared.items() if option.paper is not None)


def test_an_ensemble_is_its_proposal_and_the_document_has_the_last_word() -> None:
    assert spec_of().picks == 50
    assert spec_of(ensemble={"size": 0}).picks == 0 and spec_of(ensemble={"size": 7}).picks == 7
    assert spec_of(strategy={"name": "random_search"}).picks == 0
    assert spec_of(strategy={"name": "random_search"}, ensemble={"size": 3}).picks == 3
    again = parse(spec_of(ensemble={"size": 7, "library": 4}).document())
    assert again == spec_of(ensemble={"size": 7, "library": 4})


@pytest.mark.parametrize("parts", [
    {"space": {"kind": "recurrent_cell", "preset": "cpu"}, "dataset": {"name": "stdlib_text"}},
    {"space": {"kind": "nas_bench_201", "preset": "cpu"}, "dataset": {"name": "fashion_mnist"},
     "estimation": {"name": "tabular"}}])
def test_what_has_no_class_probabilities_is_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as told:
        parse({"strategy": {"name": "random_search"}, "ensemble": {"size": 5}, **parts})
    assert "/ensemble/size" in [problem.path for problem in told.value.problems]


def test_the_search_ends_with_an_ensemble_no_worse_than_its_best_network(done: tuple[Spec, Path, Search]) -> None:
    spec, folder, search = done
    work, outcome = chosen(search)
    assert outcome.ok and outcome.score is not None
    single = outcome.metrics["ensemble"]["single"]
    best = search.best
    assert best is not None and outcome.score >= single["score"]
    own = [search.outcomes[w.trial] for w in search.items[:7]]
    assert single["score"] == pytest.approx(max(o.score or 0 for o in own if o.ok))
    assert 0 <= outcome.metrics["test"] <= 1 and 0 <= single["test"] <= 1
    assert all("test" not in o.metrics for o in own)                       # read once, at the end
    members = outcome.metrics["ensemble"]["members"]
    assert 1 <= sum(count for _, count in members) <= 50 and {trial for trial, _ in members} <= set(range(7))
    assert len(json.dumps(outcome.payload)) < 65_536
    assert work_from(json.loads(json.dumps(work.document()))) == work
    table = leaderboard(spec, [(w, search.outcomes[w.trial]) for w in search.items])
    assert work.trial not in [row["trial"] for row in table]


def test_predictions_lie_beside_the_weights_and_belong_to_them(done: tuple[Spec, Path, Search]) -> None:
    spec, folder, search = done
    work, _ = chosen(search)
    labels = splits(spec, folder / "data", "cpu").validation.labels.numpy()
    for network in work.networks:
        found = kept(folder / "artifacts" / str(network.trial), network.predictions)
        assert found.dtype == np.float32 and found.shape == (len(labels), 10)
        assert np.allclose(found.sum(1), 1, atol=1e-5)
        assert (found.argmax(1) == labels).mean() == pytest.approx(search.outcomes[network.trial].score)
    with pytest.raises(Damaged, match="not what was recorded"):
        kept(folder / "artifacts" / "0", "0" * 64)


def test_the_zip_averages_its_members_with_torch_alone(done: tuple[Spec, Path, Search], tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.export.onnx_model import Onnx
    monkeypatch.setattr("engine.export.bundle.onnx_model", lambda *given: Onnx(None, "not asked for"))
    spec, folder, search = done
    work, outcome = chosen(search)
    data = splits(spec, folder / "data", "cpu")
    made = bundle(spec, work, outcome, folder / "artifacts" / str(work.trial), tmp_path / "a.zip", data)
    assert made["verified"]["score"] == pytest.approx(outcome.score, abs=1e-4)
    assert made["verified"]["parameters"] == outcome.metrics["parameters"]
    trials = [trial for trial, _ in outcome.metrics["ensemble"]["members"]]
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert set(archive.namelist()) == {"card.md", "ensemble.json", "model.py", "predict.py", "preprocessing.json",
                                           "sample.npy", "weights.safetensors", *(f"trial_{t}.py" for t in trials)}
        told = json.loads(archive.read("ensemble.json"))
        assert [[m["trial"], m["picked"]] for m in told["members"]] == outcome.metrics["ensemble"]["members"]
        card = archive.read("card.md").decode()
    assert f"An ensemble of {len(trials)} classifiers" in card and len(trials) > 1 and "{rows}" not in card


def again(done: tuple[Spec, Path, Search], folder: Path, said: list[Event], stop: bool = False) -> Outcome:
    """The ensemble performed once more beside the same trials."""
    spec, source, search = done
    for trial in range(7):
        (folder / str(trial)).mkdir()
        for name in ("weights.safetensors", FILE):
            if (source / "artifacts" / str(trial) / name).is_file():
                (folder / str(trial) / name).write_bytes((source / "artifacts" / str(trial) / name).read_bytes())
    work: Work = chosen(search)[0]
    return perform(spec, work, folder / str(work.trial), source / "data", "cpu", emit=said.append, stop=lambda: stop)


def test_stopped_or_killed_it_is_made_anew_and_is_the_same(done: tuple[Spec, Path, Search], tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        again(done, tmp_path, [], stop=True)
    spec, source, search = done
    work, first = chosen(search)
    second = perform(spec, work, tmp_path / str(work.trial), source / "data", "cpu", emit=lambda e: None, stop=lambda: False)
    assert (second.artifact, second.score, second.metrics, second.payload) == (
        first.artifact, first.score, first.metrics, first.payload)


def test_a_search_cut_off_before_its_ensemble_ends_with_the_same(done: tuple[Spec, Path, Search], tmp_path: Path) -> None:
    spec, source, search = done
    journal = Journal.begin(tmp_path, spec)
    journal.proposed(search.items, search.state_dict())
    for work in search.items[:-1]:
        journal.finished(work, search.outcomes[work.trial])
    (tmp_path / "artifacts").symlink_to(source / "artifacts")
    resumed = ran(spec, tmp_path)
    assert resumed.finished and resumed.outcomes[len(search.items) - 1].artifact == chosen(search)[1].artifact


def test_networks_whose_files_are_damaged_are_left_out_and_that_is_said(done: tuple[Spec, Path, Search],
                                                                        tmp_path: Path) -> None:
    said: list[Event] = []
    best = chosen(done[2])[0].networks[0].trial
    whole = again(done, tmp_path, said)
    assert whole.ok and not [event for event in said if event.type == "log"]
    (tmp_path / str(best) / FILE).write_bytes(b"torn")
    spec, source, search = done
    work = chosen(search)[0]

    def perform_again() -> Outcome:
        return perform(spec, work, tmp_path / str(work.trial), source / "data", "cpu", emit=said.append, stop=lambda: False)

    outcome = perform_again()
    assert outcome.ok and best not in [trial for trial, _ in outcome.metrics["ensemble"]["members"]]
    assert [event.data["level"] for event in said if event.type == "log"] == ["warning"]
    for network in work.networks:
        (tmp_path / str(network.trial) / FILE).unlink()
    assert perform_again().metrics["error_kind"] == "damaged"


def test_without_an_ensemble_nothing_is_kept_and_any_strategy_may_have_one(tmp_path: Path) -> None:
    alone = ran(spec_of(ensemble={"size": 0}, budget={"trials": 2}), tmp_path / "alone")
    assert not [w for w in alone.items if isinstance(w, Selection)]
    assert not list((tmp_path / "alone").rglob(FILE))
    spec = spec_of(strategy={"name": "random_search"}, ensemble={"size": 4, "library": 2}, budget={"trials": 4})
    work, outcome = chosen(ran(spec, tmp_path / "random"))
    assert outcome.ok and len(work.networks) == 2 and work.size == 4
