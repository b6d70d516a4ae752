"""Reinforcement learning: rewards, the order of the baseline, late results, and what a restart costs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from engine.benchmarks.landscapes import ConditionalChain
from engine.options import parse
from engine.registry import discover
from engine.spaces.fabric import Fabric
from engine.spaces.nas_bench_201 import NasBench201, operations
from engine.strategies.reinforce import Options, Reinforce, shaped
from engine.work import Candidate, Outcome

SPACE = NasBench201(channels=4, layers=1)
QUICK = Options(batch=4, lr=0.02, units=8, depth=1, shared=False, reward="score")
Score = Callable[[Candidate], float | None]


def convolutions(work: Candidate) -> float:
    return operations(work.architecture).count("nor_conv_3x3") / 6


def search(strategy: Reinforce, trials: int, score: Score = convolutions, first: int = 0) -> list[Candidate]:
    """One after another; `score` may give None for a failure."""
    found = []
    for trial in range(first, first + trials):
        (asked,) = strategy.ask(1)
        assert isinstance(asked, Candidate)
        found.append(replace(asked, trial=trial))
        tell(strategy, found[-1], score(found[-1]))
    return found


def tell(strategy: Reinforce, work: Candidate, value: float | None) -> None:
    strategy.tell(work, Outcome("failed") if value is None else Outcome("done", value))


def spied(strategy: Reinforce) -> list[tuple[list[float], list[float | None]]]:
    """What the controller is taught from now on: advantages, and log-probabilities of late results."""
    seen: list[tuple[list[float], list[float | None]]] = []
    learn = strategy.learner.learn

    def noted(picks: Any, advantages: list[float], then: list[float | None]) -> float:
        seen.append((list(advantages), list(then)))
        return learn(picks, advantages, then)

    strategy.learner.learn = noted  # type: ignore[method-assign]
    return seen


def test_the_baseline_holds_earlier_rewards_only() -> None:
    """Advantages are taken first, with what was known before the batch; then its rewards join the mean."""
    strategy = Reinforce(SPACE, replace(QUICK, batch=2, baseline=0.5), 0)
    seen, rewards = spied(strategy), [1.0, 0.5, 0.75, 0.25, 0.0, 1.0]
    search(strategy, 6, lambda work: rewards[work.trial])
    strategy.ask(1)
    baseline, expected = 1.0, []                        # the first reward is compared with itself
    for at in (0, 2, 4):
        expected.append([reward - baseline for reward in rewards[at:at + 2]])
        for reward in rewards[at:at + 2]:
            baseline = 0.5 * baseline + 0.5 * reward
    assert [advantages for advantages, _ in seen] == expected
    assert expected[0] == [0.0, -0.5] and strategy.figures[0] == baseline


def test_a_constant_reward_teaches_nothing() -> None:
    strategy = Reinforce(SPACE, QUICK, 0)
    before = [array.copy() for array in strategy.learner.arrays()[::4]]
    seen = spied(strategy)
    search(strategy, 41, lambda work: 0.7)
    assert len(seen) == 10 and all(abs(a) < 1e-12 for advantages, _ in seen for a in advantages)
    drift = max(float(abs(a - b).max()) for a, b in zip(before, strategy.learner.arrays()[::4], strict=True))
    assert drift < 1e-3


@pytest.mark.parametrize(("score", "form", "reward"), [(0.5, "cube", 0.125), (-0.5, "cube", -0.125), (0.5, "score", 0.5),
                                                       (0.0, "perplexity", 80.0), (-1.0, "perplexity", 20.0),
                                                       (-2.0, "perplexity", 5.0)])
def test_rewards_are_the_cube_or_for_language_80_by_the_squared_perplexity(score: float, form: str, reward: float) -> None:
    assert shaped(score, form) == pytest.approx(reward)


@pytest.mark.parametrize("form", ["cube", "score", "perplexity"])
def test_rewards_rise_with_the_score_and_stay_finite(form: str) -> None:
    rewards = [shaped(score, form) for score in (-1e300, -5.0, -0.1, 0.0, 0.4, 2.0, 1e300)]
    assert rewards == sorted(rewards) and all(map(math.isfinite, rewards)) and len(set(rewards[1:-1])) == 5


def test_rewarded_is_the_best_of_the_last_epochs() -> None:
    strategy = Reinforce(SPACE, replace(QUICK, last=2), 0)
    (work,) = strategy.ask(1)
    strategy.tell(work, Outcome("done", 0.4, metrics={"curve": [0.9, 0.6, 0.4]}))
    strategy.tell(work, Outcome("pruned", 0.3, metrics={"curve": [0.3]}))
    strategy.tell(work, Outcome("done", 0.2))
    assert [result.reward for result in strategy.results] == [0.6, 0.3, 0.2]


def test_failures_are_as_bad_as_the_worst_so_far() -> None:
    for scores, expected in (([None, 0.5, None, 0.2, None], [None, 0.5, 0.0, 0.2, 0.0]),
                             ([None, -3.0, None, -4.0, None], [None, -3.0, -3.0, -4.0, -4.0])):
        strategy = Reinforce(SPACE, replace(QUICK, batch=100), 0)
        search(strategy, 5, lambda work, scores=scores: scores[work.trial])
        assert [result.reward for result in strategy.results] == expected


def test_failures_may_be_left_out() -> None:
    strategy = Reinforce(SPACE, replace(QUICK, failure="skip"), 0)
    seen = spied(strategy)
    search(strategy, 17, lambda work: None if work.trial % 2 else 0.5)
    assert len(seen) == 2 and strategy.heard == 15


def test_nothing_is_learned_from_failures_alone() -> None:
    strategy = Reinforce(SPACE, QUICK, 0)
    search(strategy, 30, lambda work: None)
    strategy.ask(1)
    assert strategy.updates == 0


def test_a_batch_is_learned_from_at_once_and_only_when_it_is_full() -> None:
    strategy = Reinforce(SPACE, QUICK, 0)
    works = search(strategy, 9)
    assert [work.origin["update"] for work in works] == [0, 0, 0, 0, 1, 1, 1, 1, 2]


def late_search(late: str, fresh: int = 0, slots: int = 6, trials: int = 24) -> tuple[Reinforce, list[Any], list[Candidate]]:
    """With `slots` trials on their way at any time."""
    strategy = Reinforce(SPACE, replace(QUICK, late=late, fresh=fresh), 0)
    seen, waiting, done = spied(strategy), list[Candidate](), list[Candidate]()
    for trial in range(trials):
        (asked,) = strategy.ask(1)
        assert isinstance(asked, Candidate)
        waiting.append(replace(asked, trial=trial))
        if len(waiting) == slots:
            done.append(waiting.pop(0))
            tell(strategy, done[-1], convolutions(done[-1]))
    strategy.ask(1)
    return strategy, seen, done


def test_late_results_are_weighed_with_the_probability_they_were_drawn_with() -> None:
    strategy, seen, done = late_search("weigh")
    told = [then for _, batch in seen for then in batch]
    assert len(told) == 16 and strategy.updates == 4
    for at, work in enumerate(done[:16]):
        behind = at // 4 - work.origin["update"]
        assert told[at] == (work.origin["log_probability"] if behind else None)
    assert sum(then is not None for then in told) > 6


def test_a_little_late_may_count_as_new() -> None:
    _, seen, _ = late_search("weigh", fresh=2)
    assert all(then is None for _, batch in seen for then in batch)


def test_late_results_may_be_discarded_and_the_search_still_learns() -> None:
    strategy, seen, done = late_search("discard", trials=60)
    assert all(then is None for _, batch in seen for then in batch)
    assert 3 <= strategy.updates < len(done) // 4


def test_the_better_choices_become_likelier() -> None:
    strategy = Reinforce(SPACE, QUICK, 0)
    works = search(strategy, 300)
    early, end = (sum(map(convolutions, part)) / 50 for part in (works[:50], works[-50:]))
    assert early < 0.3 and end > 0.6


@pytest.mark.parametrize("update", ["reinforce", "ppo"])
@pytest.mark.parametrize("seed", range(10))
def test_a_bandit_with_one_best_answer_is_solved(update: str, seed: int) -> None:
    """Four decisions of two choices each: the best of the 16 gets a probability above 0.9; without rewards it stays."""
    space = NasBench201(channels=4, layers=1, ops=("skip_connect", "nor_conv_3x3"))
    options = replace(QUICK, update=update, batch=8, lr=0.06, passes=2)
    strategy, control = (Reinforce(space, options, seed) for _ in range(2))
    search(strategy, 320)
    search(control, 40, lambda work: 0.5)
    (best, rest) = (math.exp(one.controller.draw(one.choices.walk, None).log_probability) for one in (strategy, control))
    likeliest = strategy.choices.proposal(strategy.controller.draw(strategy.choices.walk, None).picks)
    assert set(operations(likeliest.architecture)) == {"nor_conv_3x3"} and best > 0.9 > 0.1 > rest


def test_a_known_network_may_be_drawn_again_instead_of_trained_again() -> None:
    space = NasBench201(channels=4, layers=1, ops=("skip_connect", "nor_conv_3x3"))
    distinct = [len({work.architecture for work in search(Reinforce(space, replace(QUICK, redraws=redraws), 0), 50)})
                for redraws in (0, 100)]
    assert distinct[0] < 40 < distinct[1]


def test_each_draw_says_why() -> None:
    strategy = Reinforce(SPACE, QUICK, 0)
    work = search(strategy, 40)[-1]
    assert work.origin["how"] == "controller" and work.origin["update"] == 9
    assert work.origin["why"].startswith("Drawn from the controller after 9 updates, which makes it")
    assert "its surest choice is edge_" in work.origin["why"]


def test_what_a_space_mends_is_learned_from_as_it_was_drawn() -> None:
    space = Fabric(layers=4, scales=4)
    strategy = Reinforce(space, QUICK, 0)
    works = search(strategy, 40, lambda work: Random(work.trial).random())
    mended = [work for work in works if "drawn" in work.origin]
    assert mended and len(mended) < len(works)
    for work in works:
        picks = strategy._picks(work)
        assert strategy.choices.proposal(picks).architecture == work.architecture
        assert ("drawn" in work.origin) == (strategy.choices.picks(strategy.choices.proposal(picks)) != picks)


def test_pictures_are_said_once_after_each_update() -> None:
    strategy, told = Reinforce(SPACE, QUICK, 0), []
    for trial in range(13):
        (asked,) = strategy.ask(1)
        told.append(strategy.tell(replace(asked, trial=trial), Outcome("done", trial / 20)))
    assert [trial for trial, events in enumerate(told) if events] == [4, 8, 12]
    reward, entropy, heat = told[8][0].data["pictures"]
    assert reward["values"]["mean"] == 0.275 and reward["values"]["baseline"] < 0.275
    assert 0 < entropy["values"]["entropy"] <= math.log(5) + 1e-3
    assert heat["columns"] == list(SPACE.ops) and len(heat["rows"]) == 6
    assert all(sum(row) == pytest.approx(1.0, abs=1e-3) for row in heat["values"])


def test_choices_of_several_kinds_are_numbered_and_inactive_ones_left_out() -> None:
    strategy = Reinforce(ConditionalChain(), QUICK, 0)
    heat = strategy._probabilities()
    assert heat["columns"][:2] == ["choice 1", "choice 2"] and heat["rows"][:3] == ["layers", "op_1", "width_1"]
    assert len(heat["values"][0]) == 6 and heat["values"][1][4:] == [None, None]


def test_the_state_holds_the_controller_bit_for_bit() -> None:
    strategy = Reinforce(SPACE, QUICK, 0)
    works = search(strategy, 22)
    state = json.loads(json.dumps(strategy.state_dict()))
    restored = Reinforce(SPACE, QUICK, 0)
    for work in works:
        assert restored.tell(work, Outcome("done", convolutions(work))) == []
    assert restored.updates == 0
    restored.load_state_dict(state)
    assert search(restored, 30, first=22) == search(strategy, 30, first=22)
    assert restored.state_dict() == strategy.state_dict()


def test_before_the_first_update_there_is_nothing_to_keep() -> None:
    strategy = Reinforce(SPACE, QUICK, 0)
    strategy.ask(3)
    assert strategy.state_dict() == {"proposed": 3, "heard": 0, "updates": 0, "explained": 0, "learned": None}


def test_a_restart_after_ten_thousand_trials_waits_for_the_last_outcomes_only() -> None:
    entry = discover("strategies")["reinforce"]
    options = parse(entry.options, {"preset": "paper"}, presets=entry.presets)
    strategy = Reinforce(SPACE, options, 0)
    (work,) = strategy.ask(1)
    state = {**strategy.state_dict(), "proposed": 10_000, "heard": 9_992}
    for trial in range(9_999):
        strategy.tell(replace(work, trial=trial), Outcome("done", 0.5))
    strategy.load_state_dict(state)
    strategy.ask(1)
    assert len(strategy.results) == 7 and strategy.state_dict()["heard"] == 9_992


def test_presets_are_the_two_papers() -> None:
    entry = discover("strategies")["reinforce"]
    paper, ppo = (parse(entry.options, {"preset": name}, presets=entry.presets) for name in ("paper", "ppo"))
    assert (paper.depth, paper.units, paper.lr, paper.scale, paper.batch) == (2, 35, 6e-4, 0.08, 8)
    assert (ppo.update, ppo.depth, ppo.units, ppo.lr, ppo.scale, ppo.batch) == ("ppo", 1, 100, 3.5e-4, 0.1, 20)
    assert (ppo.clip, ppo.entropy, ppo.baseline) == (0.2, 1e-5, 0.95)
    assert Options() == replace(paper, clip=0.2) and discover("strategies")["reinforce"].needs == {"parameters", "finite"}
