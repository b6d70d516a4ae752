"""Tables: what the builder measured is what is read, for every string of a network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.table import measuring
from engine.architecture.cost import measure
from engine.benchmarks import tables
from engine.benchmarks.tables import MISSING, Table
from engine.errors import Invalid
from engine.spaces.nas_bench_201 import NasBench201
from tests.engine.benchmarks.tiny import TINY, built, tiny

__all__ = ["built", "tiny"]


def test_all_strings_of_the_space_once_each() -> None:
    everything = list(tables.strings())
    assert len(everything) == len(set(everything)) == NasBench201().size()
    assert all(NasBench201().parse({"arch": text}) for text in everything[::500])


def test_a_table_holds_the_networks_of_its_strings(tiny: Path) -> None:
    table = tables.load("tiny")
    assert tables.names() == ("tiny",) and 1 <= len(table.networks) <= 3
    assert (table.test != MISSING).all() and table.validation.shape == (2, len(table.networks), 2)


def test_every_string_of_a_network_answers_alike(tiny: Path) -> None:
    """Which network a string is, is its canonical id."""
    table, space = tables.load("tiny"), TINY.space
    names = {space.canonical(space.parse({"arch": text})): n for n, text in enumerate(table.networks)}
    assert len(names) == len(table.networks)
    for text, number in list(table.network_of.items())[::250] + [(text, table.network_of[text]) for text in table.networks]:
        assert names.get(space.canonical(space.parse({"arch": text})), MISSING) == number


def test_it_holds_what_the_trainer_gives(tiny: Path) -> None:
    table, data = tables.load("tiny"), measuring.Data(TINY.splits(tiny))
    found = measuring.by_engine(TINY, data, table.networks[0], 1)
    (_, second) = table.measurements(0)
    assert second.validation == tuple(count / 128 for count in found.validation)
    assert second.test == found.test / len(data.splits.test) and second.seed == 1


def test_draws_choose_the_seed_evenly(tiny: Path) -> None:
    table = tables.load("tiny")
    assert [table.answer(table.networks[0], draw).seed for draw in range(4)] == [0, 1, 0, 1]


def test_costs_are_those_of_the_network(tiny: Path) -> None:
    table, space = tables.load("tiny"), TINY.space
    for number, text in enumerate(table.networks):
        cost = measure(space.network(space.parse({"arch": text}), (1, 8, 8), 10), (1, 8, 8))
        assert (table.parameters[number], table.flops[number]) == (cost.parameters, cost.flops)


def test_the_optimum_is_the_best_mean_over_seeds(tiny: Path) -> None:
    table = tables.load("tiny")
    means = [np.mean([m.test for m in table.measurements(number)]) for number in range(len(table.networks))]
    assert table.mean_test == pytest.approx(means) and table.best_test == pytest.approx(max(means))


def test_what_is_missing_is_said(tiny: Path, tmp_path: Path) -> None:
    """A table without its shards has networks, and no answer for any of them."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    for name in ("card.json", "index.json.xz"):
        (folder / name).write_bytes((tiny / name).read_bytes())
    empty = Table(folder)
    assert empty.completeness["share"] == 0 and empty.completeness["strings_that_answer"] == 0
    with pytest.raises(Invalid, match="not measured yet: the table tiny is 0.0% complete"):
        empty.answer(empty.networks[0], 0)
    stranger = next(text for text, number in empty.network_of.items() if number == MISSING)
    with pytest.raises(Invalid, match="is not in the table tiny"):
        empty.answer(stranger, 0)
    assert empty.document()["entries"] == {}


def test_where_one_seed_is_missing_the_other_answers(tiny: Path) -> None:
    table = Table(tiny)
    table.test[1] = MISSING
    assert {table.answer(table.networks[0], draw).seed for draw in range(5)} == {0}
    assert table.completeness["measured_by_seed"] == [len(table.networks), 0]
    assert not np.isnan(table.mean_test).any()


def test_a_shard_of_another_recipe_is_refused(tiny: Path, tmp_path: Path) -> None:
    for path in tiny.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    card = json.loads((tmp_path / "card.json").read_text())
    (tmp_path / "card.json").write_text(json.dumps({**card, "digest": "another"}))
    with pytest.raises(Invalid, match="another recipe"):
        Table(tmp_path)


def test_an_unknown_table_is_refused(tiny: Path) -> None:
    with pytest.raises(Invalid) as caught:
        tables.load("nothing")
    assert caught.value.problems[0].path == "/table" and caught.value.problems[0].allowed == "one of tiny"


def test_the_whole_table_as_a_document(tiny: Path) -> None:
    document = tables.load("tiny").document()
    table = tables.load("tiny")
    assert set(document) == {"card", "entries"}
    assert set(document["entries"]) == {text for text, number in table.network_of.items() if number != MISSING}
    for entry in document["entries"].values():
        assert set(entry) == {"parameters", "flops", "seeds"} and len(entry["seeds"]) == 2
        for seed in entry["seeds"]:
            assert set(seed) == {"validation", "test", "seconds"} and len(seed["validation"]) == 2
            assert seed["seconds"] is None and 0 <= seed["test"] <= 1
    card = document["card"]
    assert card["recipe"] == TINY.document() and card["digest"] == TINY.digest and not card["calibrated"]
    assert card["completeness"]["share"] == 1 and card["space"] == {"kind": "nas_bench_201", "channels": 4, "layers": 1}
    assert {"python", "torch", "numpy", "processor"} <= set(card["versions"])
    json.dumps(document, allow_nan=False)


def test_the_shipped_tables_are_sound() -> None:
    """Each network that is there has both figures in range, and the files stay small."""
    for name in tables.names():
        table = tables.load(name)
        there = table.test != MISSING
        assert (table.validation[there] >= 0).all() and (table.validation[there] <= table.sizes[0]).all()
        assert (table.test[there] >= 0).all() and (table.test[there] <= table.sizes[1]).all()
        assert table.description["pilot"]["passed"] and table.description["pilot"]["pearson"] >= 0.9
        assert sum(path.stat().st_size for path in (tables.ROOT / name).iterdir()) <= 8_000_000
        space = NasBench201(table.description["space"]["channels"], table.description["space"]["layers"])
        for text, number in list(table.network_of.items())[::1000]:
            if number != MISSING:
                assert space.canonical(space.parse({"arch": text})) == space.canonical(
                    space.parse({"arch": table.networks[number]}))


def test_the_shipped_fashion_table_covers_the_whole_space() -> None:
    if "fashion" in tables.names():
        table = tables.load("fashion")
        assert len(table.networks) == 8765 and MISSING not in table.network_of.values()
