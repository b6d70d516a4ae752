"""Ensemble selection against brute force: every pick, every prefix, ties, and what can never get worse."""

from __future__ import annotations

from itertools import combinations_with_replacement, product
from math import log

import numpy as np
import pytest

from engine.estimation.selection import Probabilities, picked, quality

SEEDS = pytest.mark.parametrize("seed", range(12))


def drawn(seed: int, members: int = 4, examples: int = 9, classes: int = 3) -> tuple[list[Probabilities], np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(classes, size=examples)
    scores = generator.normal(size=(members, examples, classes)) + 0.8 * np.eye(classes)[labels]
    odds = np.exp(scores)
    return list((odds / odds.sum(2, keepdims=True)).astype(np.float32)), labels


def naive(library: list[Probabilities], labels: np.ndarray, members: tuple[int, ...]) -> tuple[float, float]:
    """Accuracy and negated cross-entropy of the average, example by example."""
    right, loss = 0, 0.0
    for example, label in enumerate(labels):
        mean = [sum(float(library[m][example][c]) for m in members) / len(members) for c in range(library[0].shape[1])]
        right += mean.index(max(mean)) == label
        loss -= log(mean[label])
    return right / len(labels), -loss / len(labels)


@SEEDS
def test_each_pick_is_the_best_addition_that_there_is(seed: int) -> None:
    library, labels = drawn(seed)
    found = picked(library, labels, 6)
    for count in range(6):
        before = found.order[:count]
        rounded = [tuple(round(v, 9) for v in naive(library, labels, (*before, m))) for m in range(len(library))]
        assert rounded[found.order[count]] == max(rounded)
        assert found.path[count].key == pytest.approx(naive(library, labels, found.order[:count + 1]))


@SEEDS
def test_it_is_never_worse_than_the_best_single_network_and_never_better_than_all_multisets(seed: int) -> None:
    library, labels = drawn(seed)
    found = picked(library, labels, 5)
    reached = naive(library, labels, found.best)
    single = max(naive(library, labels, (m,)) for m in range(len(library)))
    every = max(naive(library, labels, members) for size in range(1, 6)
                for members in combinations_with_replacement(range(len(library)), size))
    assert single[0] <= reached[0] <= every[0]
    assert found.order[0] == max(range(len(library)), key=lambda m: naive(library, labels, (m,)))
    assert max(q.key for q in found.path) == found.path[len(found.best) - 1].key


def test_the_first_alone_is_greedy_and_more_rounds_never_lower_what_is_kept() -> None:
    for seed in range(12):
        library, labels = drawn(seed)
        kept = [picked(library, labels, rounds) for rounds in (1, 2, 5, 12)]
        assert len(kept[0].best) == 1
        reached = [one.path[len(one.best) - 1].key for one in kept]
        assert reached == sorted(reached)


def test_a_network_is_picked_again_where_that_helps() -> None:
    """Two parts of the sure one and one of the other name both classes right; one part of each does not."""
    sure = np.array([[0.7, 0.3], [0.7, 0.3], [0.55, 0.45]], dtype=np.float32)
    other = np.array([[0.2, 0.8], [0.9, 0.1], [0.05, 0.95]], dtype=np.float32)
    labels = np.array([0, 0, 1])
    found = picked([sure, other], labels, 3)
    assert naive([sure, other], labels, (0, 1))[0] < naive([sure, other], labels, (0, 0, 1))[0] == 1.0
    assert sorted(found.best) == [0, 0, 1]


def test_equals_go_to_the_one_that_stands_first_and_the_smaller_ensemble() -> None:
    same = np.array([[0.8, 0.2], [0.3, 0.7]], dtype=np.float32)
    found = picked([same, same.copy(), same.copy()], np.array([0, 1]), 7)
    assert found.order == (0,) * 7 and found.best == (0,)


def test_where_accuracy_is_equal_the_lower_cross_entropy_decides() -> None:
    timid = np.array([[0.6, 0.4]], dtype=np.float32)
    bold = np.array([[0.9, 0.1]], dtype=np.float32)
    assert picked([timid, bold], np.array([0]), 1).order == (1,)


def test_certainty_of_the_wrong_class_is_a_finite_loss() -> None:
    wrong = np.array([[1.0, 0.0]], dtype=np.float32)
    assert np.isfinite(quality(wrong.astype(np.float64), 1, np.array([1])).loss)


def test_the_order_of_examples_and_of_classes_does_not_matter() -> None:
    for seed, (rows, columns) in product(range(4), [((2, 0, 1), (0, 1, 2)), ((0, 1, 2), (1, 2, 0))]):
        library, labels = drawn(seed, examples=3)
        turned = [p[list(rows)][:, list(columns)] for p in library]
        relabelled = np.array([columns.index(label) for label in labels[list(rows)]])
        assert picked(library, labels, 4).order[0] == picked(turned, relabelled, 4).order[0]
