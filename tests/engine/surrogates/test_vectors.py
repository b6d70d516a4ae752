"""Rows of numbers: drawn from the prior, moved by one decision, imputed outside of what is possible."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import numpy as np
import pytest

from engine.architecture import genotype
from engine.registry import discover
from engine.spaces.space import Parameter
from engine.spec import parse_space
from engine.surrogates.vectors import Vectors, places

SPACES: list[Any] = [parse_space({"kind": kind, "preset": "cpu"})[1] for kind, entry in discover("spaces").items()
                     if "parameters" in entry.offers]
IDS = [type(space).__name__ for space in SPACES]
EVERY = pytest.mark.parametrize("space", SPACES, ids=IDS)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def equal(one: Any, other: Any) -> bool:
    return bool(np.array_equal(np.array(one), np.array(other), equal_nan=True))


@EVERY
def test_draws_lie_in_the_space_with_exactly_the_active_decisions(space: Any) -> None:
    vectors = Vectors(space.parameters())
    for row in vectors.sample(generator(), 60):
        proposal = space.proposal_from_vector(row.tolist())
        assert space.contains(proposal.architecture)
        assert (np.isnan(space.proposal_vector(proposal)) == np.isnan(row)).all()


@EVERY
def test_neighbours_differ_in_one_decision_and_what_hangs_on_it(space: Any) -> None:
    vectors = Vectors(space.parameters())
    rows = vectors.sample(generator(), 5)
    near, owner = vectors.neighbours(rows, generator(1))
    for moved, start in zip(near[:: max(1, len(near) // 200)], owner[:: max(1, len(near) // 200)], strict=True):
        proposal = space.proposal_from_vector(moved.tolist())
        assert space.contains(proposal.architecture)
        assert (np.isnan(space.proposal_vector(proposal)) == np.isnan(moved)).all()
        before = rows[start]
        both = ~np.isnan(before) & ~np.isnan(moved)
        changed = np.flatnonzero(both & (before != moved))
        assert len(changed) == 1, "an active decision that stays active changed besides"
        apart = set(np.flatnonzero(np.isnan(before) != np.isnan(moved)).tolist())
        assert apart <= set(vectors.below[changed[0]])


@EVERY
def test_a_choice_is_moved_to_every_other(space: Any) -> None:
    vectors = Vectors(space.parameters())
    row = vectors.sample(generator(2), 1)
    near, _ = vectors.neighbours(row, generator())
    for at, parameter in enumerate(vectors.parameters):
        if parameter.kind == "categorical" and not np.isnan(row[0, at]):
            alone = near[~np.isnan(near[:, at]) & (near[:, at] != row[0, at])][:, at]
            assert set(range(len(parameter.choices))) - {int(row[0, at])} <= set(alone.astype(int).tolist())


def test_draws_follow_the_prior() -> None:
    """Against the marginals of the space's own draws."""
    parameters = (Parameter("layers", "integer", low=1, high=4),
                  Parameter("op", "categorical", ("a", "b", "c"), when=({"name": "layers", "at_least": 3},)),
                  Parameter("rate", "real", low=1e-4, high=1.0, prior="log", when=({"name": "op", "among": ("a", "b")},)),
                  Parameter("units", "integer", low=1, high=500, prior="lognormal", mu=3.0, sigma=1.0))
    rows = Vectors(parameters).sample(generator(), 20_000)
    rng = Random(0)
    own = np.array([genotype.vector(parameters, genotype.sample(parameters, rng)) for _ in range(20_000)])
    assert np.nanmean(rows, axis=0) == pytest.approx(np.nanmean(own, axis=0), abs=0.02)
    assert np.nanstd(rows, axis=0) == pytest.approx(np.nanstd(own, axis=0), abs=0.02)
    assert np.isnan(rows).mean(axis=0) == pytest.approx(np.isnan(own).mean(axis=0), abs=0.02)
    assert (np.isnan(rows[:, 2]) == (np.isnan(rows[:, 1]) | (rows[:, 1] == 2))).all()


def test_what_is_not_made_stands_outside_of_what_can_be() -> None:
    space = next(space for space in SPACES if type(space).__name__ == "Mlp")
    vectors = Vectors(space.parameters())
    rows = vectors.sample(generator(), 500)
    imputed = vectors.imputed(rows)
    for at, parameter in enumerate(vectors.parameters):
        active = ~np.isnan(rows[:, at])
        mark = len(parameter.choices) if parameter.kind == "categorical" else -1
        assert (imputed[~active, at] == mark).all()
        assert not active.any() or (imputed[active, at].max() < mark if mark > 0 else imputed[active, at].min() >= 0)


def test_garbage_where_a_decision_is_not_made_has_no_effect() -> None:
    """Two vectors that differ only there are one proposal and one row."""
    space = next(space for space in SPACES if type(space).__name__ == "Mlp")
    vectors = Vectors(space.parameters())
    for row in vectors.sample(generator(3), 50):
        garbage = np.where(np.isnan(row), 0.0, row)
        one, other = (space.proposal_vector(space.proposal_from_vector(each.tolist())) for each in (row, garbage))
        assert equal(vectors.imputed(np.array([one])), vectors.imputed(np.array([other])))


def test_every_value_of_a_short_range_is_as_likely() -> None:
    assert places(Parameter("n", "integer", low=1, high=3)).tolist() == [0.0, 0.5, 1.0]
    assert places(Parameter("c", "categorical", ("x", "y"))).tolist() == [0.0, 1.0]
    assert len(places(Parameter("r", "real", low=0.0, high=1.0))) > 100


def test_a_range_of_one_value_and_no_decisions_have_no_neighbours() -> None:
    vectors = Vectors((Parameter("n", "integer", low=2, high=2),))
    rows = vectors.sample(generator(), 3)
    assert rows.tolist() == [[0.0]] * 3 and len(vectors.neighbours(rows, generator())[0]) == 0
    nothing = Vectors(())
    assert nothing.sample(generator(), 2).shape == (2, 0) and len(nothing.neighbours(np.zeros((2, 0)), generator())[0]) == 0


def test_conditions_beyond_a_range_always_or_never_hold() -> None:
    parameters = (Parameter("n", "integer", low=2, high=5),
                  Parameter("always", "categorical", ("x",), when=({"name": "n", "at_least": 0},)),
                  Parameter("never", "categorical", ("x",), when=({"name": "n", "at_least": 9},)))
    rows = Vectors(parameters).sample(generator(), 20)
    assert (rows[:, 1] == 0).all() and np.isnan(rows[:, 2]).all() and math.isfinite(rows[:, 0].sum())
