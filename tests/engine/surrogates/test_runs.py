"""Runs over seeds: who is rejected, who takes over, and what is owed."""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import fmean

from engine.surrogates.runs import Runs


def race(most: int, loss: Callable[[str, int], float | None], names: list[str]) -> tuple[Runs[str], list[tuple[str, int]]]:
    """Owed runs first, then the next name; gives what was run in order."""
    runs: Runs[str] = Runs(most)
    done: list[tuple[str, int]] = []
    waiting = list(names)
    while waiting or runs.owed(()):
        owed = runs.owed(())
        name, seed = (owed[0].name, owed[1]) if owed else (waiting.pop(0), 1)
        runs.tell(name, name, seed, loss(name, seed))
        done.append((name, seed))
    return runs, done


def test_with_one_run_each_the_lowest_loss_leads_and_nothing_is_owed() -> None:
    values = {"a": 3.0, "b": 1.0, "c": 2.0, "d": 1.0}
    runs, done = race(1, lambda name, seed: values[name], list("abcd"))
    assert done == [("a", 1), ("b", 1), ("c", 1), ("d", 1)]
    assert runs.incumbent is not None and runs.incumbent.name == "b"     # of equals the earlier


def test_a_lucky_first_run_is_found_out() -> None:
    """`lucky` is best once and bad on average; `good` was there before with four runs."""
    losses = {"good": [0.30] * 9, "lucky": [0.10, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]}
    others = [f"bad_{k}" for k in range(4)]
    runs, done = race(8, lambda name, seed: losses[name][seed - 1] if name in losses else 1.0, ["good", *others, "lucky"])
    assert runs.incumbent is not None and runs.incumbent.name == "good"
    assert 1 < sum(name == "lucky" for name, _ in done) < len(runs.incumbent.losses)
    assert all(sum(name == other for name, _ in done) == 1 for other in others), "the bad ones cost one run each"


def test_a_better_one_takes_over_on_all_seeds_of_the_incumbent() -> None:
    runs, done = race(4, lambda name, seed: {"old": 0.5, "new": 0.4}.get(name, 0.9), ["old", "x", "y", "z", "new"])
    assert runs.incumbent is not None and runs.incumbent.name == "new"
    assert set(runs.contenders["old"].losses) <= set(runs.incumbent.losses)


def test_batches_double() -> None:
    runs: Runs[str] = Runs(100)
    for seed in range(1, 9):
        runs.tell("old", "old", seed, 0.5)
    wanted = []
    for seed in range(1, 9):
        wanted.append(runs.tell("new", "new", seed, 0.1).wanted)
    assert wanted[:7] == [2, 4, 4, 8, 8, 8, 8] and runs.incumbent is runs.contenders["new"]


def test_the_incumbent_gets_one_run_a_challenger_up_to_the_most() -> None:
    for most in (1, 3, 7):
        runs, _ = race(most, lambda name, seed: 0.1 if name == "best" else 0.9, ["best", *map(str, range(5))])
        assert runs.incumbent is not None and len(runs.incumbent.losses) == min(most, 6)


def test_the_mean_on_shared_seeds_falls_and_runs_never_get_fewer() -> None:
    """Whatever the noise: at every change of the incumbent."""
    for number in range(30):
        rng = random.Random(number)
        runs: Runs[str] = Runs(6)
        noise = {}
        left = [str(k) for k in range(40)]
        while left or runs.owed(()):
            owed = runs.owed(())
            name, seed = (owed[0].name, owed[1]) if owed else (left.pop(), 1)
            loss = noise.setdefault((name, seed), rng.random() + int(name) / 40)
            before = runs.incumbent
            seeds = dict(before.losses) if before else {}
            runs.tell(name, name, seed, loss)
            after = runs.incumbent
            assert after is not None and len(after.losses) >= len(seeds)
            if before is not None and after is not before:
                assert fmean(after.losses[k] or 0 for k in seeds) < fmean(seeds[k] or 0 for k in seeds)


def test_what_is_under_way_is_not_owed_twice() -> None:
    runs: Runs[str] = Runs(5)
    runs.tell("a", "a", 1, 0.5)
    runs.tell("b", "b", 1, 0.9)                 # rejected, and the incumbent gets a run
    owed = runs.owed(())
    assert owed is not None and (owed[0].name, owed[1]) == ("a", 2)
    assert runs.owed({("a", 2)}) is None


def test_a_failure_counts_as_the_worst_that_is_known() -> None:
    runs: Runs[str] = Runs(1)
    runs.tell("broken", "", 1, None)
    assert runs.incumbent is None
    runs.tell("a", "", 1, 0.4)
    runs.tell("b", "", 1, 0.7)
    assert runs.incumbent is runs.contenders["a"]
    assert runs.mean(runs.contenders["broken"]) == 0.7
