"""DARTS-: the schedule of its skip, plain DARTS at zero, and real searches."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine.nets.mixture import Mixture
from engine.options import options_of
from engine.phases import Site
from engine.run import run
from engine.search import Search
from engine.spec import incompatible, parse, parse_space
from engine.strategies.darts_minus import DartsMinus, Options, weight_of_skip
from engine.work import Candidate, SupernetEpoch

torch.set_num_threads(1)
TINY: dict[str, dict[str, Any]] = {
    "darts_cell": {"kind": "darts_cell", "preset": "cpu", "nodes": 1, "layers": 2, "channels": 2},
    "nas_bench_201": {"kind": "nas_bench_201", "preset": "table"}}
EACH = pytest.mark.parametrize("space", list(TINY))


def searched(space: str, where: Path, name: str, **more: Any) -> Search:
    spec = parse({"space": TINY[space], "dataset": {"name": "digits", "train_limit": 64},
                  "strategy": {"name": name, "preset": "cpu", "epochs": 2, "order": "first", **more},
                  "estimation": {"name": "shared", "preset": "cpu", "epochs": 1}})
    return run(spec, where / "search", where / "data", "cpu", lambda event: None)


def test_the_defaults_are_those_of_the_paper() -> None:
    o = Options()
    assert (o.epochs, o.beta, o.fading, o.order, o.alpha_lr, o.alpha_decay) == (50, 1.0, "linear", "first", 3e-4, 1e-3)
    assert all(option.paper == getattr(o, name) for name, option in options_of(Options).items())


def test_the_skip_fades_on_a_line_or_by_half_a_cosine_to_exactly_zero() -> None:
    places = (0.0, 0.25, 0.5, 0.75, 1.0)
    assert [weight_of_skip(Options(), at) for at in places] == pytest.approx([1.0, 0.75, 0.5, 0.25, 0.0])
    cosine = [weight_of_skip(Options(fading="cosine", beta=2.0), at) for at in places]
    assert cosine == pytest.approx([2.0, 1.7071067811865475, 1.0, 0.2928932188134525, 0.0])
    assert weight_of_skip(Options(), 1.0) == weight_of_skip(Options(fading="cosine"), 1.0) == 0.0


@EACH
def test_the_sampler_weighs_the_skip_by_progress_and_never_by_alphas(space: str) -> None:
    sampler = DartsMinus.sampler(Site(parse_space(TINY[space])[1], Options(), (1, 8, 8), 10, 0))
    assert isinstance(sampler, Mixture)
    for progress in (0.0, 0.4):
        step: Any = SimpleNamespace(progress=progress)
        [draw] = sampler.draw(step)
        for name, table in draw.choice.weights.items():
            assert torch.allclose(table[:, -1], torch.full((len(table),), 1 - progress))
            assert torch.equal(table[:, :-1], sampler.alphas.fixed()[name])
    end: Any = SimpleNamespace(progress=1.0)
    [draw] = sampler.draw(end)
    assert draw.choice.path == sampler.supernet.relaxed.everything


@EACH
def test_without_a_skip_all_epochs_are_those_of_darts_bit_for_bit(space: str, tmp_path: Path) -> None:
    plain = searched(space, tmp_path / "plain", "darts")
    minus = searched(space, tmp_path / "minus", "darts_minus", beta=0.0)
    for k in (0, 1):
        assert plain.outcomes[k].payload == minus.outcomes[k].payload
    assert plain.outcomes[2].score == minus.outcomes[2].score


@EACH
def test_a_search_on_digits_ends_from_scratch_and_differs_from_darts(space: str, tmp_path: Path) -> None:
    search = searched(space, tmp_path, "darts_minus", early_stop="curvature")
    assert [type(work) for work in search.items] == [SupernetEpoch] * 2 + [Candidate] * 2
    assert all(outcome.ok for outcome in search.outcomes.values()) and search.outcomes[3].score_kind == "scratch"
    assert search.outcomes[0].payload["curvature"] is not None


def test_it_is_only_offered_where_edges_have_a_source() -> None:
    assert incompatible("darts_minus", "darts_cell") is None
    assert "edges whose operations all read one value" in str(incompatible("darts_minus", "fabric"))
