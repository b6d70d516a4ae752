"""What NASBOT believes: the part of the history, failures, what is pending, and predictions."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from engine.architecture import genotype
from engine.architecture.architecture import Proposal
from engine.benchmarks.landscapes import NETWORKS, graph_value
from engine.spaces.chain import Chain
from engine.spaces.composed import Composed
from engine.spaces.mlp import Mlp
from engine.spaces.nas_bench_201 import NasBench201
from engine.surrogates.network_layers import IMAGES, UNITS
from engine.surrogates.otmann_model import Model, Source, groups, standardised, subset

DRAWN = NETWORKS.sample_many(Random(0), 60)
SCORES = [-graph_value(proposal.architecture, NETWORKS) for proposal in DRAWN]


def model(count: int = 30, *, history: int = 100, scores: list[float | None] | None = None) -> Model:
    found = Model(Source(NETWORKS, [], lambda proposal: ()), (0.1, 0.25), history, 12)
    found.learn(DRAWN[:count], scores or list(SCORES[:count]), count, Random(7))
    found.expect([])
    return found


def test_predictions_of_unseen_networks_go_with_the_truth() -> None:
    found = model(45)
    predicted = [found.foresee(proposal)[0] for proposal in DRAWN[45:]]
    assert np.corrcoef(predicted, SCORES[45:])[0, 1] > 0.4


def test_where_it_was_trained_the_score_is_known() -> None:
    found = model(30)
    unseen = np.mean([found.foresee(proposal)[1] for proposal in DRAWN[30:50]])
    assert np.mean([found.foresee(proposal)[1] for proposal in DRAWN[:20]]) < unseen
    assert found.nearest(DRAWN[4]) == (4, pytest.approx(0.0, abs=1e-12))


def test_what_is_pending_leaves_nothing_to_gain_and_says_nothing_new() -> None:
    found = model(30)
    at = int(np.argmax(found.gains(DRAWN[30:50]))) + 30
    before, expected = found.gains([DRAWN[at]])[0], found.foresee(DRAWN[at])
    found.expect([DRAWN[at], DRAWN[at - 1]])
    assert found.gains([DRAWN[at]])[0] < before
    again = found.foresee(DRAWN[at])
    assert again[0] == pytest.approx(expected[0], abs=0.02) and again[1] < expected[1]
    assert len(found.known_gains()) == 30
    found.expect([])
    assert found.gains([DRAWN[at]])[0] == before


def test_a_failure_counts_as_the_worst() -> None:
    values, centre, spread = standardised([0.5, None, 0.1, 0.9])
    assert (centre + spread * values).tolist() == pytest.approx([0.5, 0.1, 0.1, 0.9])
    assert values.mean() == pytest.approx(0) and values.std() == pytest.approx(1)
    assert standardised([None, None])[0].tolist() == [0.0, 0.0] and standardised([0.3])[2] == 1.0


def test_the_history_is_half_the_newest_and_half_the_best_of_the_others() -> None:
    scores = [0.1, 0.9, None, 0.8, 0.2, 0.3, 0.0, 0.4]
    assert subset(scores, 10) == tuple(range(8)) and subset(scores, 8) == tuple(range(8))
    assert subset(scores, 4) == (1, 3, 6, 7)
    assert subset(scores, 5) == (1, 3, 5, 6, 7)
    assert subset([None, None, 0.1, 0.2], 2) == (2, 3)


def test_a_small_history_is_what_it_is_fitted_to() -> None:
    found = model(40, history=12)
    assert len(found.members) == 12 and found.members[-6:] == tuple(range(34, 40))
    assert found.best == max(SCORES[:40])


def test_the_parameters_stay_until_the_next_fit() -> None:
    found = model(20)
    kernel = found.kernel
    found.learn(DRAWN[20:23], list(SCORES[:23]), 20, Random(99))
    assert found.kernel is kernel and len(found.members) == 23
    found.learn(DRAWN[23:27], list(SCORES[:27]), 27, Random(99))
    assert found.kernel is not kernel


def test_only_failures_so_far_are_no_reason_to_fall_over() -> None:
    found = model(5, scores=[None, None, None, None, 0.2])
    assert np.all(np.isfinite(found.gains(DRAWN[10:14])))


def test_matrices_of_the_best() -> None:
    found = model(30)
    best = found.best_members(5)
    assert [SCORES[number] for number in best] == sorted(SCORES[:30], reverse=True)[:5]
    bar, correlation = found.pictured(best)
    assert np.diag(bar) == pytest.approx(np.zeros(5)) and np.diag(correlation) == pytest.approx(np.ones(5))


def test_groups_of_layers_follow_the_space() -> None:
    assert groups(Chain()) == IMAGES and groups(Mlp()) == UNITS and groups(NasBench201()) == IMAGES


def test_training_decisions_tell_equal_networks_apart() -> None:
    space = Composed()
    decisions = space.training_parameters()
    source = Source(space, [p.kind == "categorical" for p in decisions],
                    lambda proposal: genotype.vector(decisions, proposal.hyper))
    rng = Random(0)
    drawn = [space.sample(rng) for _ in range(12)]
    found = Model(source, (0.25,), 50, 8)
    found.learn(drawn, [float(at % 4) for at in range(12)], 12, Random(1))
    found.expect(drawn[:1])
    twin = Proposal(drawn[3].architecture, drawn[5].hyper)
    assert found.foresee(twin)[1] > found.foresee(drawn[3])[1]
