"""Tests and ranks, against scipy and against what can be counted by hand."""

from __future__ import annotations

import math
import random
from itertools import product

import pytest
from scipy.stats import kendalltau, rankdata, spearmanr, studentized_range
from scipy.stats import wilcoxon as theirs

from engine.benchmarks.statistics import (
    NEMENYI,
    critical_difference,
    holm,
    kendall,
    mean_ranks,
    ranked,
    spearman,
    standard_error,
    wilcoxon,
)


def pairs(count: int, shift: float, seed: int, digits: int | None = None) -> tuple[list[float], list[float]]:
    rng = random.Random(seed)
    first = [rng.gauss(0, 1) for _ in range(count)]
    second = [value + rng.gauss(shift, 1) for value in first]
    return ([round(v, digits) for v in first], [round(v, digits) for v in second]) if digits is not None else (first, second)


@pytest.mark.parametrize("count", [1, 2, 5, 20, 50, 51, 100])
@pytest.mark.parametrize("shift", [0.0, 0.3, 2.0])
def test_the_p_value_is_that_of_scipy(count: int, shift: float) -> None:
    first, second = pairs(count, shift, count)
    expected = theirs(first, second, method="exact" if count <= 50 else "approx").pvalue
    assert wilcoxon(first, second) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("count", [20, 100])
def test_with_ties_and_equal_pairs_too(count: int) -> None:
    first, second = pairs(count, 0.3, 1, digits=0)
    assert wilcoxon(first, second) == pytest.approx(theirs(first, second, method="approx").pvalue, rel=1e-9)


def test_small_cases_by_counting_all_signs() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 5.0, -6.0, 7.0]
    sums = [sum(rank for rank, sign in enumerate(signs, 1) if sign) for signs in product((0, 1), repeat=7)]
    observed = 6
    expected = sum(s <= observed or s >= 28 - observed for s in sums) / 2**7
    assert wilcoxon(values, [0.0] * 7) == pytest.approx(expected)


def test_no_difference_is_no_evidence() -> None:
    assert wilcoxon([1.0, 2.0], [1.0, 2.0]) == 1.0


def test_it_does_not_matter_who_comes_first() -> None:
    first, second = pairs(30, 0.5, 3)
    assert wilcoxon(first, second) == pytest.approx(wilcoxon(second, first))


def test_ranks_share_what_is_equal() -> None:
    assert ranked([3.0, 1.0, 2.0]) == [3, 1, 2] and ranked([5.0, 5.0, 1.0, 5.0]) == [3, 3, 1, 3]
    values = [round(v, 1) for v in pairs(60, 0, 5)[0]]
    assert ranked(values) == rankdata(values).tolist()


def test_mean_ranks_over_seeds() -> None:
    assert mean_ranks({"a": [0.1, 0.2], "b": [0.3, 0.1], "c": [0.2, 0.2]}) == {"a": 1.75, "b": 2.0, "c": 2.25}


def test_the_table_of_nemenyi() -> None:
    for strategies, value in enumerate(NEMENYI, 2):
        assert value == pytest.approx(studentized_range.ppf(0.95, strategies, math.inf) / math.sqrt(2), abs=1.5e-3)


def test_the_critical_difference() -> None:
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.01)         # Demšar's example has 4 and 14
    assert critical_difference(1, 10) is None and critical_difference(15, 10) is None
    assert critical_difference(14, 10) is not None


def test_standard_error() -> None:
    assert standard_error([1.0]) == 0 and standard_error([1.0, 3.0]) == pytest.approx(1.0)


def test_holm_steps_down_and_never_turns_the_order_round() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == [] and holm([0.2]) == [0.2]


@pytest.mark.parametrize("digits", [None, 1, 0])
@pytest.mark.parametrize("count", [2, 3, 10, 200])
def test_agreement_of_two_orders_is_that_of_scipy_with_ties_too(count: int, digits: int | None) -> None:
    first, second = pairs(count, 0.3, count, digits)
    if len(set(first)) > 1 < len(set(second)):
        assert kendall(first, second) == pytest.approx(kendalltau(first, second).statistic, abs=1e-12)
        assert spearman(first, second) == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)


def test_equal_and_opposite_orders() -> None:
    assert kendall([1, 2, 3], [4, 5, 6]) == 1 == spearman([1, 2, 3], [4, 5, 60])
    assert kendall([1, 2, 3], [6, 5, 4]) == -1 == spearman([1, 2, 3], [6, 5, 4])
    assert kendall([1, 2, 2, 3], [1, 3, 2, 4]) == pytest.approx(5 / 30**0.5)


def test_what_never_differs_has_no_order() -> None:
    assert kendall([1, 1, 1], [1, 2, 3]) is None and spearman([1, 2, 3], [5, 5, 5]) is None
