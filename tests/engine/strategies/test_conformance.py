"""What every strategy has to do, in every space that it is compatible with. Outcomes are made up, nothing is trained.

In every pair: proposals lie in the space, and a search cut anywhere goes on as if it had not been. The rest is tried on a
space of each form of genotype (FORMS); `make conformance` tries all of it on every pair.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from engine import options
from engine.events import Event
from engine.registry import discover
from engine.search import Search
from engine.spec import Spec, incompatible, parse, reads, unreadable
from engine.work import Candidate, Outcome, SupernetEpoch, Weights, Work, work_from

TRIALS, SHORT = 25, 16
PAIRS = [(strategy, space) for strategy in discover("strategies") for space in discover("spaces")
         if not incompatible(strategy, space)]
FORMS = {"chain", "nas_bench_201", "mlp", "composed", "cell"}
# Strategies that think for long are tried on fewer of them.
LONG_THOUGHTS = {"nasbot": {"chain"}, "arc_gp": {"chain", "composed"}}
ELSEWHERE = {strategy for strategy, _ in PAIRS} - {strategy for strategy, space in PAIRS if space in FORMS}
MATRIX = [pair for pair in PAIRS if pair[1] in FORMS & LONG_THOUGHTS.get(pair[0], FORMS) or pair[0] in ELSEWHERE
          or os.environ.get("NASWEB_CONFORMANCE") == "all"]
ALL = pytest.mark.parametrize(("strategy", "space"), MATRIX)
READ = ("digits", "iris", "stdlib_text")              # a dataset of each kind
# Spaces with few architectures, by kind: what a strategy asks for when there is nothing new.
SMALL: dict[str, list[dict[str, Any]]] = {
    "recurrent_cell": [{"nodes": 1, "activations": ["tanh"]}, {"form": "enas", "nodes": 3, "activations": ["tanh", "relu"]}],
    "nas_bench_201": [{"ops": ["none"]}, {"ops": ["none", "skip_connect"], "channels": 1, "layers": 1}],
    "darts_cell": [{"nodes": 1, "ops": ["none", "skip_connect"], "channels": 4, "layers": 1},
                   {"nodes": 1, "ops": ["skip_connect", "sep_conv_3x3"], "channels": 4, "layers": 1}],
    "cell": [{"blocks": 1, "ops": ["identity"], "cells": "one", "channels": 4, "layers": 1, "reductions": 1},
             {"blocks": 1, "ops": ["identity", "conv_1x1"], "cells": "one", "channels": 4, "layers": 1, "reductions": 1}],
    "chain": [{"min_layers": 1, "max_layers": 1, "types": ["conv"], "kernels": [3], "channels": [4], "strides": [1],
               "hidden": [0]},
              {"min_layers": 1, "max_layers": 3, "types": ["conv", "max_pool"], "kernels": [3], "channels": [4],
               "strides": [1], "pool_kernels": [3], "pool_strides": [1], "hidden": [0]}],
    "multi_branch": [{"layers": 1, "heights": [3], "widths": [3], "filters": [4], "strides": [1]},
                     {"layers": 3, "heights": [3], "widths": [1, 3], "filters": [4], "strides": [1]}],
    "slimmable": [{"stages": 1, "channels": 8, "depths": [1], "kernels": [3], "expansions": [2]},
                  {"stages": 2, "channels": 8, "depths": [1], "kernels": [3, 5], "expansions": [2, 3]}],
    "fabric": [{"layers": 2, "scales": 1}, {"layers": 2, "scales": 2, "members": "subgraphs"}],
    "composed": [{"architecture": {"kind": "nas_bench_201", "ops": ["none"]}, "hyper": []},
                 {"architecture": {"kind": "nas_bench_201", "ops": ["none", "skip_connect"], "channels": 1, "layers": 1},
                  "hyper": [{"name": "nesterov", "kind": "categorical", "choices": [True, False]}]}],
    "enas_macro": [{"layers": 1, "channels": 2, "ops": ["conv_3x3"]}, {"layers": 3, "channels": 2, "ops": ["conv_3x3"]}],
    "enas_micro": [{"nodes": 1, "ops": ["identity"], "channels": 2, "layers": 1},
                   {"nodes": 1, "ops": ["max_pool_3x3"], "channels": 2, "layers": 1}],
    "hierarchical": [{"motifs": 1, "motif_nodes": 2, "cell_nodes": 2, "ops": ["identity"], "channels": 2},
                     {"motifs": 1, "motif_nodes": 2, "cell_nodes": 3, "ops": ["conv_1x1", "identity"], "channels": 2}],
    "memory_bank": [{"blocks": 1, "banks": 2, "channels": 2, "ops": 1, "kernels": [3], "dilations": [1], "groups": [1],
                     "units": [1]},
                    {"blocks": 1, "banks": 2, "channels": 2, "ops": 2, "kernels": [3], "dilations": [1], "groups": [1],
                     "units": [1]}],
}
FINITE = pytest.mark.parametrize(("strategy", "space"), [pair for pair in MATRIX if pair[1] in SMALL])
CPU = {"preset": "cpu"}
# Those that train a supernet before they propose, and propose no more than what they learned to be worth a score.
SHARING = {name for name, entry in discover("strategies").items() if "supernet" in entry.facts["asks"]}
THINKERS = list({strategy: (strategy, space) for strategy, space in reversed(MATRIX) if strategy not in SHARING}.values())
EPOCHS = 4                                            # of their supernets, here
ROUNDS = 3                                            # of removals, where a method derives by them
# Where a strategy needs more of a space than its kind offers in general.
FITTING: dict[tuple[str, str], dict[str, Any]] = {
    ("pnas", "cell"): {"preset": "cpu", "cells": "one", "min_blocks": 1, "ops": ["conv_1x1", "identity", "avg_pool_3x3"]}}
Verdict = Callable[[Work], Outcome]


def widely(*names: str, first: tuple[Any, ...], others: list[tuple[Any, ...]]) -> pytest.MarkDecorator:
    """The first values in every pair, the others in the matrix."""
    cases = [(*pair, *first) for pair in PAIRS] + [(*pair, *values) for values in others for pair in MATRIX]
    return pytest.mark.parametrize(("strategy", "space", *names), cases)


def spec_of(strategy: str, space: str, *, seed: int = 0, chosen: dict[str, Any] | None = None,
            points: dict[str, Any] | None = None, slots: int = 1, **budget: Any) -> Spec:
    data = next(name for name in READ if not unreadable(reads(space), name))
    chosen_space = {"kind": space, **(points or FITTING.get((strategy, space), CPU))}
    short = {"epochs": EPOCHS} if strategy in SHARING else {}
    return parse({"space": chosen_space, "dataset": {"name": data}, "seed": seed,
                  "strategy": {"name": strategy, **({"preset": "cpu", **short} if chosen is None else chosen)},
                  "budget": budget or {"trials": TRIALS}, "execution": {"slots": slots}})


def scored(work: Work) -> Outcome:
    """A fixed function of the architecture."""
    assert isinstance(work, Candidate)
    return Outcome("done", int(work.architecture.encoding_id, 16) % 9973 / 9973, spend={"epochs": 1.0, "seconds": 1.0})


def learned(spec: Spec, work: SupernetEpoch) -> Outcome:
    """An epoch of a supernet that nobody trained: what its payload may hold is a fixed function of seed and number."""
    rng = random.Random(1000 * spec.seed + work.index)
    if not hasattr(spec.space, "supernet"):            # its choices are slices
        payload = {"train_loss": 1.0, "valid_loss": 1.5, "valid_score": 0.5,
                   "derived": spec.space.sample(rng).architecture.document()}
        return Outcome("done", 0.5, "shared", spend={"epochs": 1.0, "seconds": 1.0}, payload=payload)
    shape = discover("datasets")[spec.dataset.name].facts["shape"]
    tables = spec.space.supernet(shape, 10).tables
    chances = {name: [[rng.random() for _ in table.ops] for _ in table.edges] for name, table in tables.items()}
    derived = spec.space.derived(chances)
    payload = {"train_loss": 1.0 / (1 + work.index), "train_score": 0.5, "valid_loss": 1.5 / (1 + work.index),
               "valid_score": 0.5,
               "tables": {name: {"edges": list(t.edges), "ops": list(t.ops)} for name, t in tables.items()},
               "alphas": {name: {"softmax": rows, "raw": rows} for name, rows in chances.items()}, "strengths": chances,
               "left": {name: [list(range(len(t.ops))) for _ in t.edges] for name, t in tables.items()},
               "entropy": {name: [1.0] * len(rows) for name, rows in chances.items()},
               "rounds": ROUNDS, "agreed": 0, "answered": 1, "without": chances,
               "derived": derived.document(), "skips": spec.space.skips(derived), "curvature": 1.0}
    return Outcome("done", 0.5, "shared", spend={"epochs": 1.0, "seconds": 1.0}, payload=payload)


def judged(spec: Spec, work: Work, verdict: Verdict) -> Outcome:
    """Supernets fail where every trial fails, and are spared where only some do, so that more than their start is tried."""
    return learned(spec, work) if isinstance(work, SupernetEpoch) and verdict is not failed else verdict(work)


def failed(work: Work) -> Outcome:
    return Outcome("failed", metrics={"error": "made up"})


def mixed(work: Work) -> Outcome:
    """Failures of every kind among the successes."""
    verdicts = (scored(work), failed(work), Outcome("done", float("nan")), Outcome("pruned", 0.9), Outcome("done"))
    return verdicts[work.trial % 5]


def drive(search: Search, verdict: Verdict = scored, steps: int = 5_000) -> list[Event]:
    """To the end; more than `steps` steps are a hang."""
    said: list[Event] = []
    for _ in range(steps):
        search.ready()
        said += search.drain()
        work = next((w for w in search.items if w.trial not in search.outcomes), None)
        if work is None:
            assert search.finished
            return said
        search.report(work, judged(search.spec, work, verdict))
    raise AssertionError(f"no end after {steps} steps")


def documents(search: Search) -> list[dict[str, Any]]:
    return [work.document() for work in search.items]


def own(search: Search) -> list[Candidate]:
    """What the strategy itself asked for."""
    return [w for w in search.items if isinstance(w, Candidate) and w.final_of is None]


def enough(search: Search, verdict: Verdict = scored, trials: int = TRIALS) -> bool:
    """The budget is used up; or, with shared weights, all epochs came (or those until an alarm about skips), something was
    ranked where they succeeded, and what inherits weights came after it."""
    if search.spec.strategy.name not in SHARING:
        return len(own(search)) == trials
    epochs = [work for work in search.items if isinstance(work, SupernetEpoch)]
    assert [work.index for work in epochs] == list(range(len(epochs))) and search.items[:len(epochs)] == epochs
    assert [work.continues for work in epochs] == [None, *(work.trial for work in epochs[:-1])]
    if verdict is failed:
        return len(epochs) == 1 and not own(search)
    source = "generated" if "generated" in discover("strategies")[search.spec.strategy.name].facts["asks"] else "shared"
    shared = [work for work in own(search) if work.weights == Weights(source, epochs[-1].trial)]
    heirs = [work for work in own(search) if work.weights == Weights("inherit", epochs[-1].trial)]
    o, last = search.spec.strategy.options, search.outcomes[len(epochs) - 1].payload
    stopped = getattr(o, "early_stop", "no") == "skips" and last["skips"] >= o.stop_skips
    removing = getattr(o, "derivation", "magnitude") == "perturbation"
    wanted = o.epochs + (ROUNDS * o.tuning_epochs if removing else 0)
    return (stopped or len(epochs) == wanted) and 1 <= len(shared) and shared + heirs == own(search) and len(
        own(search)) <= trials


def test_there_are_strategies_to_test() -> None:
    assert {"random_search", "aging_evolution"} <= {strategy for strategy, _ in PAIRS}


@widely("verdict", first=(mixed,), others=[(scored,), (failed,)])
def test_proposals_lie_in_the_space_and_are_data(strategy: str, space: str, verdict: Verdict) -> None:
    search = Search(spec_of(strategy, space))
    drive(search, verdict)
    assert enough(search, verdict)
    for work in search.items:
        if isinstance(work, Candidate):
            assert search.spec.space.contains(work.architecture)
            assert search.spec.space.parse(work.architecture.genotype) == work.architecture
        assert work_from(json.loads(json.dumps(work.document(), allow_nan=False))) == work


@ALL
def test_parents_are_earlier_trials(strategy: str, space: str) -> None:
    search = Search(spec_of(strategy, space, slots=3))
    drive(search, mixed)
    assert all(parent < work.trial for work in own(search) for parent in work.parents)


@ALL
@pytest.mark.parametrize("budget", [{"trials": 7}, {"trials": None, "epochs": 7}, {"trials": None, "seconds": 7.0}])
def test_it_ends_within_budget(strategy: str, space: str, budget: dict[str, Any]) -> None:
    search = Search(spec_of(strategy, space, **budget))
    drive(search)
    if strategy in SHARING:
        spent = {name: sum(o.spend.get(name, 0.0) for o in search.outcomes.values()) for name in ("epochs", "seconds")}
        assert len(own(search)) <= 7 and all(spent[name] <= 7 + 1 for name in spent if budget.get(name))
    else:
        assert len(own(search)) == 7


@pytest.mark.parametrize("strategy", sorted(SHARING))
def test_a_budget_that_ends_before_anything_is_ranked_still_gives_a_final(strategy: str) -> None:
    """Of what the newest epoch stood for, where it stood for something."""
    space = "nas_bench_201" if (strategy, "nas_bench_201") in PAIRS else next(s for name, s in PAIRS if name == strategy)
    search = Search(spec_of(strategy, space, trials=None, epochs=2))
    drive(search)
    kinds = [type(work) for work in search.items]
    assert kinds == [SupernetEpoch, SupernetEpoch, Candidate]
    final = search.items[-1]
    assert isinstance(final, Candidate) and final.final_of == 1 and search.best is not None


def test_only_spaces_without_an_end_have_no_small_one() -> None:
    for kind in {space for _, space in PAIRS} - set(SMALL):
        assert spec_of("random_search", kind).space.size() is None


@FINITE
@pytest.mark.parametrize(("few", "verdict"), [(0, scored), (1, mixed), (0, failed)])
def test_an_exhausted_space_is_no_hang(strategy: str, space: str, few: int, verdict: Verdict) -> None:
    spec = spec_of(strategy, space, points=SMALL[space][few], trials=150, slots=2)
    search = Search(spec)
    drive(search, verdict)
    least = 0 if strategy in SHARING and verdict is failed else 1
    assert spec.space.size() < 150 and least <= len(own(search)) <= 150


@ALL
@pytest.mark.parametrize("slots", [1, 2, 7])
def test_no_more_is_asked_than_there_are_slots(strategy: str, space: str, slots: int) -> None:
    spec = spec_of(strategy, space)
    fresh = discover("strategies")[strategy].factory(spec.space, spec.strategy.options, 0)
    assert 1 <= len(fresh.ask(slots)) <= slots


@ALL
def test_the_strategy_alone_cannot_tell_one_ask_from_many(strategy: str, space: str) -> None:
    """Without an outcome between them, n asks for one equal one ask for n."""
    spec, make = spec_of(strategy, space), discover("strategies")[strategy].factory
    together, apart = (make(spec.space, spec.strategy.options, 3) for _ in range(2))
    assert together.ask(6) == [work for _ in range(6) for work in apart.ask(1)]


@ALL
def test_state_is_json_and_no_history(strategy: str, space: str) -> None:
    sizes = []
    for trials in (30, 120):
        search = Search(spec_of(strategy, space, trials=trials))
        drive(search)
        sizes.append(len(json.dumps(search.strategy.state_dict(), allow_nan=False)))
    assert sizes[1] <= sizes[0] + 20


@widely("slots", "verdict", first=(3, mixed), others=[(1, scored)])
def test_resumed_at_every_cut_it_equals_the_unbroken_search(strategy: str, space: str, slots: int, verdict: Verdict) -> None:
    spec = spec_of(strategy, space, slots=slots, trials=SHORT)
    unbroken, cut = Search(spec), Search(spec)
    drive(unbroken, verdict)
    while not cut.finished:
        cut.ready()
        rows = [(work_from(json.loads(json.dumps(w.document()))), cut.outcomes.get(w.trial)) for w in cut.items]
        cut = Search.restore(spec, rows, json.loads(json.dumps(cut.state_dict())))
        work = next((w for w in cut.items if w.trial not in cut.outcomes), None)
        if work is not None:
            cut.report(work, judged(spec, work, verdict))
    assert documents(cut) == documents(unbroken)


def titles(events: list[Event]) -> set[str]:
    return {picture["title"] for event in events if event.type == "strategy" for picture in event.data.get("pictures", ())}


@pytest.mark.parametrize(("strategy", "space"), THINKERS)
def test_every_proposal_says_why_and_a_search_taken_up_again_shows_all_that_it_would_have(strategy: str, space: str) -> None:
    """Every step may fall to a process that was not there before."""
    spec = spec_of(strategy, space, trials=SHORT)
    unbroken, cut, said = Search(spec), Search(spec), list[Event]()
    expected = titles(drive(unbroken))
    for work in own(unbroken):
        assert str(work.origin.get("why", "")).endswith("."), work.origin
    while not cut.finished:
        cut = Search.restore(spec, [(w, cut.outcomes.get(w.trial)) for w in cut.items], cut.state_dict())
        if (work := next((w for w in cut.items if w.trial not in cut.outcomes), None)) is not None:
            cut.report(work, judged(spec, work, scored))
        cut.ready()
        said += cut.drain()
    assert titles(said) == expected and (expected or strategy == "random_search")


@ALL
def test_the_seed_decides_and_nothing_else(strategy: str, space: str) -> None:
    before = random.getstate()
    searches = []
    for seed, noise in ((5, 1), (5, 2), (6, 1)):
        random.seed(noise)
        search = Search(spec_of(strategy, space, seed=seed))
        drive(search)
        searches.append(documents(search))
    random.setstate(before)
    assert searches[0] == searches[1] != searches[2]


@ALL
def test_no_global_randomness_is_used(strategy: str, space: str) -> None:
    before = random.getstate()
    drive(Search(spec_of(strategy, space)))
    assert random.getstate() == before


@ALL
def test_what_it_says_is_small_data(strategy: str, space: str) -> None:
    search = Search(spec_of(strategy, space))
    for event in drive(search, mixed):
        assert len(json.dumps(event.document(), allow_nan=False)) < 4096


def extremes(strategy: str, space: str) -> list[dict[str, Any]]:
    """The defaults, each preset, the smallest numbers, and every choice that suits the space."""
    entry = discover("strategies")[strategy]
    declared = options.options_of(entry.options)
    found: list[dict[str, Any]] = [{}, *({"preset": preset} for preset in entry.presets)]
    found.append({name: option.low for name, option in declared.items() if option.kind in ("integer", "real")})
    for name, option in declared.items():
        values = (False, True) if option.kind == "flag" else option.choices if option.kind == "choice" else ()
        found += [{"preset": "cpu", name: value} for value in values]
    return [chosen for chosen in found if not unsuited(entry, space, chosen)]


def unsuited(entry: Any, space: str, chosen: dict[str, Any]) -> bool:
    suits = getattr(options.parse(entry.options, chosen, presets=entry.presets), "suits", None)
    return suits is not None and any(suits(space))


@ALL
def test_defaults_presets_smallest_options_and_every_choice_work(strategy: str, space: str) -> None:
    assert {"paper", "cpu"} <= set(discover("strategies")[strategy].presets)
    for chosen in extremes(strategy, space):
        search = Search(spec_of(strategy, space, chosen=chosen, trials=SHORT))
        drive(search, mixed)
        assert enough(search, mixed, SHORT)
