"""The warm-up filter: a bar that is a function of the document, for every strategy, charged in seconds only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine import filter as filtering
from engine.constraints import FILTERED, KIND, refused
from engine.estimation.context import Context, Interrupted
from engine.estimation.proxies import value
from engine.events import Event
from engine.filter import Filter
from engine.perform import perform, splits
from engine.rng import stream, stream_seed
from engine.run import run
from engine.spec import Spec, parse
from engine.work import Candidate, Outcome, Weights

NOTHING = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
FULL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"


def spec_of(**parts: Any) -> Spec:
    return parse({"space": {"kind": "nas_bench_201", "channels": 4, "layers": 1},
                  "dataset": {"name": "digits", "train_limit": 64}, "strategy": {"name": "random_search"},
                  "estimation": {"name": "scratch", "preset": "cpu", "epochs": 1}, "budget": {"trials": 3}, "seed": 4,
                  "filter": {"proxy": "parameters", "of": 12, "keep": 3}, **parts})


def candidate(spec: Spec, text: str = FULL, **more: Any) -> Candidate:
    return Candidate(spec.space.parse({"arch": text}), **{"trial": 0, **more})


def done(spec: Spec, work: Candidate, folder: Path, said: list[Event] | None = None) -> Outcome:
    heard = said if said is not None else []
    return perform(spec, work, folder / "trial", folder / "data", "cpu", emit=heard.append, stop=lambda: False)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filtering, "_bars", {})


def bar_of(spec: Spec, folder: Path) -> float:
    """By hand: the proxy of random architectures, with one batch for all; the `keep`th best of them."""
    data, options = splits(spec, folder, "cpu"), spec.filter
    drawn = [spec.space.sample(stream(spec.seed, "filter", number)).architecture for number in range(options.of)]
    graphs = [spec.space.network(architecture, data.shape, len(data.classes)) for architecture in drawn]
    seed = stream_seed(spec.seed, "filter")
    return sorted((value(options.proxy, graph, data, "cpu", seed, options.examples) for graph in graphs),
                  reverse=True)[options.keep - 1]


@pytest.mark.parametrize("proxy", ["parameters", "snip"])
def test_what_is_below_the_kept_share_is_refused_with_the_reason(proxy: str, tmp_path: Path) -> None:
    spec, said = spec_of(filter={"proxy": proxy, "of": 12, "keep": 3, "examples": 8}), list[Event]()
    outcome = done(spec, candidate(spec, NOTHING), tmp_path, said)
    assert outcome.status == "failed" and outcome.metrics["error_kind"] == FILTERED and refused(outcome)
    assert set(outcome.spend) == {"seconds"} and not (tmp_path / "trial" / "weights.safetensors").exists()
    (log,) = said
    assert log.type == "log" and "scored 12 of 12 random architectures" in log.data["text"]
    bar = bar_of(spec, tmp_path)
    assert outcome.metrics["filter"]["bar"] == bar > outcome.metrics["filter"]["value"]
    assert f"less than {bar:.6g}, which is number 3 of 12 random architectures." in outcome.metrics["error"]


def test_what_is_as_good_is_trained_and_says_what_the_filter_found(tmp_path: Path) -> None:
    spec = spec_of()
    outcome = done(spec, candidate(spec), tmp_path)
    assert outcome.ok and outcome.score_kind == "scratch" and outcome.spend["epochs"] == 1
    assert outcome.metrics["filter"]["value"] >= outcome.metrics["filter"]["bar"] == bar_of(spec, tmp_path)
    plain = done(spec_of(filter={}), candidate(spec), tmp_path)
    assert plain.score == outcome.score and "filter" not in plain.metrics


def test_without_a_score_nothing_is_trained(tmp_path: Path) -> None:
    spec = spec_of(filter={"proxy": "synflow", "of": 4, "keep": 4})
    outcome = done(spec, candidate(spec, NOTHING), tmp_path)
    assert outcome.metrics["error_kind"] == FILTERED and outcome.metrics["error"] == "Not trained: synflow is -inf here."


def test_a_process_finds_the_bar_once_and_another_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, said = spec_of(filter={"proxy": "snip", "of": 5, "keep": 2, "examples": 8}), list[Event]()
    first = done(spec, candidate(spec, NOTHING), tmp_path, said)
    second = done(spec, candidate(spec, NOTHING, trial=7), tmp_path, said)
    assert len([event for event in said if event.type == "log"]) == 1
    monkeypatch.setattr(filtering, "_bars", {})
    third = done(spec, candidate(spec, NOTHING, trial=8), tmp_path, said)
    assert first.metrics["filter"] == second.metrics["filter"] == third.metrics["filter"]


def test_finals_later_proposals_and_borrowed_weights_are_not_filtered() -> None:
    spec = spec_of(filter={"proxy": "parameters", "until": 3})
    looks = spec.filter.looks_at
    assert looks(candidate(spec, trial=2)) and not looks(candidate(spec, trial=3))
    assert not looks(candidate(spec, trial=1, final_of=0)) and not Filter().looks_at(candidate(spec))
    assert not looks(candidate(spec, weights=Weights("shared"))) and looks(candidate(spec, weights=Weights("inherit", 0)))


def test_a_limit_is_refused_as_such_and_the_bar_is_that_of_what_is_admissible(tmp_path: Path) -> None:
    spec = spec_of(constraints={"parameters": 12_000})
    outcome = done(spec, candidate(spec), tmp_path)
    assert outcome.metrics["error_kind"] == KIND
    small = done(spec, candidate(spec, NOTHING), tmp_path)
    assert small.metrics["error_kind"] == FILTERED and small.metrics["filter"]["bar"] <= 12_000


def test_where_nothing_is_admissible_it_gives_up_looking(tmp_path: Path) -> None:
    spec = spec_of(constraints={"parameters": 1, "patience": 5})
    context = Context(spec, spec.space, splits(spec, tmp_path, "cpu"), "cpu", tmp_path, 0, print, lambda: False)
    assert list(filtering._drawn(context)) == []


def test_a_stop_is_heard_between_two_architectures(tmp_path: Path) -> None:
    spec = spec_of()
    with pytest.raises(Interrupted):
        perform(spec, candidate(spec), tmp_path / "trial", tmp_path / "data", "cpu", emit=print, stop=lambda: True)


@pytest.mark.parametrize("strategy", [{"name": "random_search"}, {"name": "aging_evolution", "population": 2, "sample": 2}])
def test_a_search_trains_as_many_as_its_budget_says_and_the_same_again(strategy: dict[str, Any], tmp_path: Path) -> None:
    spec = spec_of(strategy=strategy)
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", lambda event: None)
    own = [work for work in search.items if isinstance(work, Candidate) and work.final_of is None]
    turned = [work for work in own if refused(search.outcomes[work.trial])]
    assert len(own) - len(turned) == 3 and search.refusals.count == len(turned) > 0 and spec.refuses
    assert search.best is not None and all(search.outcomes[work.trial].metrics["error_kind"] == FILTERED for work in turned)
    again = run(spec, tmp_path / "again", tmp_path / "data", "cpu", lambda event: None)
    assert [work.document() for work in again.items] == [work.document() for work in search.items]
    assert {t: o.score for t, o in again.outcomes.items()} == {t: o.score for t, o in search.outcomes.items()}


def test_a_table_can_be_searched_with_a_filter_too() -> None:
    spec = parse({"space": {"kind": "nas_bench_201", "preset": "table"}, "dataset": {"name": "fashion_mnist"},
                  "strategy": {"name": "random_search"}, "estimation": {"name": "tabular"}, "filter": {"proxy": "flops"}})
    assert spec.filter.on and spec.refuses
