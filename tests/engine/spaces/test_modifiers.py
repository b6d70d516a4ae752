"""The nine modifiers: where each is possible, what it does, and that no child leaves its space."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from engine import options
from engine.architecture.architecture import Proposal
from engine.registry import discover
from engine.spaces.chain import Chain
from engine.spaces.enas_macro import EnasMacro
from engine.spaces.mlp import Mlp
from engine.spaces.modifiers import MASSES, OWN, STEPS, Modifiers
from engine.spaces.multi_branch import MultiBranch

CHAIN = Chain(min_layers=2, max_layers=5, types=("conv", "max_pool"), kernels=(3, 5), channels=(16, 32, 48, 64),
              strides=(1,), pool_kernels=(3,), pool_strides=(2,), hidden=(0,))
BRANCHES = MultiBranch(layers=4, heights=(1, 3), widths=(3,), filters=(8, 16), strides=(1,))
CHAINED = set(MASSES) - {"a path doubled", "a skip"}
BRANCHED = set(MASSES) - {"a layer wedged in", "a layer removed"}


def cpu(kind: str) -> Any:
    entry = discover("spaces")[kind]
    return options.parse(entry.factory, {"preset": "cpu"}, presets=entry.presets, tag="kind")


def blocks(config: Any) -> list[tuple[Any, ...]]:
    return [(config[f"block_{k}_type"], config.get(f"block_{k}_kernel"), config.get(f"block_{k}_channels"))
            for k in range(1, config["layers"] + 1)]


def chain(*convs: tuple[int, int]) -> Proposal:
    """Convolutions of kernel and channels."""
    config: dict[str, Any] = {"layers": len(convs)}
    for k, (kernel, channels) in enumerate(convs, 1):
        config |= {f"block_{k}_type": "conv", f"block_{k}_kernel": kernel, f"block_{k}_channels": channels,
                   f"block_{k}_stride": 1}
    return Proposal(CHAIN.parse({**config, "hidden": 0}))


def done(space: Any, proposal: Proposal, name: str, seed: int) -> Any:
    """The decisions after one modifier."""
    modifiers = Modifiers(space)
    fixed = modifiers.actions[name](space.config(proposal.architecture), Random(seed))
    return fixed and space.config(space.architecture(_drawn(modifiers, fixed, seed)))


def _drawn(modifiers: Modifiers, fixed: dict[str, Any], seed: int) -> Any:
    from engine.architecture import genotype

    return genotype.sample(modifiers.decisions, Random(seed), fixed)


@pytest.mark.parametrize("kind", sorted(discover("spaces")))
def test_children_stay_in_their_space_and_it_is_data(kind: str) -> None:
    space, rng = cpu(kind), Random(0)
    modifiers = Modifiers(space)
    proposal = space.sample(rng)
    for _ in range(150):
        proposal, what = modifiers.modified(proposal, rng)
        assert space.contains(proposal.architecture) and 1 <= len(what) <= len(STEPS)
        assert space.parse_proposal(proposal.document()) == proposal


@pytest.mark.parametrize(("space", "wanted"), [
    (CHAIN, CHAINED), (cpu("mlp"), CHAINED), (cpu("composed"), CHAINED), (BRANCHES, BRANCHED),
    (EnasMacro(layers=4), {"another label", "a path doubled", "a skip"}), (cpu("cell"), {"another label"}),
    (cpu("nas_bench_201"), set()), (cpu("fabric"), set())])
def test_each_space_has_the_modifiers_that_mean_something_there(space: Any, wanted: set[str]) -> None:
    rng, modifiers = Random(1), Modifiers(space)
    found = {name for _ in range(60) for name in modifiers.possible(space.sample(rng), rng)}
    assert found == wanted


@pytest.mark.parametrize("way", ["more", "fewer"])
def test_units_of_one_layer_go_to_the_next_choice(way: str) -> None:
    for seed in range(10):
        before = blocks(CHAIN.config(chain((3, 32), (3, 48), (3, 32)).architecture))
        after = blocks(done(CHAIN, chain((3, 32), (3, 48), (3, 32)), f"{way} units", seed))
        (changed,) = [at for at in range(3) if before[at] != after[at]]
        step = {"more": {32: 48, 48: 64}, "fewer": {32: 16, 48: 32}}[way]
        assert after[changed][2] == step[before[changed][2]]


def test_units_that_are_numbers_change_by_an_eighth() -> None:
    space = Mlp()
    proposal = space.sample(Random(3))
    before = space.config(proposal.architecture)
    after = done(space, proposal, "more units", 0)
    (name,) = [name for name in before if before[name] != after[name]]
    assert name.startswith("num_units") and after[name] == before[name] + round(before[name] / 8)


def test_at_the_end_of_the_range_there_are_no_more_units() -> None:
    assert done(CHAIN, chain((3, 64), (3, 64)), "more units", 0) is None
    assert done(CHAIN, chain((3, 16), (3, 16)), "fewer units", 0) is None


def test_many_layers_change_together_and_lie_side_by_side() -> None:
    sizes = set()
    for seed in range(60):
        after = done(CHAIN, chain((3, 32), (3, 32), (3, 32), (3, 32)), "more units in many layers", seed)
        if after:
            changed = [at for at, block in enumerate(blocks(after)) if block[2] == 48]
            assert changed == list(range(changed[0], changed[-1] + 1))
            sizes.add(len(changed))
    assert sizes == {1, 2, 4}


def test_another_label_is_another_kernel_or_type() -> None:
    seen = set()
    for seed in range(30):
        after = blocks(done(CHAIN, chain((3, 32), (3, 32)), "another label", seed))
        assert sum(block != ("conv", 3, 32) for block in after) == 1
        seen |= {block[:2] for block in after}
    assert seen == {("conv", 3), ("conv", 5), ("max_pool", None)}


def test_a_wedged_layer_keeps_all_others_and_is_as_wide_as_its_neighbours() -> None:
    whole = [("conv", 3, 16), ("conv", 5, 48), ("conv", 3, 48)]
    for seed in range(40):
        after = blocks(done(CHAIN, chain((3, 16), (5, 48), (3, 48)), "a layer wedged in", seed))
        assert len(after) == 4
        places = [at for at in range(4) if after[:at] + after[at + 1:] == whole]
        assert places
        if len(places) == 1 and after[places[0]][0] == "conv":
            assert after[places[0]][2] == {0: 16, 1: 32, 2: 48, 3: 48}[places[0]]


def test_a_removed_layer_leaves_the_others_in_order() -> None:
    left = set()
    for seed in range(20):
        left.add(tuple(block[2] for block in blocks(done(CHAIN, chain((3, 16), (3, 32), (3, 48)), "a layer removed", seed))))
    assert left == {(16, 32), (16, 48), (32, 48)}


def test_bounds_on_the_number_of_layers_hold() -> None:
    assert done(CHAIN, chain((3, 16), (3, 16)), "a layer removed", 0) is None
    assert done(CHAIN, chain(*[(3, 16)] * 5), "a layer wedged in", 0) is None


def test_a_skip_is_one_connection_more() -> None:
    proposal = BRANCHES.sample(Random(2))
    before = BRANCHES.config(proposal.architecture)
    after = done(BRANCHES, proposal, "a skip", 0)
    (name,) = [name for name in before if before[name] != after[name]]
    assert "reads" in name and (before[name], after[name]) == (0, 1)


def test_a_doubled_path_is_a_twin_with_the_same_inputs_and_readers() -> None:
    found = 0
    for seed in range(30):
        proposal = BRANCHES.sample(Random(seed))
        before, after = BRANCHES.config(proposal.architecture), done(BRANCHES, proposal, "a path doubled", seed)
        if not after:
            continue
        twins = [(one, twin) for twin in range(2, 5) for one in range(1, twin) if all((
            all(after[f"layer_{twin}_{name}"] == before[f"layer_{one}_{name}"] for name in ("height", "filters")),
            all(after[f"layer_{twin}_reads_{k}"] == (before[f"layer_{one}_reads_{k}"] if k < one else 0)
                for k in range(1, twin)),
            all(after[f"layer_{k}_reads_{twin}"] == before[f"layer_{k}_reads_{one}"] for k in range(twin + 1, 5))))]
        assert twins
        found += 1
    assert found > 20


def test_modifiers_and_steps_are_drawn_by_mass() -> None:
    rng, modifiers = Random(0), Modifiers(CHAIN)
    parent = chain((3, 32), (3, 32), (3, 32))
    names, steps = Counter[str](), Counter[int]()
    for _ in range(3000):
        _, what = modifiers.modified(parent, rng)
        names[what[0]] += 1
        steps[len(what)] += 1
    assert [steps[count] / 3000 for count in range(1, 6)] == pytest.approx(STEPS, abs=0.03)
    assert names["another label"] / names["a layer removed"] == pytest.approx(2.0, rel=0.25)
    assert names[OWN] and not names["a skip"]


def test_how_to_train_is_kept_by_the_nine_and_reached_by_the_own_mutation() -> None:
    space, rng = cpu("composed"), Random(0)
    modifiers, changed = Modifiers(space), Counter[str]()
    proposal = space.sample(rng)
    for _ in range(200):
        child, what = modifiers.step(proposal, rng)
        changed[what] += child.hyper != proposal.hyper
    assert changed[OWN] and sum(changed.values()) == changed[OWN]
