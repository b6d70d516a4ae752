"""The two searches by chance of a weight-sharing search: what they share with it, and what makes them cost as much."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from engine.baselines import LEAST, SCRATCH, SHARING, TITLES, baselines
from engine.registry import discover
from engine.spec import parse

METHODS = sorted(name for name, entry in discover("strategies").items() if "supernet" in entry.facts["asks"])


def written(strategy: dict[str, Any], space: str = "nas_bench_201", **more: Any) -> dict[str, Any]:
    return parse({"name": "Mine", "space": {"kind": space, "preset": "cpu"}, "strategy": strategy, "seed": 5,
                  "estimation": {"name": "shared", "epochs": 2, "batch_size": 16, "arch_share": 0.4},
                  "dataset": {"name": "digits"}, "finals": {"epochs": 4}, **more}).document()


@pytest.mark.parametrize("name", METHODS)
def test_of_every_method_they_are_sound_and_keep_what_is_no_part_of_the_method(name: str) -> None:
    needs = discover("strategies")[name].needs
    space = next(kind for kind in ("nas_bench_201", "fabric", "slimmable") if needs <= discover("spaces")[kind].offers)
    document = written({"name": name, "preset": "cpu"}, space)
    found = baselines(document, 9.0)
    assert set(found) == set(TITLES) - {name}
    for other, chance in found.items():
        made = parse(chance).document()
        for part in ("space", "dataset", "finals", "ensemble", "constraints", "filter", "execution", "seed"):
            assert made[part] == document[part]
        assert made["strategy"]["name"] == other and made["name"] == f"Mine: {TITLES[other]}"


def test_random_sharing_trains_as_many_seconds_in_the_same_way() -> None:
    document = written({"name": "darts", "epochs": 3, "batch_size": 48, "lr": 0.05, "momentum": 0.5})
    found = parse(baselines(document, 9.0)[SHARING])
    options = found.strategy.options
    assert (options.seconds, options.epochs, options.batch_size, options.lr, options.momentum) == (9.0, 3, 48, 0.05, 0.5)
    assert found.estimation == parse(document).estimation, "its candidates are scored in the same way"


@pytest.mark.parametrize(("strategy", "budget", "ranked"), [
    ({"name": "darts"}, {"trials": 4}, LEAST),                      # it scores one architecture: chance needs some to choose
    ({"name": "darts"}, {"trials": 50}, 50),
    ({"name": "darts"}, {"trials": None, "epochs": 6}, LEAST),
    ({"name": "enas", "candidates": 7}, {"trials": 30}, 7)])        # a method that says how many has as many beside it
def test_how_many_random_sharing_ranks(strategy: dict[str, Any], budget: dict[str, Any], ranked: int) -> None:
    found = parse(baselines(written(strategy, budget=budget), 9.0)[SHARING])
    assert found.strategy.options.candidates == found.budget.trials == ranked
    assert found.budget.epochs is found.budget.seconds is None, "its epochs are the strategy's own"


@pytest.mark.parametrize(("seconds", "budget"), [(23.0, 23.0), (0.2, 1.0)])
def test_random_search_trains_from_scratch_for_as_many_seconds(seconds: float, budget: float) -> None:
    found = parse(baselines(written({"name": "darts", "preset": "cpu"}), seconds)[SCRATCH])
    assert (found.budget.trials, found.budget.epochs, found.budget.seconds) == (None, None, budget)
    options = found.estimation.options
    assert (found.estimation.name, options.epochs, options.batch_size) == ("scratch", 2, 16), "candidates as the finals are"


def test_what_was_given_stays_as_it_was_and_a_long_name_fits() -> None:
    document = written({"name": "darts", "preset": "cpu"}) | {"name": "x" * 200}
    before = copy.deepcopy(document)
    found = baselines(document, 9.0)
    found[SCRATCH]["space"]["layers"] = 3
    assert document == before and found[SHARING]["space"] == before["space"]
    assert all(len(parse(each).name) <= 200 for each in found.values())
