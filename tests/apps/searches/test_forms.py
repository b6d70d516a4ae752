"""The New search form: texts to a document and back, faults next to their fields, hostile texts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apps.searches.forms import NewSearch, Pasted
from apps.spaces.fields import meant, said
from engine import api

INTEGER = {"type": "integer", "bounds": [1, 10]}
REAL = {"type": "real", "bounds": [0.0, 1.0]}
HOSTILE = ["nan", "NaN", "inf", "-inf", "1e999", "１２", "٣", "9" * 400, "0x10", "1_000", "", " ", "-1", "1.5",
           "'; drop table", "\0", "[]", "null", "true", "½", "1e-999", "--1", "+", ".", "e5"]


def chosen_names() -> list[str]:
    """The fields that count: those of the chosen kinds and of the parts."""
    form = NewSearch({})
    others = tuple(f"{kind.group}.{kind.entry['name']}." for kind in form.kinds() if not kind.chosen)
    return [field.name for field in form.fields() if not field.name.startswith(others)]


def errors(given: dict[str, list[str]]) -> dict[str, list[str]]:
    form = NewSearch(given)
    form.valid()
    return {field.name: field.errors for field in form.fields() if field.errors}


def test_the_form_with_nothing_in_it_stands_for_the_declared_defaults() -> None:
    form = NewSearch({})
    expected = {"space": {"kind": "chain"}, "strategy": {"name": "random_search"}, "dataset": {"name": "digits"}}
    assert form.valid()
    assert form.checked == api.parse(expected).document()


def test_a_new_form_has_the_values_for_a_cpu() -> None:
    form = NewSearch.blank({"space": "nas_bench_201", "strategy": "aging_evolution"})
    cpu = {"preset": "cpu"}
    expected = {"space": {"kind": "nas_bench_201", **cpu}, "strategy": {"name": "aging_evolution", **cpu},
                "dataset": {"name": "digits"}, "estimation": {"name": "scratch", **cpu}}
    assert form.valid()
    assert form.checked == api.parse(expected).document()


def fitting(strategy: str) -> tuple[str, str]:
    """The first space, and the preset of it, that the strategy can search; chains if it can."""
    kinds = {entry["name"]: entry["presets"] for entry in api.spaces()}
    order = [("chain", "cpu"), *((kind, preset) for kind, presets in kinds.items() for preset in presets)]
    return next((kind, preset) for kind, preset in order
                if not api.incompatible(strategy, kind, api.parse_space({"kind": kind, "preset": preset})[1]))


def performing(strategy: str) -> str:
    verdicts = api.performed()[strategy]
    return "scratch" if verdicts["scratch"] is True else next(name for name, fits in verdicts.items() if fits is True)


@pytest.mark.parametrize("kind", list(NewSearch({}).presets))
def test_each_preset_button_puts_in_what_the_engine_means_by_it(kind: str) -> None:
    group, name, preset = kind.split(".")
    data = NewSearch.blank({group: name}).chosen["dataset"]
    form = NewSearch({group: [name], "dataset": [data]}).filled(kind)
    tag = "kind" if group == "space" else "name"
    others = {"space": {"kind": "chain"}, "strategy": {"name": "random_search"}, "dataset": {"name": data}}
    if kind.startswith("estimation.tabular."):                 # a table answers for the space that it was measured with
        others |= {"space": {"kind": "nas_bench_201", "preset": "table"}, "dataset": {"name": "fashion_mnist"}}
        form = NewSearch({group: [name], "space": ["nas_bench_201"], "dataset": ["fashion_mnist"]})
        form = form.filled(kind, "space.nas_bench_201.table")
    if group == "strategy" and (found := fitting(name)) != ("chain", "cpu"):
        data = NewSearch.blank({"space": found[0]}).chosen["dataset"]
        others |= {"space": {"kind": found[0], "preset": found[1]}, "estimation": {"name": performing(name)},
                   "dataset": {"name": data}}
        form = NewSearch({group: [name], "space": [found[0]], "estimation": [performing(name)], "dataset": [data]})
        form = form.filled(kind, f"space.{found[0]}.{found[1]}")
    assert form.valid()
    assert form.checked == api.parse({**others, group: {tag: name, "preset": preset}}).document()


@pytest.mark.parametrize("space", [space["name"] for space in api.spaces()])
def test_a_space_comes_with_data_that_it_can_read(space: str) -> None:
    form = NewSearch.blank({"space": space})
    assert api.readable()[space][form.chosen["dataset"]] is True
    assert form.valid(), form.problems


def test_data_that_a_space_cannot_read_says_why() -> None:
    form = NewSearch.blank({"space": "recurrent_cell", "dataset": "digits"})
    assert form.chosen["dataset"] == "digits"
    unfit = {kind.entry["name"]: kind.unfit for kind in form.groups["dataset"]}
    assert "this space reads text" in unfit["digits"]
    assert unfit["stdlib_text"] is None
    assert not form.valid()
    ((_, sentence),) = form.problems
    assert sentence.startswith("The dataset is of kind images; this space reads text; allowed: one of ")


def test_the_space_of_another_form_comes_along() -> None:
    edited = {"space": ["nas_bench_201"], "space.nas_bench_201.layers": ["7"], "name": ["Mine"], "seed": ["9"]}
    form = NewSearch.around(edited)
    assert form.document()["space"]["layers"] == 7
    assert form.document()["name"] == "Mine"
    assert form.document()["seed"] == 0
    assert form.valid()


def test_a_document_survives_the_way_through_the_form() -> None:
    first = NewSearch.blank({"strategy": "aging_evolution", "name": "there and back"})
    again = NewSearch({**first.given, **{field.name: field.texts for field in first.fields()}})
    assert again.document() == first.document()


@pytest.mark.parametrize(("row", "text", "value"), [
    (INTEGER, "7", 7), (INTEGER, " 7 ", 7), (INTEGER, "-3", -3), (INTEGER, "", None), (INTEGER, "1.0", "1.0"),
    (INTEGER, "１２", "１２"), (INTEGER, "9" * 30, "9" * 30), (REAL, "0.5", 0.5),
    (REAL, ".5", 0.5), (REAL, "1e-3", 0.001), (REAL, "nan", "nan"),
    (REAL, "inf", "inf"), (REAL, "1_0", "1_0"), ({"type": "flag", "bounds": []}, "false", False),
    ({"type": "choice", "bounds": [1, 2]}, "2", 2), ({"type": "choice", "bounds": [1, 2]}, "3", "3")])
def test_texts_are_read_strictly(row: dict[str, Any], text: str, value: object) -> None:
    read = meant(row, [text])
    assert read == value
    assert type(read) is type(value)


def test_a_subset_without_a_tick_is_an_empty_list_and_no_default() -> None:
    row = {"type": "subset", "bounds": [3, 5]}
    assert meant(row, said([3, 5])) == [3, 5]
    assert meant(row, said([])) == []
    assert list(errors({"space.chain.kernels": [""]})) == ["space.chain.kernels"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_in_every_field_are_refused_next_to_the_field_or_meant(text: str) -> None:
    """One field at a time, in the kinds that are chosen: never an exception, never a fault in the wrong place."""
    neighbours = {"space.chain.max_layers", "estimation.scratch.warmup", "budget.trials", "filter.keep"}
    for name in chosen_names():
        assert set(errors({name: [text]})) <= {name} | neighbours, (name, text)


def test_every_number_says_its_bounds_when_they_are_left() -> None:
    tried = 0
    for field in NewSearch({}).fields():
        if field.row["type"] in ("integer", "real") and field.name in chosen_names() and field.name != "seed":
            for bound, step in zip(field.row["bounds"], (-1, 1), strict=True):
                found = errors({field.name: [str(bound + step * (1 if field.row["type"] == "integer" else abs(bound) + 1))]})
                assert field.row["allowed"].removesuffix(" or null") in found[field.name][0], field.name
                tried += 1
    assert tried > 20


def test_a_fault_between_fields_stands_at_one_of_them() -> None:
    assert list(errors({"space.chain.min_layers": ["9"], "space.chain.max_layers": ["3"]})) == ["space.chain.max_layers"]
    assert list(errors({"budget.trials": [""]})) == ["budget.trials"]


def test_the_filter_is_a_part_of_the_form_and_its_faults_stand_at_its_fields() -> None:
    assert [field.name for field in NewSearch({}).parts["filter"]] == [
        "filter.proxy", "filter.of", "filter.keep", "filter.examples", "filter.until"]
    form = NewSearch({"filter.proxy": ["synflow"], "filter.of": ["30"], "filter.keep": ["5"]})
    assert form.valid() and form.checked is not None and form.checked["filter"]["keep"] == 5
    assert list(errors({"filter.of": ["3"], "filter.keep": ["5"]})) == ["filter.keep"]
    text = {"space": ["recurrent_cell"], "dataset": ["stdlib_text"], "filter.proxy": ["synflow"]}
    assert list(errors(text)) == ["filter.proxy"] and not errors({**text, "filter.proxy": ["snip"]})


def test_an_unknown_kind_is_a_problem_and_not_an_exception() -> None:
    for group in ("dataset", "space", "strategy", "estimation"):
        form = NewSearch({group: ["nonsense\0" * 90]})
        assert not form.valid()
        assert [sentence for field, sentence in form.problems if field is None]


def test_what_does_not_fit_is_marked_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = "needs supernet, which the space Chain does not offer"
    table = {**api.compatible(), "aging_evolution": {"chain": reason}}
    monkeypatch.setattr(api, "compatible", lambda: table)
    unfit = {kind.entry["name"]: kind.unfit for kind in NewSearch({}).groups["strategy"]}
    assert unfit["aging_evolution"] == reason
    assert unfit["random_search"] is None


def test_the_key_is_kept_if_it_is_one() -> None:
    key = NewSearch({}).key
    assert NewSearch({"key": [key]}).key == key
    assert len({NewSearch({"key": ["x" * 500]}).key, NewSearch({}).key, key}) == 3


@pytest.mark.parametrize(("text", "word"), [
    ("", "not JSON"), ("{", "not JSON"), ("[1]", "must be an object"), ('{"space": 1}', "/space"), ('{"seed": NaN}', "NaN"),
    ("[" * 60, "deep"), ('{"a": 1, "a": 2}', "repeats"), ('{"\\ud800": 1}', "known key"), ('{"seed": 1e400}', "finite")])
def test_a_pasted_document_is_refused_with_its_place(text: str, word: str) -> None:
    pasted = Pasted(text)
    assert not pasted.valid()
    assert word in " ".join(pasted.problems)
    " ".join(pasted.problems).encode()


def test_a_pasted_document_is_what_the_engine_makes_of_it() -> None:
    document = {"space": {"kind": "chain"}, "strategy": {"name": "random_search"}, "dataset": {"name": "digits"}}
    pasted = Pasted(json.dumps(document))
    assert pasted.valid()
    assert pasted.checked == api.parse(document).document()


def test_rows_of_a_table_are_no_images() -> None:
    refused = NewSearch({"space": ["mlp"], "dataset": ["digits"]})
    assert not refused.valid() and "images" in refused.problems[0][1]


def test_a_joint_space_goes_through_the_form_and_faults_stand_at_its_two_fields() -> None:
    hyper = [{"name": "lr", "kind": "real", "low": 0.01, "high": 0.1, "prior": "log"}]
    given = {"space": ["composed"], "space.composed.architecture": ['{"kind": "nas_bench_201", "layers": 1}'],
             "space.composed.hyper": [json.dumps(hyper)]}
    form = NewSearch(given)
    assert form.valid() and form.checked is not None
    assert form.checked["space"]["architecture"]["layers"] == 1 and form.checked["space"]["hyper"] == hyper
    wrong = (("architecture", '{"kind": "mlp"}'), ("architecture", "{"), ("hyper", "[{}]"), ("hyper", "nonsense"))
    for field, text in wrong:
        assert set(errors({**given, f"space.composed.{field}": [text]})) == {f"space.composed.{field}"}


def test_a_new_form_for_shared_weights_has_the_estimation_that_trains_them() -> None:
    form = NewSearch.blank({"space": "darts_cell", "strategy": "darts"})
    assert form.chosen["estimation"] == "shared" and form.valid() and form.checked is not None
    assert form.checked["estimation"]["epochs"] == 10           # the values for a CPU


def test_an_estimation_that_does_not_do_what_is_asked_is_marked_with_the_reason() -> None:
    form = NewSearch({"space": ["darts_cell"], "strategy": ["darts"]})
    unfit = {kind.entry["name"]: kind.unfit for kind in form.groups["estimation"]}
    assert "epochs of a supernet" in str(unfit["scratch"]) and unfit["shared"] is None
    assert not form.valid() and "epochs of a supernet" in form.problems[0][1]
    assert all(kind.unfit is None for kind in NewSearch({}).groups["estimation"])
