"""Q-learning: the schedule, the table's updates, the memory, and what a restart costs."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from engine.options import parse
from engine.registry import discover
from engine.spaces.chain import Chain
from engine.spaces.enas_macro import EnasMacro
from engine.spaces.fabric import Fabric
from engine.spaces.nas_bench_201 import NasBench201, operations
from engine.strategies.q_learning import MODELS, REDRAWS, Options, QLearning, exploration, remembered
from engine.work import Candidate, Outcome

SPACE = NasBench201(channels=4, layers=1)
TWO = NasBench201(channels=4, layers=1, ops=("skip_connect", "nor_conv_3x3"))
QUICK = Options(models=100, lr=0.1, replay=20)


def convolutions(work: Candidate) -> float:
    return operations(work.architecture).count("nor_conv_3x3") / 6


def search(strategy: QLearning, trials: int, score: Any = convolutions, first: int = 0) -> list[Candidate]:
    found = []
    for trial in range(first, first + trials):
        (asked,) = strategy.ask(1)
        assert isinstance(asked, Candidate)
        found.append(replace(asked, trial=trial))
        value = score(found[-1])
        strategy.tell(found[-1], Outcome("failed") if value is None else Outcome("done", value))
    return found


def test_the_schedule_is_that_of_the_paper() -> None:
    found = [exploration(drawn, 2700) for drawn in range(2700)]
    counts = [(epsilon, found.count(epsilon)) for epsilon in dict.fromkeys(found)]
    assert counts == [(1.0, 1500), (0.9, 100), (0.8, 100), (0.7, 100), *((e / 10, 150) for e in (6, 5, 4, 3, 2, 1))]
    assert MODELS == 2700 and exploration(10**6, 2700) == 0.1


def test_a_shorter_schedule_has_the_same_shares() -> None:
    assert [exploration(drawn, 27) for drawn in (0, 14, 15, 16, 17, 18, 26)] == [1.0, 1.0, 0.9, 0.8, 0.7, 0.6, 0.1]


def test_a_state_is_the_choice_before_and_the_kind_of_layer() -> None:
    assert remembered([0, 0, 0]) == [(), (0,), (1,)]
    assert remembered([1, 1, 1, 2, 2, 2]) == [(), (0,), (0, 1), (0, 2), (3,), (3, 4)]
    assert remembered([0, 1, 1]) == [(), (0,), (1,)]


def test_values_go_from_the_end_to_the_beginning() -> None:
    """One pass over two decisions by hand: the last moves to the reward, the first to the best that follows it."""
    space = EnasMacro(layers=2, ops=("conv_3x3", "max_pool_3x3"))
    strategy = QLearning(space, Options(lr=0.5, replay=0, start=0.5), 0)
    path = strategy._path((1, 0, 1))
    strategy._towards(path, 1.0)
    assert [strategy.table[step.chosen] for step in path] == [0.75, 0.625, 0.5625]
    strategy._towards(path, 0.0)
    assert [strategy.table[step.chosen] for step in path] == [0.375, 0.5625, 0.5625]      # elsewhere 0.5 is better


def test_the_discount_counts_at_every_decision() -> None:
    strategy = QLearning(EnasMacro(layers=2, ops=("conv_3x3", "max_pool_3x3")), Options(lr=1.0, discount=0.5, start=0.0), 0)
    path = strategy._path((0, 0, 0))
    strategy._towards(path, 1.0)
    assert [strategy.table[step.chosen] for step in path] == [1.0, 0.5, 0.25]


def test_with_full_steps_the_table_is_the_best_that_was_seen_from_there() -> None:
    strategy = QLearning(TWO, Options(models=1, lr=1.0, start=0.0, replay=50), 3)
    works = search(strategy, 60)
    strategy.ask(1)
    best = max(map(convolutions, works))
    assert max(strategy.table[:2]) == best and all(value in {0.0, *map(convolutions, works)} for value in strategy.table)


def test_every_state_has_its_own_place_in_the_table() -> None:
    space = Chain(min_layers=1, max_layers=2, types=("conv", "max_pool"), kernels=(3, 5), channels=(16,), strides=(1,))
    strategy, rng, seen = QLearning(space, QUICK, 0), Random(0), dict[int, Any]()
    for _ in range(300):
        picks, _ = strategy._drawn(rng, 1.0)
        active = [at for at, number in enumerate(picks) if number != -1]
        for at, step in zip(reversed(active), strategy._path(picks), strict=True):
            key = (at, tuple(picks[earlier] for earlier in strategy.remembered[at]), picks[at])
            assert seen.setdefault(step.chosen, key) == key and step.low <= step.chosen < step.high <= len(strategy.table)
    assert len(set(seen.values())) == len(seen) > 20


def test_choices_are_random_at_first_and_the_best_known_in_the_end() -> None:
    strategy = QLearning(SPACE, QUICK, 0)
    works = search(strategy, 160)
    assert all(work.origin["epsilon"] == 1.0 and work.origin["strayed"] == 6 for work in works[:55])
    late = [work.origin["strayed"] / 6 for work in works[100:]]
    assert 0.02 < sum(late) / len(late) < 0.25
    early, end = (sum(map(convolutions, part)) / len(part) for part in (works[:50], works[-50:]))
    assert early < 0.3 and end > 0.4


def test_what_is_valued_most_is_far_better_than_chance() -> None:
    found = []
    for seed in range(10):
        strategy = QLearning(TWO, Options(models=40, lr=0.2, replay=50), seed)
        search(strategy, 64)
        strategy.ask(1)
        picks, strayed = strategy._drawn(Random(0), 0.0)
        assert strayed == 0
        found.append(operations(strategy.choices.proposal(picks).architecture).count("nor_conv_3x3"))
    assert min(found) >= 4 and sum(found) / 10 > 4.5            # of six; at random three. States forget, so not always six


def test_equal_values_are_decided_by_chance() -> None:
    strategy = QLearning(SPACE, QUICK, 0)
    firsts = {strategy._drawn(Random(k), 0.0)[0][0] for k in range(60)}
    assert firsts == set(range(5))


def test_known_networks_are_remembered_and_not_trained_again() -> None:
    strategy = QLearning(TWO, Options(models=1, lr=0.1, replay=5), 0)
    works = search(strategy, 40)
    distinct = len({work.architecture for work in works})
    assert any(0 < work.origin["recalled"] < REDRAWS for work in works) and distinct > 20
    again = [work for at, work in enumerate(works) if work.architecture in {w.architecture for w in works[:at]}]
    assert again and all(work.origin["recalled"] == REDRAWS for work in again)


def test_remembering_teaches_too() -> None:
    strategy = QLearning(NasBench201(channels=4, layers=1, ops=("skip_connect",)), Options(lr=0.1, replay=0), 0)
    search(strategy, 1, lambda work: 1.0)
    strategy.ask(1)
    assert strategy.table[strategy.offsets[5]:] == pytest.approx([0.5, 1 - 0.5 * 0.9 ** (1 + REDRAWS)])


def test_replays_are_drawn_from_all_trials_so_far() -> None:
    strategy, seen = QLearning(SPACE, Options(replay=100), 0), list[int]()
    strategy._again = seen.append  # type: ignore[method-assign]
    search(strategy, 51, lambda work: 0.5)
    last = seen[-101:]
    assert last[0] == 49 and set(last) <= set(range(50)) and len(set(last)) > 30


def test_failures_are_as_bad_as_the_worst_so_far() -> None:
    scores = [None, 0.5, None, -2.0, None]
    strategy = QLearning(SPACE, QUICK, 0)
    search(strategy, 5, lambda work: scores[work.trial])
    assert [told.reward for told in strategy.told] == [None, 0.5, 0.0, -2.0, -2.0]


def test_each_draw_says_why() -> None:
    work = search(QLearning(SPACE, QUICK, 0), 1)[0]
    assert work.origin["why"] == ("6 of 6 choices were drawn at random (their share is 100% now), "
                                  "the others have the highest value.")


def test_a_mended_walk_is_learned_from_as_what_it_became() -> None:
    strategy = QLearning(Fabric(layers=4, scales=4), QUICK, 0)
    works = search(strategy, 30, lambda work: 0.9)
    strategy.ask(1)
    for number, work in enumerate(works):
        scales = [scale - 1 for scale in work.architecture.genotype["path"]]
        assert strategy.steps[number] == strategy._path(scales)


def test_pictures_show_reward_exploration_and_values() -> None:
    strategy = QLearning(SPACE, QUICK, 0)
    search(strategy, 30)
    (work,) = strategy.ask(1)
    (event,) = strategy.tell(replace(work, trial=30), Outcome("done", 0.25))
    reward, share, heat = event.data["pictures"]
    assert reward["values"] == {"reward": 0.25} and share["values"] == {"exploration": 1.0}
    assert heat["columns"] == list(SPACE.ops) and len(heat["rows"]) == 6
    assert heat["values"][0] == pytest.approx(strategy.table[:5], rel=1e-3)


def test_the_state_is_the_table_and_has_one_size() -> None:
    strategy = QLearning(SPACE, QUICK, 0)
    works = search(strategy, 40)
    state = json.loads(json.dumps(strategy.state_dict()))
    restored = QLearning(SPACE, QUICK, 0)
    for work in works:
        restored.tell(work, Outcome("done", convolutions(work)))
    restored.load_state_dict(state)
    assert restored.table == strategy.table
    assert search(restored, 20, first=40) == search(strategy, 20, first=40)
    assert len(strategy.state_dict()["table"]) == len(state["table"])


def test_a_restart_after_ten_thousand_trials_learns_nothing_twice() -> None:
    entry = discover("strategies")["q_learning"]
    options = parse(entry.options, {"preset": "paper"}, presets=entry.presets)
    strategy = QLearning(SPACE, options, 0)
    (work,) = strategy.ask(1)
    state = {**strategy.state_dict(), "proposed": 10_000, "learned": 9_998}
    for trial in range(9_999):
        strategy.tell(replace(work, trial=trial), Outcome("done", 0.5))
    strategy.load_state_dict(state)
    strategy.ask(1)
    assert strategy.learned == 9_999 and len(strategy.steps) <= 1 + options.replay


def test_the_preset_of_the_paper() -> None:
    entry = discover("strategies")["q_learning"]
    paper = parse(entry.options, {"preset": "paper"}, presets=entry.presets)
    assert paper == Options(2700, 0.01, 1.0, 100, 0.5) == Options()
    assert entry.needs == {"parameters", "finite"}
