"""l and g over a tree: a global split, decisions that were not made say nothing, and one model however it was told."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.spaces.space import Parameter
from engine.surrogates.split import Observations
from engine.surrogates.tree_parzen import Decisions, TreeParzen

NAN = math.nan
Rows = list[tuple[list[float], float | None]]
TREE = (Parameter("kind", "categorical", ("a", "b")), Parameter("depth", "integer", low=1, high=5),
        Parameter("op", "categorical", ("x", "y", "z"), when=({"name": "kind", "among": ("a",)},)),
        Parameter("rate", "real", low=1e-3, high=1.0, prior="log", when=({"name": "kind", "among": ("b",)},)),
        Parameter("last", "categorical", (0, 1), when=({"name": "depth", "at_least": 4},)),
        Parameter("fixed", "integer", low=3, high=3))


def observed(rows: Rows) -> Observations:
    found = Observations(len(TREE))
    for vector, loss in rows:
        found.add(vector, loss)
    return found


def history(count: int, seed: int = 0) -> Rows:
    """Made up: some fail, losses have ties."""
    generator = np.random.default_rng(seed)
    rows: Rows = []
    for _ in range(count):
        kind, depth = float(generator.integers(2)), float(generator.integers(5)) / 4
        vector = [kind, depth, float(generator.integers(3)) if kind == 0 else NAN, generator.random() if kind else NAN,
                  float(generator.integers(2)) if depth >= 0.75 else NAN, 0.0]
        rows.append((vector, None if generator.random() < 0.1 else round(float(generator.random()), 1)))
    return rows


def fitted(rows: Rows, wanted: int, pending: list[list[float]] | None = None) -> TreeParzen:
    model = TreeParzen(Decisions(TREE), 1.0, 25)
    model.fit(observed(rows), wanted, pending or [])
    return model


def heights(model: TreeParzen) -> list[list[float]]:
    """Of all decisions, l and g."""
    return [side.tolist() for at in range(len(TREE)) for side in model.shown(at)[1:]]


def test_without_trials_both_sides_are_the_prior() -> None:
    model = fitted([], 0)
    for at in range(len(TREE)):
        _, below, above = model.shown(at)
        assert below == pytest.approx(above)
    assert model.shown(2)[1] == pytest.approx([1 / 3] * 3)


def test_a_side_without_observations_of_a_decision_is_its_prior() -> None:
    model = fitted([([0.0, 0.0, 1.0, NAN, NAN, 0.0], 0.1), ([1.0, 0.0, NAN, 0.4, NAN, 0.0], 0.5)], 1)
    _, below, above = model.shown(2)
    assert below == pytest.approx([0.25, 0.5, 0.25]) and above == pytest.approx([1 / 3] * 3)
    _, below, above = model.shown(3)
    empty = fitted([], 0).shown(3)[1]
    assert below == pytest.approx(empty) and above != pytest.approx(empty)


def test_the_split_is_one_for_all_decisions() -> None:
    """The best trial of the branch is no best trial: per decision it would be."""
    rows: Rows = [([1.0, 0.0, NAN, 0.5, NAN, 0.0], 0.1), ([0.0, 0.0, 2.0, NAN, NAN, 0.0], 0.2),
                  ([0.0, 0.0, 1.0, NAN, NAN, 0.0], 0.9)]
    assert fitted(rows, 1).shown(2)[1] == pytest.approx([1 / 3] * 3)


def test_told_one_by_one_it_is_the_model_of_all_at_once() -> None:
    rows, model, table = history(120), TreeParzen(Decisions(TREE), 1.0, 25), Observations(len(TREE))
    for number, (vector, loss) in enumerate(rows):
        table.add(vector, loss)
        wanted = math.ceil(0.25 * math.sqrt(number + 1))
        model.fit(table, wanted, [rows[0][0]] if number % 2 else [])
    model.fit(table, wanted)
    assert heights(model) == heights(fitted(rows, wanted))


def test_pending_trials_count_as_bad_ones_and_are_forgotten_again() -> None:
    rows = history(30)
    without, with_it = fitted(rows, 2), fitted(rows, 2, [[0.0, 0.0, 2.0, NAN, NAN, 0.0]] * 3)
    assert with_it.shown(2)[2][2] > without.shown(2)[2][2] and with_it.shown(2)[1] == pytest.approx(without.shown(2)[1])
    table = observed(rows)
    with_it.fit(table, 2)
    assert heights(with_it) == heights(without)


def test_a_failed_trial_speaks_against_its_decisions() -> None:
    rows: Rows = [([0.0, 0.0, 0.0, NAN, NAN, 0.0], 0.1)]
    rows += [([0.0, 0.0, 2.0, NAN, NAN, 0.0], None)] * 5
    _, below, above = fitted(rows, 5).shown(2)
    assert above[2] > above[0] and below[0] > below[2]


def test_draws_walk_the_tree_and_make_active_decisions_only() -> None:
    model, generator = fitted(history(60), 2), np.random.default_rng(1)
    for _ in range(60):
        vector, gains = model.draw(generator, 3)
        made = {p.name for p, at in zip(TREE, vector, strict=True) if not math.isnan(at)}
        assert made == set(gains)
        assert ("op" in made) == (vector[0] == 0) and ("rate" in made) == (vector[0] == 1)
        assert ("last" in made) == (vector[1] >= 0.75) and "fixed" in made


def test_one_draw_is_a_draw_from_the_best_and_many_go_where_the_ratio_is_high() -> None:
    rows: Rows = [([0.0, 0.0, 1.0, NAN, NAN, 0.0], 0.1)] * 2
    rows += [([0.0, 0.0, code, NAN, NAN, 0.0], 0.9) for code in (0.0, 2.0) for _ in range(8)]
    rows += [([1.0, 0.0, NAN, 0.5, NAN, 0.0], 0.9)] * 40
    model, generator = fitted(rows, 2), np.random.default_rng(2)
    few = [vector[2] for vector, _ in (model.draw(generator, 1) for _ in range(400)) if vector[0] == 0]
    share = few.count(1.0) / len(few)
    assert share == pytest.approx(model.shown(2)[1][1], abs=0.1)
    many = [vector[2] for vector, _ in (model.draw(generator, 24) for _ in range(50)) if vector[0] == 0]
    assert set(many) == {1.0}


def test_information_is_where_the_best_differ() -> None:
    rows = [([float(k % 2), k % 3 / 4, 1.0 if k % 2 == 0 else NAN, 0.5 if k % 2 else NAN, NAN, 0.0], 0.1 if k % 2 else 0.9)
            for k in range(40)]
    told = fitted(rows, 15).information()
    assert max(told, key=lambda name: told[name]) == "kind" and told["kind"] > 0.5
    assert told["fixed"] == 0 and "op" not in told              # made by none of the best
