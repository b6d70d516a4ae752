"""PNAS: level sizes, what is kept and grown, what a perfect and what no predictor makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from statistics import mean
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import wilcoxon

from engine.errors import Invalid
from engine.spaces.cell import Cell
from engine.spec import incompatible, parse_space
from engine.strategies.pnas import Options, Pnas
from engine.strategies.random_search import Options as Draws
from engine.strategies.random_search import RandomSearch
from engine.work import Candidate, Outcome
from tests.engine.spaces.test_growth import space

torch.set_num_threads(1)
SMALL = Options(beams=20, embedding=16, units=24, steps=60)
OPS = ["conv_1x1", "identity", "avg_pool_3x3"]
Score = Callable[[Candidate], float | None]


def small(blocks: int = 3, **more: Any) -> Cell:
    return space(ops=OPS, blocks=blocks, **more)


def value(work: Candidate) -> float:
    """What blocks are worth, more for deeper cells, and a little that only the pair of operations explains."""
    blocks = work.architecture.genotype["cell"]
    worth = {"conv_1x1": 0.5, "identity": 0.3, "avg_pool_3x3": 0.1}
    each = [worth.get(a, 0.2) + worth.get(b, 0.2) + 0.2 * (a != b) + 0.1 * max(i, j) for i, j, a, b, _ in blocks]
    return sum(each) / 5 + Random(str(sorted(map(str, blocks)))).gauss(0, 0.01)


def search(strategy: Any, score: Score = value, most: int = 10_000) -> list[Candidate]:
    found: list[Candidate] = []
    while len(found) < most and (asked := strategy.ask(1)):
        found.append(replace(asked[0], trial=len(found)))
        observed = score(found[-1])
        strategy.tell(found[-1], Outcome("failed") if observed is None else Outcome("done", observed))
    return found


def blocks(work: Candidate) -> int:
    return len(work.architecture.genotype["cell"])


def test_the_first_level_is_all_136_cells_then_as_many_as_there_are_beams() -> None:
    works = search(Pnas(space(blocks=3), replace(SMALL, beams=30), 0))
    assert list(map(blocks, works)) == [1] * 136 + [2] * 30 + [3] * 30
    assert works[-1].origin["level"] == 3 and "Rank 30 of" in works[-1].origin["why"]


def test_a_level_is_no_larger_than_what_there_is() -> None:
    tiny = space(ops=["identity"], blocks=2)
    works = search(Pnas(tiny, replace(SMALL, beams=500), 0))
    names = {tiny.canonical(work.architecture) for work in works}
    assert [blocks(work) for work in works].count(1) == 3 and len(names) == len(works) < 3 + 3 * 6 + 1


def test_no_cell_is_trained_twice() -> None:
    found = small()
    works = search(Pnas(found, SMALL, 0))
    assert len(works) == 21 + 20 + 20 == len({found.canonical(work.architecture) for work in works})
    assert all(found.contains(work.architecture) for work in works)


def test_every_child_is_its_parent_and_a_block() -> None:
    works = search(Pnas(small(), SMALL, 0))
    for work in works[21:]:
        (parent,) = work.parents
        assert work.architecture.genotype["cell"][:-1] == works[parent].architecture.genotype["cell"]


def test_a_level_begins_when_the_one_before_is_known() -> None:
    strategy = Pnas(small(), SMALL, 0)
    works = [replace(work, trial=k) for k, work in enumerate(strategy.ask(100)) if isinstance(work, Candidate)]
    assert len(works) == 21 and strategy.ask(1) == []
    for work in works[:-1]:
        strategy.tell(work, Outcome("done", value(work)))
    assert strategy.ask(1) == []
    strategy.tell(works[-1], Outcome("done", value(works[-1])))
    assert len(strategy.ask(100)) == 20


class Oracle:
    """A predictor that knows, or one that knows nothing."""

    def __init__(self, found: Cell, knows: bool) -> None:
        self.space, self.knows = found, knows

    def fit(self, *_: Any) -> None:
        pass

    def predict(self, tokens: Any) -> Any:
        rows = np.concatenate([tokens - [0, 0, self.space.growth().levels + 1, self.space.growth().levels + 1],
                               np.zeros((*tokens.shape[:2], 1), int)], -1)
        if self.knows:
            return np.array([value(Candidate(self.space.from_row(row))) for row in rows])
        return np.random.default_rng(0).random(len(rows))


def with_oracle(found: Cell, beams: int, knows: bool = True) -> list[Candidate]:
    strategy = Pnas(found, replace(SMALL, beams=beams), 0)
    strategy.ensemble = Oracle(found, knows)            # type: ignore[assignment]
    return search(strategy)


def test_with_a_perfect_predictor_and_room_for_all_the_optimum_is_found() -> None:
    found = small(2)
    everything, _ = found.growth().grown(found.growth().first())
    best = max(value(Candidate(found.from_row(row))) for row in everything)
    assert max(map(value, with_oracle(found, 4096))) == best == max(map(value, with_oracle(found, 2)))


def test_without_knowledge_it_is_a_random_beam() -> None:
    found = small(2)
    everything, _ = found.growth().grown(found.growth().first())
    average = mean(value(Candidate(found.from_row(row))) for row in everything)
    blind = [value(work) for work in with_oracle(found, 60, knows=False)[21:]]
    assert mean(blind) == pytest.approx(average, abs=0.06) and mean(map(value, with_oracle(found, 60)[21:])) > average + 0.1


def test_the_predictor_ranks_what_it_has_not_seen() -> None:
    """The beams of a level are far better than its average, and than their parents' level."""
    works = search(Pnas(small(), SMALL, 0))
    levels = [[value(work) for work in works if blocks(work) == level] for level in (1, 2, 3)]
    assert mean(levels[0]) < mean(levels[1]) < mean(levels[2])
    everything, _ = small().growth().grown(small().growth().first())
    average = mean(value(Candidate(small().from_row(row))) for row in everything)
    assert mean(levels[1]) > average + 0.05


def test_all_levels_are_learned_from() -> None:
    strategy, seen = Pnas(small(), SMALL, 0), []
    learn = strategy.ensemble.fit

    def fit(data: Any, steps: int, rate: float, rewrite: Any) -> None:
        seen.append(([len(scores) for _, scores in data], rate))
        learn(data, steps, rate, rewrite)

    strategy.ensemble.fit = fit                         # type: ignore[method-assign]
    search(strategy)
    assert seen == [([21], 0.01), ([21, 20], 0.002)]


def test_failures_are_neither_learned_from_nor_grown() -> None:
    works = search(Pnas(small(), SMALL, 0), lambda work: None if work.trial % 4 == 1 else value(work))
    assert all(work.parents[0] % 4 != 1 for work in works[21:]) and len(works) == 61


def test_where_all_fails_it_grows_blindly() -> None:
    works = search(Pnas(small(), SMALL, 0), lambda work: None)
    assert len(works) == 61 and all(work.origin["predicted"] is None for work in works)
    assert "no score is known" in works[30].origin["why"]


@pytest.mark.parametrize("predictor", ["mlp", "lstm"])
@pytest.mark.parametrize("cut", [5, 21, 35, 41, 50])
def test_resumed_at_any_level_it_equals_the_unbroken_search(predictor: str, cut: int) -> None:
    options = replace(SMALL, predictor=predictor, steps=20)
    unbroken = search(Pnas(small(), options, 4))
    before, after = Pnas(small(), options, 4), Pnas(small(), options, 4)
    for work in search(before, most=cut):
        after.tell(work, Outcome("done", value(work)))
    after.load_state_dict(json.loads(json.dumps(before.state_dict())))
    assert after.ask(1) == [replace(unbroken[cut], trial=-1)]


def test_it_says_why_and_shows_its_levels() -> None:
    strategy = Pnas(small(), SMALL, 0)
    works = search(strategy)
    assert works[0].origin["why"] == "One of all 21 different cells of one block: each of them is trained."
    why = works[21].origin["why"]
    assert why.startswith("Rank 1 of ") and f"grown from trial {works[21].parents[0]} (" in why
    (event,) = strategy.tell(works[-1], Outcome("done", 0.5))
    assert [picture["title"] for picture in event.data["pictures"]] == [
        "Best score of each level", "Rank correlation of the predictor", "Predicted against observed"]
    assert {name for name, _ in event.data["pictures"][0]["values"]} == {"1 blocks", "2 blocks", "3 blocks"}


def test_spaces_that_do_not_grow_say_what_is_missing() -> None:
    for kind in ("nas_bench_201", "hierarchical"):
        assert "needs levels" in str(incompatible("pnas", kind))
    for options in ({"preset": "cpu"}, {"preset": "pnas"}, {"preset": "cpu", "min_blocks": 1}):
        fixed = parse_space({"kind": "cell", **options})[1]
        assert "set cells to one, min_blocks to 1" in str(incompatible("pnas", "cell", fixed))
    assert incompatible("pnas", "cell", small()) is None and incompatible("random_search", "cell", small()) is None
    with pytest.raises(Invalid, match="min_blocks"):
        parse_space({"kind": "cell", "min_blocks": 6})


def test_it_beats_random_search_on_a_small_space_of_cells() -> None:
    """61 trainings each, 20 seeds; random search draws cells of three blocks only, where the best are."""
    pairs = [(max(map(value, search(Pnas(small(), SMALL, seed)))),
              max(map(value, search(RandomSearch(small(min_blocks=None), Draws(), seed), most=61)))) for seed in range(20)]
    assert wilcoxon([a - b for a, b in pairs], alternative="greater").pvalue < 0.01
    assert mean(a - b for a, b in pairs) > 0.02
