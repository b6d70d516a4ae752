"""Derivation by perturbation: planted operations are found against the alphas, each node keeps two edges."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine.nets.mixture import Learning, Mixture
from engine.nets.partial import Partial
from engine.nets.perturbation import Perturbation
from engine.nets.supernet import Choice
from engine.phases import Site
from engine.spec import parse_space

torch.set_num_threads(1)
SPACES: dict[str, dict[str, Any]] = {
    "darts_cell": {"kind": "darts_cell", "preset": "cpu", "nodes": 3, "layers": 3, "channels": 4},
    "nas_bench_201": {"kind": "nas_bench_201", "preset": "table"}}
EACH = pytest.mark.parametrize("kind", list(SPACES))
SHAPE = (1, 8, 8)
OPTIONS = SimpleNamespace(derivation="perturbation")
SKIP, CONV = 2, 3                                       # columns of the DARTS cell here


def site(kind: str, **settings: Any) -> Site:
    return Site(parse_space(SPACES[kind])[1], OPTIONS, SHAPE, 10, 0, settings=settings)


def made(kind: str, parts: int | None = None, **settings: Any) -> Mixture:
    torch.manual_seed(0)
    learning = Learning(0.1, (0.5, 0.999), 0.0)
    return Partial(site(kind, **settings), learning, parts) if parts else Mixture(site(kind, **settings), learning)


class Step:
    """An opening step; accuracy is the usefulness of all that takes part, as it was planted."""

    closing, epoch = True, 5

    def __init__(self, position: int, useful: dict[str, list[list[float]]]) -> None:
        self.position, self.useful = position, useful
        self.seen: Choice | None = None

    def score(self, choice: Choice) -> float:
        self.seen = choice
        return sum(self.useful[name][row][k] for name in self.useful for row, columns in enumerate(choice.path[name])
                   for k in columns)


def planted(mixture: Mixture, seed: int = 0) -> dict[str, list[list[float]]]:
    generator = torch.Generator().manual_seed(seed)
    assert mixture.removals
    return {name: torch.rand(len(table.edges), len(table.ops), generator=generator).tolist()
            for name, table in mixture.removals.tables.items()}


def decided(kind: str, useful: dict[str, list[list[float]]], parts: int | None = None) -> Mixture:
    """All rounds, each by a sampler of its own that takes over the state, with alphas that say the opposite."""
    mixture = made(kind, parts)
    with torch.no_grad():
        for name, rows in useful.items():
            mixture.alphas.tables[name].copy_(-5 * torch.tensor(rows))
    assert mixture.removals
    for number in range(len(mixture.removals.rounds)):
        state, mixture = deepcopy(mixture.state_dict()), made(kind, parts, tuning=True, round=number)
        mixture.load_state_dict(state)
        for position in range(mixture.opening):
            step: Any = Step(position, useful)
            mixture.learn(step)
    return mixture


@EACH
@pytest.mark.parametrize("parts", [None, 2])
def test_the_planted_operation_stays_although_its_alpha_is_the_smallest(kind: str, parts: int | None) -> None:
    mixture = made(kind, parts)
    useful = planted(mixture)
    mixture = decided(kind, useful, parts)
    assert mixture.removals and mixture.removals.complete
    usable = mixture.removals.columns
    best = {name: [max(usable[name], key=row.__getitem__) for row in rows] for name, rows in useful.items()}
    for name, rows in mixture.removals.left.items():
        assert all(kept in ([], [best[name][row]]) for row, kept in enumerate(rows))
    step: Any = None
    found = mixture.report(step)
    path = mixture.space.path(mixture.space.parse(found["derived"]["genotype"]))
    assert path == {name: tuple(map(tuple, rows)) for name, rows in mixture.removals.left.items()}
    assert found["answered"] == sum(map(len, useful.values())) and found["agreed"] == 0
    by_alphas = mixture.space.derived(mixture.derive(mixture.alphas)).document()
    assert by_alphas != found["derived"]


def test_each_node_keeps_the_two_edges_whose_removal_costs_most() -> None:
    mixture = made("darts_cell")
    useful = planted(mixture, 3)
    mixture = decided("darts_cell", useful)
    assert mixture.removals
    for name, rows in useful.items():
        worth = [max(row[1:]) for row in rows]
        for node in ((0, 1), (2, 3, 4), (5, 6, 7, 8)):
            kept = [row for row in node if mixture.removals.left[name][row]]
            assert len(kept) == 2 and min(worth[row] for row in kept) >= max([worth[r] for r in node if r not in kept] + [0])


@EACH
def test_a_round_asks_one_question_of_each_table_and_all_come_once(kind: str) -> None:
    mixture = made(kind)
    assert mixture.removals
    rounds = mixture.removals.rounds
    asked = [(question.table, row) for questions in rounds for question in questions if question.columns
             for row in question.rows]
    assert sorted(asked) == sorted((name, row) for name, rows in planted(mixture).items() for row in range(len(rows)))
    assert all(len({question.table for question in questions}) == len(questions) for questions in rounds)
    nodes = [question for questions in rounds for question in questions if not question.columns]
    assert len(nodes) == (4 if kind == "darts_cell" else 0) and len(rounds) == {"darts_cell": 9 + 2}.get(kind, 6)
    assert [row for _, row in asked] != sorted(row for _, row in asked)                 # in a random order
    none = 0 if kind == "darts_cell" else None
    assert all(none not in question.columns for questions in rounds for question in questions)
    again = Perturbation(site(kind), lambda path: path)
    assert again.rounds == rounds


@EACH
def test_a_step_removes_one_thing_and_renormalises_nothing(kind: str) -> None:
    mixture = made(kind, tuning=True, round=0)
    assert mixture.removals
    [question, *_] = mixture.removals.now
    whole = mixture.supernet.relaxed.everything
    for position, column in enumerate(question.columns):
        step: Any = Step(position, planted(mixture))
        mixture.learn(step)
        [row] = question.rows
        for name, rows in step.seen.path.items():
            assert [set(a) - set(b) for a, b in zip(whole[name], rows, strict=True)] == [
                {column} if (name, at) == (question.table, row) else set() for at in range(len(rows))]
            assert torch.equal(step.seen.weights[name], mixture.alphas.fixed()[name])
    assert mixture.removals.without[question.table][row][:-1].count(None) == len(whole[question.table][row]) - len(
        question.columns) and mixture.removals.left[question.table][row] != whole[question.table][row]


def test_what_was_decided_takes_part_fully_and_its_alphas_learn_no_more() -> None:
    mixture = made("nas_bench_201")
    assert mixture.removals
    mixture.removals.left["cell"][2] = [3]
    step: Any = SimpleNamespace(closing=False, epoch=0, progress=1.0)
    [draw] = mixture.draw(step)
    assert draw.choice.path["cell"][2] == (3,) and draw.choice.path["cell"][1] == (0, 1, 2, 3, 4)
    weights = draw.choice.weights["cell"]
    assert float(weights[2, 3]) == 1.0 and float(weights[1].sum()) == pytest.approx(1)
    step.validation_loss = lambda choice: (choice.weights["cell"] ** 2).sum()
    before = mixture.alphas.tables["cell"].detach().clone()
    mixture.learn(step)
    moved = (mixture.alphas.tables["cell"].detach() != before).any(1)
    assert moved.tolist() == [True, True, False, True, True, True]
    mixture.removals.left["cell"] = [[3]] * 6
    step.validation_loss = None                             # with nothing left to learn nobody asks for it
    mixture.learn(step)


def test_an_operation_without_effect_goes_although_its_alpha_is_largest() -> None:
    """In a real supernet: kernels of nothing give nothing, so the accuracy does not change without them."""
    mixture = made("darts_cell", tuning=True, round=0)
    assert mixture.removals
    with torch.no_grad():
        for name, weight in mixture.supernet.named_parameters():
            if "_sep_conv_3x3" in name or "_dil_conv_3x3" in name:
                weight.zero_()
        for table in mixture.alphas.tables.values():
            table[:, CONV] = 3.0
    inputs = torch.randn(64, *SHAPE)
    with torch.no_grad():
        whole = mixture.supernet(inputs, Choice(mixture.supernet.relaxed.everything, mixture.alphas.fixed())).argmax(1)

    def score(choice: Choice) -> float:
        with torch.no_grad():
            return float((mixture.supernet(inputs, choice).argmax(1) == whole).double().mean())

    for position in range(mixture.opening):
        step: Any = SimpleNamespace(closing=True, position=position, score=score, epoch=0)
        mixture.learn(step)
    question = mixture.removals.now[0]                      # the second one is about a supernet with the first answer
    without = mixture.removals.without[question.table][question.rows[0]]
    assert without[CONV] == without[4] == 1.0 > min(without[k] for k in question.columns)
    assert mixture.removals.left[question.table][question.rows[0]] not in ([CONV], [4])


def test_among_equals_the_larger_alpha_stays() -> None:
    mixture = made("nas_bench_201", tuning=True, round=0)
    assert mixture.removals
    [question] = mixture.removals.now
    with torch.no_grad():
        mixture.alphas.tables["cell"][question.rows[0], 1] = 1.0
    for position in range(mixture.opening):
        step: Any = Step(position, {"cell": [[0.0] * 5] * 6})
        mixture.learn(step)
    assert mixture.removals.left["cell"][question.rows[0]] == [1] and mixture.removals.agreed == 1


def test_without_the_option_there_is_nothing_of_it() -> None:
    plain = Mixture(Site(parse_space(SPACES["nas_bench_201"])[1], None, SHAPE, 10, 0), Learning(0.1, (0.5, 0.999), 0.0))
    assert plain.removals is None and plain.opening == 0 and set(plain.state_dict()) == {"alphas"}


def test_among_what_a_stage_has_left_only_that_is_asked_about_and_kept() -> None:
    """A row with one operation is decided from the start."""
    place = site("darts_cell")
    full = Perturbation(place, lambda path: path)
    given = {name: tuple((3,) if row == 0 else (0, 2, 4) for row in range(9)) for name in full.tables}
    found = Perturbation(place, lambda path: path, given)
    asked = [question for questions in found.rounds for question in questions if question.columns]
    assert {question.columns for question in asked} == {(2, 4)} and len(asked) == 8 * len(given)
    assert all(0 not in question.rows for question in asked)
    order = [question.rows for questions in full.rounds for question in questions if question.table == "normal"]
    assert [question.rows for questions in found.rounds for question in questions if question.table == "normal"] == [
        rows for rows in order if rows != (0,)]
    assert not found.complete and found.applied(Choice(given)).path["normal"][0] == (3,)
    assert found.applied(Choice(given)).path["normal"][1] == (0, 2, 4)
    for name in given:
        found.left[name] = [[3], *[[2]] * 8]
    assert found.complete
    [first, second, *_] = found.strengths({name: [[0.0, 0.1, 0.5, 0.4, 0.0]] * 9 for name in given})["normal"]
    assert (first, second) == ([0.0, 0.0, 0.0, 0.4, 0.0], [0.0, 0.0, 0.5, 0.0, 0.0])
