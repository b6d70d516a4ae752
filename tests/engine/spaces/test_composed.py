"""Joint spaces: both halves are searched, each keeps its rules, and the training reads what was proposed."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.architecture import genotype
from engine.architecture.architecture import Proposal
from engine.errors import Invalid
from engine.events import Event
from engine.options import document
from engine.run import run
from engine.search import Search
from engine.spec import parse, parse_space
from engine.strategies.aging_evolution import AgingEvolution
from engine.strategies.aging_evolution import Options as Aging
from engine.work import Candidate, Outcome

CHAIN = {"kind": "chain", "min_layers": 1, "max_layers": 2, "types": ["conv", "max_pool"], "kernels": [3], "channels": [4],
         "strides": [1], "pool_kernels": [3], "pool_strides": [1], "hidden": [0]}
SGD = {"name": "optimizer", "kind": "categorical", "choices": ["sgd", "adamw"]}
NESTEROV = {"name": "nesterov", "kind": "categorical", "choices": [True, False],
            "when": [{"name": "optimizer", "among": ["sgd"]}]}
BATCH = {"name": "batch_size", "kind": "integer", "low": 16, "high": 18}
LR = {"name": "lr", "kind": "real", "low": 1e-3, "high": 0.1, "prior": "log"}
seeds = st.integers(0, 10**9)


def space_of(*hyper: Any, architecture: Any = CHAIN) -> Any:
    return parse_space({"kind": "composed", "architecture": architecture, "hyper": list(hyper)})[1]


FINITE = space_of(NESTEROV, SGD, BATCH)                 # written child first
JOINT = space_of(SGD, NESTEROV, BATCH, LR)


def fault(**given_options: Any) -> str:
    with pytest.raises(Invalid) as caught:
        parse_space({"kind": "composed", **given_options}, "/space")
    assert all(problem.reason for problem in caught.value.problems)
    return caught.value.problems[0].path


def test_the_size_counts_both_halves_and_has_no_number_with_reals() -> None:
    assert FINITE.inner.size() == 2 + 4 and FINITE.size() == 6 * (2 + 1) * 3
    assert JOINT.size() is None
    assert space_of().size() == 6


def test_a_finite_joint_space_is_covered_by_draws_and_by_neighbours() -> None:
    drawn = {json.dumps(FINITE.sample(Random(k)).document(), sort_keys=True) for k in range(2000)}
    assert len(drawn) == FINITE.size()
    seen, waiting = set(), [FINITE.sample(Random(0))]
    while waiting:
        proposal = waiting.pop()
        name = json.dumps(proposal.document(), sort_keys=True)
        if name not in seen:
            seen.add(name)
            waiting += FINITE.neighbour_proposals(proposal)
    assert seen == drawn


@given(seeds)
def test_exactly_the_training_decisions_whose_conditions_hold_are_there(seed: int) -> None:
    one, *many = [JOINT.sample(Random(seed)), *JOINT.sample_many(Random(seed), 20)]
    for proposal in (one, *many):
        assert JOINT.contains(proposal.architecture) and proposal.architecture.kind == "chain"
        assert ("nesterov" in proposal.hyper) == (proposal.hyper["optimizer"] == "sgd")
        assert JOINT.parse_proposal(json.loads(json.dumps(proposal.document()))) == proposal


@given(seeds)
def test_the_vector_holds_both_halves(seed: int) -> None:
    proposal = JOINT.sample(Random(seed))
    numbers = JOINT.proposal_vector(proposal)
    assert len(numbers) == len(JOINT.parameters())
    assert JOINT.proposal_from_vector(numbers) == proposal
    assert JOINT.proposal_from_vector([0.0 if math.isnan(n) else n for n in numbers]) == proposal


def test_a_mutation_moves_either_half_never_both_each_decision_as_often() -> None:
    proposal = Proposal(JOINT.parse({"layers": 1, "block_1_type": "conv", "block_1_kernel": 3, "block_1_channels": 4,
                                     "block_1_stride": 1, "hidden": 0}),
                        {"optimizer": "sgd", "nesterov": True, "batch_size": 17, "lr": 0.01})
    moved: Counter[str] = Counter()
    for k in range(1200):
        mutant = JOINT.mutate_proposal(proposal, Random(k))
        JOINT.parse_proposal(mutant.document())
        if mutant.architecture != proposal.architecture:
            assert mutant.hyper == proposal.hyper
            moved["architecture"] += 1
        else:
            changed = [name for name in proposal.hyper if mutant.hyper.get(name) != proposal.hyper[name]]
            assert changed in (["optimizer", "nesterov"], ["nesterov"], ["batch_size"], ["lr"])
            moved[changed[0]] += 1
    assert set(moved) == {"architecture", "optimizer", "nesterov", "batch_size", "lr"}
    assert 330 < moved["architecture"] < 470            # layers and block_1_type: two of six decisions
    assert all(150 < moved[name] < 250 for name in ("optimizer", "nesterov", "batch_size", "lr"))


def test_the_identity_belongs_to_the_architecture() -> None:
    a, b = JOINT.sample(Random(1)), JOINT.sample(Random(2))
    twin = Proposal(a.architecture, b.hyper)
    assert JOINT.canonical(twin.architecture) == JOINT.canonical(a.architecture) == JOINT.inner.canonical(a.architecture)
    assert twin.architecture.encoding_id == JOINT.inner.parse(a.architecture.genotype).encoding_id


def test_a_document_written_out_makes_the_same_space() -> None:
    written = json.loads(json.dumps({"kind": "composed", **document(FINITE)}))
    assert parse_space(written)[1] == FINITE and hash(parse_space(written)[1]) == hash(FINITE)
    assert [row["name"] for row in written["hyper"]] == ["optimizer", "nesterov", "batch_size"]
    assert written["architecture"]["min_layers"] == 1 and "dropout" in written["architecture"]


@pytest.mark.parametrize(("architecture", "place"), [
    (None, "/kind"), ("chain", "/kind"), ({}, "/kind"), ({"kind": "nothing"}, "/kind"), ({"kind": []}, "/kind"),
    ({"kind": "composed"}, "/kind"), ({"kind": "chain", "max_layers": 99}, "/max_layers"),
    ({"kind": "chain", "kernels": [2]}, "/kernels"), ({"kind": "chain", "extra": 1}, "/extra"),
])
def test_a_wrong_inner_space_is_named_at_its_place(architecture: Any, place: str) -> None:
    assert fault(architecture=architecture).startswith("/space/architecture")
    if isinstance(architecture, dict):
        assert fault(architecture=architecture) == f"/space/architecture{place}"


@pytest.mark.parametrize(("row", "place"), [
    ({**LR, "name": "learning_rate"}, "/name"), ({**LR, "name": "checkpoint_seconds"}, "/name"),
    ({**LR, "name": "early_stop"}, "/name"), ({**LR, "high": 100.0}, "/high"), ({**LR, "low": 1e-9}, "/low"),
    ({**LR, "name": "batch_size", "low": 16.0, "high": 32.0}, "/kind"), ({**LR, "name": "optimizer"}, "/kind"),
    ({**LR, "name": "nesterov"}, "/kind"), ({**SGD, "choices": ["sgd", "lion"]}, "/choices/1"),
    ({"name": "lr", "kind": "categorical", "choices": [0.1, 99.0]}, "/choices/1"),
    ({"name": "lr", "kind": "categorical", "choices": [0.1, None]}, "/choices/1"), ({**BATCH, "low": 1}, "/low"),
    ({**LR, "low": math.nan}, "/low"), ({**LR, "when": [{"name": "nobody", "among": [1]}]}, "/when/0/name"),
    ({**LR, "when": [{"name": "lr", "at_least": 0.1}]}, "/when"),
])
def test_training_decisions_stay_within_the_options_of_training(row: dict[str, Any], place: str) -> None:
    assert fault(hyper=[row]) == f"/space/hyper/0{place}"


def test_a_fault_keeps_the_place_it_was_written_at() -> None:
    assert fault(hyper=[NESTEROV, {**SGD, "choices": ["sgd", "lion"]}]) == "/space/hyper/1/choices/1"


def test_none_may_be_chosen_where_the_option_may_be_empty() -> None:
    clip = {"name": "clip", "kind": "categorical", "choices": [None, 1.0]}
    assert {space_of(clip).sample(Random(k)).hyper["clip"] for k in range(20)} == {None, 1.0}


def spec_of(strategy: str, space: Any, trials: int, **estimation: Any) -> Any:
    return parse({"space": {"kind": "composed", **document(space)}, "dataset": {"name": "digits", "train_limit": 200},
                  "strategy": {"name": strategy, "preset": "cpu"}, "finals": {"top": 1},
                  "estimation": {"name": "scratch", "epochs": 1, **estimation}, "budget": {"trials": trials}})


def test_random_search_tells_trainings_apart_and_ends_when_all_were_tried() -> None:
    search = Search(spec_of("random_search", FINITE, 500))
    while not search.finished:
        for work in search.ready():
            search.report(work, Outcome("done", 0.5))
    own = [w for w in search.items if isinstance(w, Candidate) and w.final_of is None]
    assert len(own) == FINITE.size()
    assert len({w.architecture.encoding_id for w in own}) == FINITE.inner.size()


def test_evolution_finds_training_decisions_too() -> None:
    """The score depends on nothing but the batch size and the optimizer."""
    wide = space_of(SGD, {**BATCH, "high": 200}, architecture={"kind": "nas_bench_201"})
    strategy = AgingEvolution(wide, Aging(population=20, sample=5, identity=0.0), 3)
    best = []
    for trial in range(400):
        (work,) = strategy.ask(1)
        assert isinstance(work, Candidate)
        value = work.hyper["batch_size"] / 200 * (0.5 if work.hyper["optimizer"] == "sgd" else 1.0)
        strategy.tell(Candidate(work.architecture, work.hyper, trial=trial), Outcome("done", value))
        best.append(value)
    assert max(best) > 0.95 and sum(best[-50:]) > sum(best[:50]) + 10


def test_what_was_proposed_is_how_it_is_trained(tmp_path: Path) -> None:
    hyper = [{"name": "epochs", "kind": "categorical", "choices": [2, 3]}, LR]
    said: list[Event] = []
    found = run(spec_of("random_search", space_of(*hyper), 3), tmp_path, tmp_path / "data", "cpu", said.append)
    for work in found.items:
        assert isinstance(work, Candidate)
        outcome = found.outcomes[work.trial]
        assert outcome.ok and len(outcome.metrics["curve"]) == outcome.spend["epochs"] == work.hyper["epochs"]
    final = found.items[-1]
    assert isinstance(final, Candidate) and final.final_of is not None
    original = found.items[final.final_of]
    assert isinstance(original, Candidate) and final.hyper == original.hyper


def test_a_space_without_training_decisions_mutates_as_its_inner_space_does() -> None:
    plain = space_of()
    proposal = plain.sample(Random(5))
    assert plain.mutate_proposal(proposal, Random(9)).architecture == plain.inner.mutate(proposal.architecture, Random(9))
    assert genotype.sample((), Random(0)) == proposal.hyper == {}
