"""What the page draws: the engine's figures over the seeds that all have played, and ranks in words."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from apps.arena import charts, leases, selectors
from apps.arena.models import Arena
from apps.arena.ranks import caution, groups, rank_words
from engine import api
from tests.apps.arena.conftest import WORKER, Make, play

pytestmark = pytest.mark.django_db


def drawn(arena: Arena) -> dict[str, Any]:
    return charts.figures(selectors.readable(arena.owner, arena.pk))


def rows(**ranks: float | None) -> list[dict[str, Any]]:
    return [{"strategy": name, "title": name.upper(), "mean_rank": rank} for name, rank in ranks.items()]


def test_nothing_is_compared_before_all_have_played_a_seed(arena: Arena) -> None:
    play(2)
    found = drawn(arena)
    assert (found["ended"], found["total"], found["seeds"], found["all_seeds"]) == (2, 9, 0, 3)
    assert [row["curve"] for row in found["strategies"]] == [None] * 3 and found["words"] == [] and not found["caution"]
    assert "Ranks follow" in found["rank_words"]


def test_only_seeds_that_all_have_played_are_compared(arena: Arena) -> None:
    play(5)
    found = drawn(arena)
    assert found["seeds"] == 1 and [row["done"] for row in found["strategies"]] == [2, 2, 1]
    assert [row["regret"]["mean"] for row in found["strategies"]] == pytest.approx([0.505, 0.105, 0.205])
    assert [row["mean_rank"] for row in found["strategies"]] == [3, 1, 2]
    json.dumps(found, allow_nan=False)


def test_the_figures_are_those_of_the_terminal(make: Make) -> None:
    """Played by the engine run by run, the page's numbers are the engine's own."""
    arena = make(seeds=2, strategies=["local_search"])
    while (lease := leases.claim(WORKER)) is not None:
        leases.finish(lease, json.loads(json.dumps(api.arena_run(**lease.order))), 0.1)
    whole = api.arena(None, "L2", [{"name": "random_search"}, {"name": "local_search"}], range(5, 7), 40)
    found = drawn(arena)
    for ours, theirs in zip(found["strategies"], whole["strategies"], strict=True):
        assert {key: ours[key] for key in ("strategy", "regret", "p_holm", "mean_rank", "curve")} == {
            key: theirs[key] for key in ("strategy", "regret", "p_holm", "mean_rank", "curve")}
    assert found["words"][0] == whole["words"][0].replace("local_search", "Local search")
    assert found["critical_difference"] == whole["critical_difference"]


def test_a_strategy_that_failed_is_shown_and_left_out(arena: Arena) -> None:
    play(2)
    leases.fail(leases.claim(WORKER), "it divides by zero")
    play(4)
    found = drawn(arena)
    assert found["seeds"] == 3 and found["state"] == "finished"
    broken = found["strategies"][2]
    assert broken["error"] == "it divides by zero" and broken["curve"] is None and len(found["words"]) == 1


def test_few_seeds_are_said_to_show_nothing() -> None:
    assert "With 3 seeds the test cannot give less than p = 0.5" in caution(3, 2)
    assert caution(8, 1) == "" and caution(8, 2) and caution(0, 2) == ""


def test_strategies_that_are_not_told_apart_stand_in_groups() -> None:
    assert groups(rows(a=1.0, b=1.5, c=2.4, d=4.0), 1.0) == [["a", "b"], ["b", "c"]]
    assert groups(rows(a=1.0, b=3.0), 1.0) == [] and groups(rows(a=1.0, b=None), None) == []
    assert groups(rows(d=3.0, a=1.0, b=2.0), 5.0) == [["a", "b", "d"]]


def test_the_diagram_has_a_text() -> None:
    found = rows(a=1.0, b=1.5, c=3.0)
    assert rank_words(found, 1.0, groups(found, 1.0)) == (
        "Mean ranks, best first: A 1.00, B 1.50, C 3.00. "
        "Ranks closer than 1.00 are not told apart (Nemenyi, 0.05): A and B.")
    assert rank_words(rows(a=1.0, c=3.0), 0.5, []).endswith("here all are.")


def test_results_are_a_line_a_run_and_no_formula(arena: Arena) -> None:
    play(1)
    leases.fail(leases.claim(WORKER), "=cmd()")
    lines = list(csv.DictReader(io.StringIO(charts.results_csv(arena))))
    assert lines[0] == {"strategy": "random_search", "seed": "5", "status": "done", "regret": "0.505", "error": "",
                        "simulated_cost": "40.0", "seconds": "0.25"}
    assert lines[1]["status"] == "failed" and lines[1]["error"] == "'=cmd()" and lines[1]["regret"] == ""


def test_the_command_says_the_same(arena: Arena) -> None:
    assert charts.command(arena) == (".venv/bin/python -m engine arena --landscape L2 --strategies random_search,"
                                     "aging_evolution,local_search --seeds 3 --first-seed 5 --evaluations 40 --json")
    assert charts.field(arena).startswith("Conditional chain")
