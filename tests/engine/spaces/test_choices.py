"""Finite spaces as sequences of numbers: there and back, and which spaces are finite."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from engine import options
from engine.registry import discover
from engine.spaces.chain import Chain
from engine.spaces.choices import SKIPPED, Choices
from engine.spaces.enas_macro import EnasMacro
from engine.spaces.fabric import Fabric
from engine.spaces.multi_branch import MultiBranch
from engine.spec import incompatible

SPACES = discover("spaces")
FINITE = [name for name, entry in SPACES.items() if "finite" in entry.offers]


def small(name: str) -> Choices:
    entry = SPACES[name]
    return Choices(options.parse(entry.factory, {"kind": name, "preset": "cpu"}, presets=entry.presets, tag="kind"))


@pytest.mark.parametrize("name", SPACES)
def test_finite_spaces_are_those_without_real_numbers(name: str) -> None:
    entry = SPACES[name]
    for preset in entry.presets:
        space = options.parse(entry.factory, {"kind": name, "preset": preset}, presets=entry.presets, tag="kind")
        kinds = {parameter.kind for parameter in space.parameters()}
        assert ("finite" in entry.offers) == ("real" not in kinds) == (space.size() is not None)


def test_the_table_of_what_fits_says_why_a_space_does_not() -> None:
    assert incompatible("reinforce", "vision") == (
        "needs decisions among finitely many choices (no real numbers), which the space Vision does not offer".replace(
            "Vision", SPACES["vision"].title))
    assert incompatible("q_learning", "composed") and not incompatible("q_learning", "chain")


@pytest.mark.parametrize("name", FINITE)
def test_proposals_come_back_from_their_numbers(name: str) -> None:
    choices = small(name)
    for k in range(20):
        proposal = choices.space.sample(Random(k))
        picks = choices.picks(proposal)
        assert choices.proposal(picks) == proposal and len(picks) == len(choices.parameters)


@pytest.mark.parametrize("name", FINITE)
def test_a_walk_asks_for_what_is_active_and_nothing_else(name: str) -> None:
    choices, rng = small(name), Random(1)
    for _ in range(20):
        asked: list[int] = []

        def pick(at: int, before: Sequence[int], asked: list[int] = asked) -> int:
            assert len(before) == at
            asked.append(at)
            return rng.randrange(len(choices.values[at]))

        picks = choices.walk(pick)
        assert asked == [at for at, number in enumerate(picks) if number != SKIPPED]
        found = choices.proposal(picks)
        assert choices.space.contains(found.architecture)
        assert name == "fabric" or choices.picks(found) == picks


def test_inactive_decisions_have_no_number() -> None:
    choices = Choices(Chain(min_layers=1, max_layers=2, types=("conv",)))
    picks = choices.walk(lambda at, before: 0)
    names = [p.name for p, number in zip(choices.parameters, picks, strict=True) if number == SKIPPED]
    assert names == ["block_2_type", "block_2_kernel", "block_2_channels", "block_2_stride", "dropout"]


def test_a_fabric_mends_a_walk_that_jumps() -> None:
    choices = Choices(Fabric(layers=3, scales=3))
    mended = choices.proposal((0, 2, 0))
    assert choices.space.contains(mended.architecture) and choices.picks(mended) == (0, 1, 0)


@pytest.mark.parametrize(("space", "skip"), [(MultiBranch(layers=3), "layer_{}_reads_{}"),
                                             (EnasMacro(layers=3), "layer_{}_skip_{}")])
def test_skips_say_which_layers_they_join(space: MultiBranch | EnasMacro, skip: str) -> None:
    found = {(p.layer, p.reads): p for p in space.parameters() if p.reads}
    assert sorted(found) == [(2, 1), (3, 1), (3, 2)]
    assert all(p.name == skip.format(*pair) and p.choices == (0, 1) for pair, p in found.items())
    assert {p.layer for p in space.parameters()} == {1, 2, 3}
