"""Architectures of other tools: read as data, placed in a space that can measure them, and written back."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from engine import api, options
from engine.convert import convert, texts
from engine.errors import Invalid
from engine.registry import discover
from engine.spec import parse_space

CIFAR = (3, 32, 32)
STRING = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|nor_conv_1x1~1|avg_pool_3x3~2|"
V2 = ("DARTS_V2 = Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
      "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], "
      "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
      "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])")
NODE = [["sep_conv_3x3", 0], ["skip_connect", 1]]
SMALL = {"normal": NODE, "normal_concat": [2], "reduce": NODE, "reduce_concat": [2]}
KINDS = list(discover("spaces"))


def measured(found: dict[str, Any], **more: Any) -> int:
    cost = api.measure({**found["space"], **more}, found["genotype"], CIFAR, 10)
    return int(cost["parameters"])


def test_a_published_genotype_can_be_measured_at_once() -> None:
    found = convert(V2, "darts")
    assert found["space"] == {"kind": "darts_cell"} and measured(found) == 3_349_342
    assert convert(json.dumps(found["genotype"]), "darts") == found == convert(V2.encode(), "darts")
    assert convert(json.dumps(found), "json") == found == convert(json.dumps(found["genotype"]), "json")


def test_the_space_of_a_genotype_has_its_nodes_and_its_operations() -> None:
    found = convert(json.dumps(SMALL), "darts")
    assert found["space"] == {"kind": "darts_cell", "nodes": 1}
    wider = {**SMALL, "normal": [["sep_conv_7x7", 0], ["skip_connect", 1]]}
    found = convert(json.dumps(wider), "darts")
    assert "sep_conv_7x7" in found["space"]["ops"] and parse_space(found["space"])[1].parse(wider).genotype == wider


@pytest.mark.parametrize("change", [
    {"normal": [["none", 0], ["skip_connect", 1]]}, {"normal": [["skip_connect", 0]] * 2}, {"normal_concat": [0, 1, 2]},
    {"normal": NODE * 2}, {"normal": NODE * 20, "normal_concat": list(range(2, 22))}], ids=str)
def test_what_is_in_no_space_keeps_its_genotype_and_is_measured(change: dict[str, Any]) -> None:
    found = convert(json.dumps({**SMALL, **change}), "darts")
    assert found == {"space": {"kind": "darts_cell"}, "genotype": {**SMALL, **change}}
    assert measured(found, channels=4, layers=3) > 0
    drawing = api.draw({"kind": "darts_cell", "channels": 4, "layers": 3}, found["genotype"], CIFAR, 10)
    assert drawing["words"] and drawing["macro"]


def test_a_string_of_nas_bench_201() -> None:
    found = convert(f" {STRING}\n", "nas_bench_201")
    assert found == {"space": {"kind": "nas_bench_201"}, "genotype": {"arch": STRING}} and measured(found) > 0
    assert convert(json.dumps({"arch": STRING}), "json") == found


@pytest.mark.parametrize("kind", KINDS)
def test_every_space_comes_back_from_its_json(kind: str) -> None:
    document = {"kind": kind, "preset": "cpu"}
    space = parse_space(document)[1]
    for seed in range(5):
        proposal = space.sample(Random(seed))
        written = {"space": document, **proposal.document()}
        assert convert(json.dumps(written), "json") == {"space": document, "genotype": proposal.document()["genotype"]}
        found = convert(texts(space, proposal.architecture)["json"], "json")
        again = parse_space(found["space"])[1].read(found["genotype"])
        assert again.genotype == proposal.architecture.genotype or again.encoding_id == proposal.architecture.encoding_id


def test_a_downloaded_genotype_keeps_its_identity() -> None:
    document = {"kind": "darts_cell", "preset": "cpu"}
    kind, space = parse_space(document)
    architecture = space.sample(Random(0)).architecture
    written = {"kind": kind, "genotype": dict(architecture.genotype), "hyper": {}, "encoding_id": architecture.encoding_id,
               "canonical_id": space.canonical(architecture), "space": {"kind": kind, **options.document(space)}}
    found = convert(json.dumps(written), "json")
    cost = api.measure(found["space"], found["genotype"], CIFAR, 10)
    assert (cost["encoding_id"], cost["canonical_id"]) == (written["encoding_id"], written["canonical_id"])


def test_a_kind_alone_finds_the_preset_that_has_the_genotype() -> None:
    space = parse_space({"kind": "cell", "preset": "nasnet"})[1]
    genotype = next(a for a in (space.sample(Random(seed)).architecture for seed in range(50))
                    if any("concat" in block for block in a.genotype["normal"])).genotype
    found = convert(json.dumps({"kind": "cell", "genotype": genotype}), "json")
    assert found["genotype"] == genotype and found["space"]["preset"] in ("paper", "nasnet")
    assert measured(found, channels=4, layers=1) > 0


@pytest.mark.parametrize(("kind", "form"), [("darts_cell", "darts"), ("nas_bench_201", "nas_bench_201")])
def test_what_is_written_is_read_again(kind: str, form: str) -> None:
    document = {"kind": kind, "preset": "paper"}
    for line in api.sample(document, 20, 0):
        text = api.texts(document, line)
        assert set(text) == {"json", form}
        assert convert(text[form], form)["genotype"] == line["genotype"] == convert(text["json"], "json")["genotype"]


def test_a_space_with_no_other_form_is_written_as_json_only() -> None:
    sample = next(api.sample({"kind": "cell", "preset": "cpu"}, 1, 0))
    assert set(api.texts({"kind": "cell", "preset": "cpu"}, sample)) == {"json"}


BAD: dict[str, list[tuple[str, str]]] = {
    "json": [
        ("", ""), ("[]", ""), ("{}", "/kind"), ('{"genotype": {}}', "/kind"), ('{"genotype": {}, "kind": "magic"}', "/kind"),
        ('{"genotype": {}, "kind": []}', "/kind"), ('{"genotype": {}, "space": {"kind": "chain", "zz": 1}}', "/space/zz"),
        ('{"genotype": {}, "surprise": 1}', "/surprise"), ('{"genotype": {"arch": "|magic~0|"}}', "/genotype/arch"),
        ('{"kind": "cell", "genotype": {}}', "/genotype"),
        ('{"genotype": ' + "[" * 64 + "]" * 64 + "}", "/genotype" + "/0" * 31),
        ('{"genotype": NaN}', "/genotype"), ("x" * 2**21, "")],
    "darts": [
        ("", ""), ("__import__('os')", ""), ("x" * 10**6, ""), ("{", ""), ("\x00", ""), ("Genotype()", ""),
        (json.dumps({**SMALL, "normal": [["exec", 0], NODE[1]]}), "/normal/0/0"),
        (json.dumps({**SMALL, "reduce": [["none", 2], NODE[1]]}), "/reduce/0/1")],
    "nas_bench_201": [
        ("", ""), ("|os.system~0|", ""), ("|" * 10**6, ""), (STRING.replace("none", "magic"), "")],
    "yaml": [("x", "/from")]}


@pytest.mark.parametrize(("source", "text", "path"), [(source, *row) for source, rows in BAD.items() for row in rows],
                         ids=lambda v: str(v)[:40])
def test_bad_texts_have_a_place(source: str, text: str, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        convert(text, source)
    assert caught.value.problems[0].path == path and caught.value.problems[0].reason


def test_bytes_that_are_no_text_are_refused() -> None:
    for source in ("json", "darts", "nas_bench_201"):
        with pytest.raises(Invalid):
            convert(b"\xff\xfe", source)
