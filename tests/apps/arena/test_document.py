"""What an arena may be."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from apps.arena.document import LIMITS, MOST_EVALUATIONS, check, query
from engine import api
from tests.apps.arena.conftest import DOCUMENT


def problems(**more: Any) -> list[tuple[str, str]]:
    with pytest.raises(api.Invalid) as caught:
        check({**DOCUMENT, **more})
    return [(problem.path, problem.reason) for problem in caught.value.problems]


def test_random_search_comes_first_whether_asked_for_or_not() -> None:
    assert check(DOCUMENT)["strategies"] == ["random_search", "aging_evolution", "local_search"]
    asked = check({**DOCUMENT, "strategies": ["tpe", "random_search", "tpe"]})
    assert asked["strategies"] == ["random_search", "tpe"]


def test_a_table_is_taken_as_it_is_now_and_a_landscape_is_whole() -> None:
    assert check(DOCUMENT)["measured"] is None
    measured = check({**DOCUMENT, "field": "table:fashion"})["measured"]
    assert 0 < measured["share"] <= 1 and measured["strings_that_answer"] <= measured["strings"] == 15_625


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [None, "3", True, 3.0, -1, 10**10])
def test_numbers_are_whole_and_within_their_limits(name: str, value: Any) -> None:
    assert problems(**{name: value}) == [(f"/{name}", "must be a whole number in range")]


def test_every_fault_is_told_at_once() -> None:
    found = problems(field="table:none", strategies=["magic"], seeds=0, evaluations=None)
    assert [path for path, _ in found] == ["/field", "/strategies", "/seeds", "/evaluations"]


@pytest.mark.parametrize("strategies", [[], ["random_search"], None])
def test_somebody_must_play_against_random_search(strategies: Any) -> None:
    assert problems(strategies=strategies) == [("/strategies", "are missing")]


def test_a_strategy_that_does_not_fit_is_named_with_its_reason() -> None:
    (found,) = problems(strategies=["aging_evolution", "nasbot"])
    assert found == ("/strategies", "do not all fit: nasbot needs graph, which is not offered here")


def test_all_runs_together_are_limited() -> None:
    ((path, reason),) = problems(seeds=100, evaluations=5_000)
    assert path == "/evaluations" and "1,500,000 evaluations" in reason
    assert 3 * 100 * 1_600 <= MOST_EVALUATIONS and check({**DOCUMENT, "seeds": 100, "evaluations": 1_600})


def test_an_address_holds_the_whole_arena() -> None:
    found = parse_qs(query(check(DOCUMENT)))
    assert found == {"field": ["landscape:L2"], "strategies": ["random_search,aging_evolution,local_search"], "seeds": ["3"],
                     "first_seed": ["5"], "evaluations": ["40"]}
