"""The outer layer of mixtures: an alarm ends the training, and the kept architecture is scored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.alpha_search import AlphaOptions, AlphaSearch
from engine.options import options_of
from engine.run import run
from engine.spec import parse, parse_space
from engine.strategies.darts import Options as DartsOptions
from engine.strategies.gdas import Options as GdasOptions
from engine.work import Candidate, Outcome, SupernetEpoch

SPACE = parse_space({"kind": "darts_cell", "preset": "cpu"})[1]


def report(best: int, curvature: float) -> dict[str, object]:
    row = [0.5 if k == best else 0.1 for k in range(5)]
    derived = SPACE.derived({name: [row] * 5 for name in ("normal", "reduce")})
    return {"derived": derived.document(), "skips": 0, "curvature": curvature}


def test_every_alpha_method_has_the_options() -> None:
    wanted = {name for name in options_of(AlphaOptions) if "stop" in name}
    assert len(wanted) == 6 and wanted <= set(options_of(DartsOptions)) and wanted <= set(options_of(GdasOptions))


def test_the_architecture_of_before_the_alarm_is_ranked_and_a_replay_comes_to_the_same() -> None:
    options = AlphaOptions(epochs=9, early_stop="curvature", stop_window=1, stop_delta=1, stop_start=0)
    first = AlphaSearch(SPACE, options, 0)
    told = []
    for number, (best, curvature) in enumerate([(3, 1.0), (3, 1.1), (2, 5.0)]):
        [epoch] = first.ask(1)
        assert isinstance(epoch, SupernetEpoch)
        told.append((replace(epoch, trial=number), Outcome("done", 0.5, "shared", payload=report(best, curvature))))
        first.tell(*told[-1])
    again = AlphaSearch(SPACE, options, 0)
    again.load_state_dict(first.state_dict())
    for pair in told:
        again.tell(*pair)
    for search in (first, again):
        [ranked] = search.ask(1)
        assert isinstance(ranked, Candidate) and ranked.architecture.document() == report(3, 0)["derived"]
        assert "Stopped" in ranked.origin["why"] and search.ask(1) == []


def test_after_a_return_the_older_supernet_goes_on_and_a_replay_comes_to_the_same() -> None:
    options = AlphaOptions(epochs=4, early_stop="adapt", stop_window=1, stop_delta=2, stop_start=0, adapt_times=1)
    search, told, works = AlphaSearch(SPACE, options, 0), [], []
    for number, curvature in enumerate([1.0, 1.0, 1.0, 5.0, 1.0, 1.0]):
        [epoch] = search.ask(1)
        assert isinstance(epoch, SupernetEpoch)
        works.append(epoch)
        told.append((replace(epoch, trial=number), Outcome("done", 0.5, "shared", payload=report(3, curvature))))
        search.tell(*told[-1])
        again = AlphaSearch(SPACE, options, 0)
        for pair in told:
            again.tell(*pair)
        again.load_state_dict(search.state_dict())
        search = again
    assert [work.continues for work in works] == [None, 0, 1, 2, 1, 4]          # the fourth was sharp beside the second
    assert [work.settings for work in works[:4]] == [{"keep": 2}] * 4
    assert [work.settings["plan"] for work in works[4:]] == [{"weight_decay": pytest.approx(9e-4)}] * 2
    [ranked] = search.ask(1)
    assert isinstance(ranked, Candidate) and ranked.weights.trial == 5


def test_a_search_on_digits_goes_back_and_ends_from_scratch(tmp_path: Path) -> None:
    """Where the slightest growth of the curvature is an alarm."""
    spec = parse({"space": {"kind": "nas_bench_201", "preset": "table", "channels": 2, "layers": 1,
                            "ops": ["skip_connect", "nor_conv_1x1"]},
                  "dataset": {"name": "digits", "train_limit": 48},
                  "strategy": {"name": "darts", "preset": "cpu", "epochs": 3, "early_stop": "adapt", "stop_window": 1,
                               "stop_delta": 1, "stop_start": 0, "stop_factor": 1.0, "adapt_times": 1},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1}})
    search = run(spec, tmp_path / "search", tmp_path / "data", "cpu", lambda event: None)
    epochs = [work for work in search.items if isinstance(work, SupernetEpoch)]
    assert all(o.ok for o in search.outcomes.values()) and search.outcomes[len(epochs) + 1].score_kind == "scratch"
    plans = [work.settings.get("plan") for work in epochs]
    assert {"weight_decay": pytest.approx(9e-4)} in plans
    again = plans.index({"weight_decay": pytest.approx(9e-4)})
    assert epochs[again].continues == again - 2 and search.outcomes[again].payload["curvature"] is not None


def removing(done: int) -> Outcome:
    return Outcome("done", 0.5, "shared", payload={**report(done % 2 + 2, 1.0 + 9 * (done > 1)), "rounds": 2, "agreed": 1,
                                                   "answered": 4, "tables": {}, "without": {}})


@pytest.mark.parametrize("early_stop", ["no", "curvature"])
def test_removals_follow_the_last_epoch_or_the_alarm_and_a_replay_comes_to_the_same(early_stop: str) -> None:
    options = AlphaOptions(epochs=4, derivation="perturbation", tuning_epochs=2, early_stop=early_stop, stop_window=1,
                           stop_delta=1, stop_start=0)
    searched = 3 if early_stop == "curvature" else 4
    search, told = AlphaSearch(SPACE, options, 0), []
    for number in range(searched + 4):
        [epoch] = search.ask(1)
        assert isinstance(epoch, SupernetEpoch) and epoch.continues == (number - 1 if number else None)
        assert epoch.settings.get("round") == {searched: 0, searched + 2: 1}.get(number)
        assert bool(epoch.settings) == (number >= searched)
        told.append((replace(epoch, trial=number), removing(number)))
        search.tell(*told[-1])
        again = AlphaSearch(SPACE, options, 0)
        for pair in told:
            again.tell(*pair)
        again.load_state_dict(search.state_dict())
        asked = again.ask(1)
        search = again if number % 2 else search
        if number % 2:
            search.phases.asked = len(told)
        assert isinstance(asked[0], Candidate) == (number == searched + 3)
        search.ranked = False
    [ranked] = search.ask(1)
    assert isinstance(ranked, Candidate) and ranked.architecture.document() == told[-1][1].payload["derived"]
    assert "2 rounds of removals" in ranked.origin["why"] and search.ask(1) == []


def test_a_failure_between_removals_leaves_what_there_was() -> None:
    search = AlphaSearch(SPACE, AlphaOptions(epochs=1, derivation="perturbation"), 0)
    for number in range(3):
        [epoch] = search.ask(1)
        assert isinstance(epoch, SupernetEpoch)
        search.tell(replace(epoch, trial=number), removing(number) if number < 2 else Outcome("failed"))
    [ranked] = search.ask(1)
    assert isinstance(ranked, Candidate) and ranked.weights.trial == 1


def test_removals_after_a_return_begin_where_the_supernet_is() -> None:
    """Two of six epochs were gone back on: four are behind it, and the rate of the tuning begins there."""
    options = AlphaOptions(epochs=4, early_stop="adapt", stop_window=1, stop_delta=2, stop_start=0, adapt_times=1,
                           derivation="perturbation", tuning_epochs=1)
    search = AlphaSearch(SPACE, options, 0)
    for number, curvature in enumerate([1.0, 1.0, 1.0, 5.0, 1.0, 1.0]):
        [epoch] = search.ask(1)
        assert isinstance(epoch, SupernetEpoch)
        payload = {**report(3, curvature), "rounds": 2}
        search.tell(replace(epoch, trial=number), Outcome("done", 0.5, "shared", payload=payload))
    [epoch] = search.ask(1)
    assert isinstance(epoch, SupernetEpoch) and epoch.settings["round"] == 0 and epoch.settings["plan"]["begun"] == 4
