"""Pages of saved spaces: who sees what, saving, history, import and export."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.spaces import imports, services
from apps.spaces.models import SpaceDefinition
from engine import api

CELL = "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|none~0|none~1|avg_pool_3x3~2|"
KINDS = [space["name"] for space in api.spaces()]


@pytest.fixture
def saved(person: Any) -> SpaceDefinition:
    return services.create(person, "Mine <b>", {"kind": "chain", "preset": "cpu"})


def fields(page: Any) -> dict[str, Any]:
    """What a browser would send back."""
    form = page.context["form"]
    own = {one.name: [text for text in one.texts if text or one.row["type"] != "subset"] for one in form.fields}
    heads = {"key": str(form.key), "seen": str(form.seen), "name": form.heads["name"], "view": "form"}
    return {**own, **heads, "document": form.preview}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_an_editor_with_each_preset(browser: Client, kind: str) -> None:
    for preset in ("", *(f"&preset={name}" for name in api.entry("spaces", kind).presets)):
        page = browser.get(f"/spaces/new/?kind={kind}{preset}")
        assert page.status_code == 200
        text = page.content.decode()
        assert text.count("<h1") == 1
        assert "data-drawn" not in text
        assert page.context["facts"]["ranges"]["parameters"]


def test_the_page_says_why_samples_cannot_be_built(browser: Client) -> None:
    page = browser.get("/spaces/new/?kind=vision&preset=cpu")
    told = page.context["facts"]["infeasible"]
    assert 0 < told["share"] < 1 and told["reasons"]
    for row in told["reasons"]:
        assert f"<li>{row['count']} × {row['reason']}</li>" in page.content.decode()


@pytest.mark.parametrize("query", ["", "?kind=nothing", "?kind=chain&preset=nothing", "?kind=%00"])
def test_what_is_not_declared_is_404(browser: Client, query: str) -> None:
    assert browser.get(f"/spaces/new/{query}").status_code == 404


def test_a_new_space_is_saved_once_and_opened(browser: Client) -> None:
    sent = fields(browser.get("/spaces/new/?kind=chain")) | {"name": "Short", "space.chain.max_layers": "4"}
    answers = [browser.post("/spaces/new/?kind=chain", sent) for _ in range(2)]
    (made,) = SpaceDefinition.objects.all()
    assert {answer.headers["Location"] for answer in answers} == {f"/spaces/{made.pk}/edit/"}
    assert (made.name, made.document["max_layers"]) == ("Short", 4)


def test_faults_come_back_with_the_form(browser: Client) -> None:
    sent = fields(browser.get("/spaces/new/?kind=chain")) | {"space.chain.max_layers": "900"}
    page = browser.post("/spaces/new/?kind=chain", sent)
    assert page.status_code == 422
    assert 'href="#f-space-chain-max_layers"' in page.content.decode()
    assert '"path": "/max_layers"' in page.content.decode()
    assert not SpaceDefinition.objects.exists()


def test_an_edit_is_a_version_and_a_late_one_is_told(browser: Client, saved: SpaceDefinition) -> None:
    path = f"/spaces/{saved.pk}/edit/"
    sent = fields(browser.get(path))
    assert browser.post(path, sent | {"space.chain.max_layers": "4", "note": "shorter"}).status_code == 302
    late = browser.post(path, sent | {"space.chain.max_layers": "3"})
    assert late.status_code == 409
    assert "Version 2 was saved meanwhile" in late.content.decode()
    assert browser.post(path, fields(late) | {"space.chain.max_layers": "3"}).status_code == 302
    saved.refresh_from_db()
    assert (saved.number, saved.document["max_layers"]) == (3, 3)


def test_a_preset_is_put_in_without_saving(browser: Client, saved: SpaceDefinition) -> None:
    path = f"/spaces/{saved.pk}/edit/"
    page = browser.post(path, fields(browser.get(path)) | {"fill": "paper"})
    assert page.context["form"].document() == api.space_document({"kind": "chain", "preset": "paper"})
    assert "data-dirty" in page.content.decode()
    assert browser.post(path, fields(page) | {"fill": "nothing"}).status_code == 404
    saved.refresh_from_db()
    assert saved.number == 1


def test_history_compares_and_restores(browser: Client, saved: SpaceDefinition, person: Any) -> None:
    services.save(saved, saved.name, {**saved.document, "types": ["conv"]}, person, seen=1, note="only conv")
    path = f"/spaces/{saved.pk}/history/"
    page = browser.get(f"{path}?from=1&to=2").content.decode()
    assert "only conv" in page
    assert page.count("avg_pool</del>") == 2        # in the table and in the comparison
    assert browser.post(f"{path}1/restore/").headers["Location"] == path
    assert "Version 1 is restored as version 3" in browser.get(path).content.decode()
    for query in ("?from=1&to=9", "?from=0&to=1", "?from=999999999&to=1"):
        assert browser.get(f"{path}{query}").status_code == 404
    for query in ("?from=x&to=1", "?from=1", "?from=١&to=1"):
        assert browser.get(f"{path}{query}").status_code == 200
    assert browser.post(f"{path}7/restore/").status_code == 404
    assert browser.post(f"{path}{2**40}/restore/").status_code == 404


def test_a_document_that_is_none_any_more_is_shown_with_its_faults(browser: Client, saved: SpaceDefinition) -> None:
    SpaceDefinition.objects.update(document={**saved.document, "gone_option": 1, "max_layers": 900})
    page = browser.get(f"/spaces/{saved.pk}/edit/")
    assert page.status_code == 422
    assert "Max layers is above 32" in page.content.decode()
    assert "needs putting right" in browser.get("/spaces/").content.decode()
    SpaceDefinition.objects.update(document={"kind": "gone"})
    assert browser.get(f"/spaces/{saved.pk}/edit/").status_code == 404
    assert browser.get("/spaces/").status_code == 200


def test_nobody_elses_space_is_there(browser: Client, visitor: Client, client: Client, saved: SpaceDefinition) -> None:
    asked = {"edit/": "get", "history/": "get", "space.json": "get", "delete/": "post", "history/1/restore/": "post"}
    for path, ask in asked.items():
        address = f"/spaces/{saved.pk}/{path}"
        assert getattr(visitor, ask)(address).status_code == 404
        assert getattr(client, ask)(address).status_code == 302
        assert getattr(browser, ask)(f"/spaces/{uuid.uuid4()}/{path}").status_code == 404
        if ask == "post":
            assert browser.get(address).status_code == 405
    assert "Mine" not in visitor.get("/spaces/").content.decode()
    assert SpaceDefinition.objects.count() == 1


def test_names_are_words_and_not_markup(browser: Client, saved: SpaceDefinition) -> None:
    for path in ("/spaces/", f"/spaces/{saved.pk}/edit/", f"/spaces/{saved.pk}/history/"):
        text = browser.get(path).content.decode()
        assert "Mine &lt;b&gt;" in text
        assert "Mine <b>" not in text


def test_the_document_goes_out_as_a_file_and_comes_in_again(browser: Client, saved: SpaceDefinition) -> None:
    answer = browser.get(f"/spaces/{saved.pk}/space.json")
    assert 'filename="mine-b.json"' in answer.headers["Content-Disposition"]
    assert json.loads(answer.content) == saved.document
    page = browser.post("/spaces/import/", {"source": "json", "file": SimpleUploadedFile("x.json", answer.content)})
    assert page.context["form"].document() == saved.document


def test_a_search_and_an_architecture_come_in_too(browser: Client) -> None:
    search = {"space": {"kind": "chain", "max_layers": 3}, "strategy": {"name": "random_search"}}
    page = browser.post("/spaces/import/", {"source": "json", "text": json.dumps(search)})
    assert page.context["form"].document()["max_layers"] == 3
    architecture = {"kind": "nas_bench_201", "genotype": {"arch": CELL}}
    page = browser.post("/spaces/import/", {"source": "json", "text": json.dumps(architecture)})
    assert page.context["facts"]["sample"]["genotype"] == {"arch": CELL}
    assert "average pool 3×3" in page.context["facts"]["drawing"]["words"]


DARTS = """Genotype(normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), ('sep_conv_3x3', 1),
('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2)], normal_concat=[2, 3, 4, 5],
reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0), ('max_pool_3x3', 0),
('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0)], reduce_concat=[2, 3, 4, 5])"""


@pytest.mark.parametrize(("source", "text", "kind"), [
    ("darts", DARTS, "darts_cell"), ("nas_bench_201", CELL, "nas_bench_201")])
def test_forms_of_other_tools_come_in_and_go_out(browser: Client, source: str, text: str, kind: str) -> None:
    page = browser.post("/spaces/import/", {"source": source, "text": text})
    assert page.status_code == 200
    assert page.context["form"].kind == kind
    told = page.context["facts"]["texts"][source]
    again = browser.post("/spaces/import/", {"source": source, "text": told})
    assert again.context["facts"]["sample"] == page.context["facts"]["sample"]
    assert f'data-export="{source}"' in page.content.decode()


@pytest.mark.parametrize(("source", "text"), [
    ("darts", "__import__('os').system('true')"), ("darts", "Genotype(normal=open('x'))"), ("darts", ""), ("darts", CELL),
    ("nas_bench_201", DARTS), ("nas_bench_201", ""), ("nas_bench_201", "|" * 100_000), ("darts", "(" * 90_000)])
def test_text_of_another_form_is_refused_and_never_run(browser: Client, source: str, text: str) -> None:
    assert browser.post("/spaces/import/", {"source": source, "text": text}).status_code == 422


HOSTILE = ["", "{", "null", "[]", "1", '{"kind": 1}', '{"kind": "chain", "genotype": null}', '{"kind": [], "genotype": {}}',
           '{"kind": "chain", "genotype": {"layers": 99}}', '{"genotype": {}}', '{"space": {"kind": "x"}}', '{"space": 1}',
           "\x00", "[" * 99,
           '{"kind": "nas_bench_201", "genotype": {"arch": "__import__(\'os\')"}}']


@pytest.mark.parametrize("text", HOSTILE)
def test_what_cannot_be_imported_is_refused_with_a_reason(browser: Client, text: str) -> None:
    page = browser.post("/spaces/import/", {"source": "json", "text": text})
    assert page.status_code == 422
    assert "It was not accepted" in page.content.decode()


def test_sources_and_sizes_are_limited(browser: Client) -> None:
    assert browser.post("/spaces/import/", {"source": "pickle", "text": "{}"}).status_code == 422
    large = SimpleUploadedFile("x.json", b" " * (imports.MOST_BYTES + 10))
    assert browser.post("/spaces/import/", {"source": "json", "file": large}).status_code == 422
    latin = SimpleUploadedFile("x.json", b"\xff\xfe")
    assert browser.post("/spaces/import/", {"source": "json", "file": latin}).status_code == 422


def test_deleting(browser: Client, saved: SpaceDefinition) -> None:
    assert browser.post(f"/spaces/{saved.pk}/delete/").headers["Location"] == "/spaces/"
    assert not SpaceDefinition.objects.exists()


SEARCH = {"dataset": "digits", "strategy": "smac", "name": "There and back", "budget.trials": "7", "key": str(uuid.uuid4()),
          "space": "chain", "space.chain.max_layers": "4", "space.chain.types": ["", "conv"], "space.darts_cell.nodes": "3"}


def hidden(page: Any) -> dict[str, list[str]]:
    """What the page carries unseen, by name."""
    found: dict[str, list[str]] = {}
    for name, text in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.content.decode()):
        found.setdefault(name, []).append(text)
    return found


def test_the_form_of_a_new_search_goes_through_the_editor(browser: Client) -> None:
    page = browser.post("/spaces/new/?kind=chain", {**SEARCH, "edit": "chain"})
    assert page.status_code == 200
    assert page.context["form"].document()["max_layers"] == 4
    assert page.context["form"].document()["types"] == ["conv"]
    carried = hidden(page)
    assert (carried["strategy"], carried["budget.trials"], carried["space.darts_cell.nodes"]) == (["smac"], ["7"], ["3"])
    assert "space.chain.types" not in [name for name, _ in page.context["kept"]]        # the editor's own
    sent = {**fields(page), **dict(page.context["kept"]), "kept": "1", "space": "chain", "space.chain.max_layers": "5"}
    again = browser.post("/spaces/new/?kind=chain", {**sent, "fill": "cpu"})            # without a script, too
    assert dict(again.context["kept"])["strategy"] == "smac"
    back = browser.post("/searches/new/", {**sent, "fill": "search"})
    document = back.context["form"].document()
    assert (document["name"], document["strategy"]["name"], document["budget"]["trials"]) == ("There and back", "smac", 7)
    assert document["space"]["max_layers"] == 5
    assert str(back.context["form"].key) != SEARCH["key"]


def test_a_space_with_faults_comes_to_the_editor_with_them_and_others_carry_nothing(browser: Client) -> None:
    page = browser.post("/spaces/new/?kind=chain", {**SEARCH, "space.chain.max_layers": "900", "edit": "chain"})
    assert page.status_code == 422
    assert page.context["faults"]
    assert dict(page.context["kept"])["strategy"] == "smac"
    assert browser.post("/spaces/new/?kind=chain", {**SEARCH, "space.chain.max_layers": "900"}).context["kept"] == []
    assert browser.get("/spaces/new/?kind=chain").context["kept"] == []


@pytest.mark.parametrize("text", ['{"kind": "chain", "\\ud800": 1}', '{"\\ud800": {"kind": NaN}}',
                                  '{"kind": "chain", "x<b>": NaN}'])
def test_an_import_with_an_unprintable_key_is_refused_in_words(browser: Client, text: str) -> None:
    page = browser.post("/spaces/import/", {"source": "json", "text": text})
    assert page.status_code == 422
    assert "It was not accepted" in page.content.decode()
    assert "x<b>" not in page.content.decode()
