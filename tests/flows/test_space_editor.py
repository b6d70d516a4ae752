"""The space editor in a real browser: one document in three views, live facts, faults that point, history, keys alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.editing import STAGE, Editor
from tests.flows.test_main_job import violations
from tests.flows.test_make_up import Up

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    started = Up(tmp_path_factory.mktemp("spaces") / "home", 18_460, NASWEB_DEMO="0")
    yield started
    if started.process.poll() is None:
        started.interrupt()


def test_form_diagram_and_json_are_one_document(editor: Editor) -> None:
    editor.open("/spaces/new/?kind=nas_bench_201")
    editor.fact("size", "15,625")
    editor.tab("Form")                              # by the form
    editor.page.get_by_label("none", exact=True).uncheck()
    editor.fact("size", "4,096")
    assert editor.document()["ops"] == ["skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
    pressed = editor.page.locator("[data-palette] button[aria-pressed=true]")
    assert pressed.all_inner_texts() == ["skip connect", "nor conv 1x1", "nor conv 3x3", "avg pool 3x3"]

    editor.page.locator("[data-palette]").get_by_role("button", name="avg pool 3x3").click()        # by the palette
    editor.fact("size", "729")
    assert not editor.page.get_by_label("avg_pool_3x3", exact=True).is_checked()

    editor.tab("Diagram")                           # by the diagram
    editor.wait("document.querySelector('[data-stage] [data-option=ops]')")
    node = editor.page.locator(f"{STAGE} button", has_text="conv 1×1").first
    node.focus()
    node.press("Delete")
    editor.fact("size", "64")
    assert editor.document()["ops"] == ["skip_connect", "nor_conv_3x3"]
    editor.wait("![...document.querySelectorAll('[data-stage] button')].some((one) => one.textContent === 'conv 1×1')")

    editor.typed('{"kind": "nas_bench_201", "ops": ["none"], "layers": 2}')        # by the JSON
    editor.fact("size", "1")
    editor.tab("Form")
    assert editor.page.locator("[name='space.nas_bench_201.layers']").input_value() == "2"
    assert editor.page.locator("input[name='space.nas_bench_201.ops']:checked").count() == 1
    editor.tab("Diagram")
    assert editor.page.locator("[data-steppers] [data-option=layers] output").inner_text() == "2"
    editor.page.get_by_role("button", name="More: Layers").click()
    assert editor.document() == {"kind": "nas_bench_201", "ops": ["none"], "layers": 3}


def test_a_fault_points_at_the_field_the_node_and_the_line(editor: Editor) -> None:
    editor.open("/spaces/new/?kind=chain")
    editor.tab("Form")
    editor.page.locator("[name='space.chain.max_layers']").fill("1")
    problems = editor.page.locator("[data-problems]")
    problems.get_by_text("Max layers is below min_layers").wait_for()
    field = editor.page.locator("[name='space.chain.max_layers']")
    assert field.get_attribute("aria-invalid") == "true"
    described = field.get_attribute("aria-describedby").split()[-1]
    assert "below min_layers" in editor.page.locator(f"[id='{described}']").inner_text()
    lines = editor.page.locator("#space-json").input_value().split("\n")
    line = next(i for i, text in enumerate(lines, 1) if '"max_layers"' in text)

    problems.get_by_role("button", name=re.compile(f"^Line {line}:")).click()
    assert editor.page.locator("[data-gutter] .bad").inner_text() == str(line)
    chosen = editor.page.evaluate("getSelection().toString()")
    assert '"max_layers": 1' in chosen
    editor.tab("Form")
    editor.page.locator("[name='space.chain.max_layers']").fill("4")
    editor.page.locator("[name='space.chain.min_layers']").fill("9")
    problems.get_by_role("button", name=re.compile("^Node:")).first.click()
    assert editor.page.evaluate("document.activeElement.dataset.option") == "max_layers"
    assert "bad" in editor.page.evaluate("document.activeElement.className")
    assert "below min_layers" in editor.page.evaluate("document.activeElement.getAttribute('aria-label')")
    problems.get_by_role("button", name=re.compile("^Field:")).first.click()
    assert editor.page.evaluate("document.activeElement.name") == "space.chain.max_layers"
    editor.page.locator("[name='space.chain.min_layers']").fill("3")
    problems.wait_for(state="hidden")
    assert editor.page.locator(".bad:not(.notice), [aria-invalid]").count() == 0


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999", "[" * 64 + "]" * 64, ""])
def test_a_fault_of_the_text_points_at_the_field_and_the_node_too(editor: Editor, value: str) -> None:
    editor.open("/spaces/new/?kind=chain")
    editor.typed(f'{{"kind": "chain",\n "max_layers": {value}}}')
    problems = editor.page.locator("[data-problems]")
    problems.get_by_role("button", name=re.compile("^Field: Line 2, column")).click()
    assert editor.page.evaluate("document.activeElement.name") == "space.chain.max_layers"
    assert editor.page.locator("[name='space.chain.max_layers']").get_attribute("aria-invalid") == "true"
    problems.get_by_role("button", name=re.compile("^Node: Line 2, column")).click()
    assert editor.page.evaluate("document.activeElement.dataset.option") == "max_layers"
    problems.get_by_role("button", name=re.compile("^Line 2")).click()
    assert editor.page.locator("[data-gutter] .bad").inner_text() == "2"


def test_a_circle_of_conditions_points_at_field_node_and_line(editor: Editor) -> None:
    editor.open("/spaces/new/?kind=composed")
    rows = [{"name": name, "kind": "real", "low": 0.1, "high": 0.2, "when": [{"name": other, "at_least": 0.15}]}
            for name, other in (("lr", "momentum"), ("momentum", "lr"))]
    editor.typed(json.dumps({"kind": "composed", "architecture": {"kind": "chain"}, "hyper": rows}))
    problems = editor.page.locator("[data-problems]")
    problems.get_by_text("circle of conditions").first.wait_for()
    problems.get_by_role("button", name=re.compile("^Field: Hyper")).first.click()
    assert editor.page.evaluate("document.activeElement.name").startswith("space.composed.hyper/0/when/0/")
    problems.get_by_role("button", name=re.compile("^Node: Hyper")).first.click()
    assert editor.focused() == "hyper/0"
    problems.get_by_role("button", name=re.compile("^Line ")).first.click()
    assert editor.page.evaluate("document.activeElement.id") == "space-json"


@pytest.mark.parametrize(("text", "line"), [
    ('{"kind": "chain",\n "max_layers": }', 2), ('{"kind": "chain",\n\n "max_layers": 4,\n "max_layers": 5}', 4),
    ('{"kind": "chain"', 1), ("[]", 1), ('{"kind": "chain"} x', 1), ('{\n"kind": "nas_bench_201"}', 2),
    ('{"kind": "chain", "max_layers": NaN}', 1), ("[" * 40, 1)])
def test_text_that_is_no_document_is_told_with_its_line_and_never_saved(editor: Editor, text: str, line: int) -> None:
    editor.open("/spaces/new/?kind=chain")
    before = editor.page.locator("[name='space.chain.max_layers']").input_value()
    editor.typed(text)
    assert editor.page.locator("[data-gutter] .bad").inner_text() == str(line)
    assert f"Line {line}" in editor.page.locator("[data-problems]").inner_text()
    editor.page.get_by_role("button", name="Save", exact=True).click()
    assert editor.page.evaluate("document.activeElement.id") == "space-json"
    assert "/spaces/new/" in editor.page.url
    editor.tab("Form")
    assert editor.page.locator("[name='space.chain.max_layers']").input_value() == before


def test_facts_come_at_once_and_r_draws_another(editor: Editor) -> None:
    editor.open("/spaces/new/?kind=chain&preset=cpu")
    first = editor.page.locator("[data-fact=words]").inner_text()
    editor.page.locator("h1").click()
    for _ in range(5):                              # one of them differs, whatever the seeds give
        editor.page.keyboard.press("r")
        editor.page.wait_for_timeout(250)
        if editor.page.locator("[data-fact=words]").inner_text() != first:
            break
    assert editor.page.locator("[data-fact=words]").inner_text() != first
    editor.tab("Form")
    editor.page.locator("[name='space.chain.max_layers']").fill("7")
    size = editor.page.locator("[data-fact=size]").inner_text()
    editor.page.locator("[name='space.chain.max_layers']").fill("8")
    editor.wait(f"document.querySelector('[data-fact=size]').textContent !== {json.dumps(size)}")
    for name in ("parameters", "flops", "memory"):
        assert " – " in editor.page.locator(f"[data-fact={name}]").inner_text()
    assert "condition" in editor.page.locator("[data-fact=decisions]").inner_text()
    assert "%" in editor.page.locator("[data-fact=infeasible]").inner_text()
    editor.page.locator("[name='space.chain.max_layers']").press("r")       # writing is no shortcut
    assert "r" in editor.page.locator("[name='space.chain.max_layers']").input_value()


def test_samples_that_cannot_be_built_are_counted_with_their_reasons(editor: Editor) -> None:
    editor.open("/spaces/new/?kind=vision&preset=cpu")
    told = "[...document.querySelectorAll('[data-fact=why] li')].map((one) => one.textContent)"
    first = editor.page.evaluate(told)
    assert first
    editor.page.locator("[data-another]").click()
    editor.wait(f"JSON.stringify({told}) !== {json.dumps(json.dumps(first, ensure_ascii=False, separators=(',', ':')))}")
    second = editor.page.evaluate(told)
    assert all(re.match(r"\d+ × .*leaves nothing of", line) for line in (*first, *second))
    share = int(editor.page.locator("[data-fact=infeasible]").inner_text().removesuffix(" %"))
    assert share == int(100 * sum(int(line.split()[0]) for line in second) / 32 + 0.5)


def test_a_composed_space_is_one_document_in_three_views(editor: Editor) -> None:
    editor.open("/spaces/new/?kind=composed&preset=cpu")
    editor.tab("Form")
    field = lambda name: editor.page.locator(f"[name='space.composed.{name}']")     # noqa: E731
    assert field("architecture").is_hidden()                # the JSON has a form in its place
    field("architecture/kind").select_option("nas_bench_201")
    assert editor.document()["architecture"]["kind"] == "nas_bench_201"
    editor.page.locator("[data-palette]").get_by_role("button", name="none").click()
    assert "none" not in editor.document()["architecture"]["ops"]
    assert not editor.page.get_by_label("none", exact=True).is_checked()
    editor.tab("Diagram")
    editor.page.get_by_role("button", name="More: Layers").click()
    assert editor.document()["architecture"]["layers"] == 2
    editor.tab("Form")
    assert field("architecture/layers").input_value() == "2"

    field("hyper/1/high").fill("0.05")                      # the learning rate
    assert editor.document()["hyper"][1] == {"name": "lr", "kind": "real", "low": 0.001, "high": 0.05, "prior": "log"}
    field("hyper/1/prior").select_option("normal")
    field("hyper/1/mu").fill("0.02")
    assert editor.document()["hyper"][1]["mu"] == 0.02
    editor.page.get_by_role("button", name="Add a hyperparameter").click()
    added = editor.document()["hyper"][-1]
    assert len(editor.document()["hyper"]) == 5
    assert field("hyper/4/name").input_value() == added["name"]
    editor.page.get_by_role("button", name="Remove hyperparameter 5").click()
    assert len(editor.document()["hyper"]) == 4

    field("hyper/1/low").fill("7")                          # a fault points at its field and its line
    problems = editor.page.locator("[data-problems]")
    problems.get_by_role("button", name=re.compile("^Field: Hyper › 1")).first.click()
    assert editor.page.evaluate("document.activeElement.name").startswith("space.composed.hyper/1/")
    line = problems.get_by_role("button", name=re.compile("^Line ")).first
    line.click()
    assert '"name": "lr"' in editor.page.evaluate("getSelection().toString()")
    editor.typed(json.dumps({"kind": "composed", "architecture": {"kind": "chain", "layers": 1}, "hyper": []}))
    problems.get_by_role("button", name=re.compile("^Field: Architecture › Layers")).wait_for()
    editor.typed(json.dumps({"kind": "composed", "architecture": {"kind": "chain", "max_layers": 40}, "hyper": [
        {"name": "lr", "kind": "real", "low": 0.1, "high": 0.2}]}))
    problems.get_by_role("button", name=re.compile("^Node: Architecture › Max layers")).click()
    assert editor.page.evaluate("document.activeElement.dataset.option") == "architecture/max_layers"
    editor.tab("Form")
    assert field("hyper/0/high").input_value() == "0.2"
    assert field("hyper/1/high").count() == 0
    field("architecture/max_layers").fill("4")
    problems.wait_for(state="hidden")
    editor.save()
    assert editor.document()["architecture"]["max_layers"] == 4
    assert violations(editor.page) == []


def test_saved_versions_are_compared_and_restored(editor: Editor) -> None:
    editor.open("/spaces/new/?kind=chain")
    editor.page.get_by_label("Name").fill("Small chains")
    editor.tab("Diagram")
    editor.page.get_by_role("button", name="Fewer: Max layers").click()
    assert editor.page.locator("[data-dirty-words]").inner_text() == "changed, not saved"
    editor.save()
    assert re.search(r"/spaces/[0-9a-f-]{36}/edit/$", editor.page.url)
    editor.wait("window.nasweb?.space")
    editor.page.locator("[data-palette]").get_by_role("button", name="avg pool").click()
    editor.page.get_by_label(re.compile("What changed")).fill("no averages")
    editor.save()
    assert editor.page.locator("[data-dirty-words]").inner_text() == "version 2"

    editor.page.get_by_role("link", name="History").click()
    row = editor.page.locator("tr[data-version='2']")
    assert "no averages" in row.inner_text()
    assert "Types" in row.inner_text()
    assert "avg_pool" in row.locator("del").inner_text()
    assert violations(editor.page) == []
    editor.page.get_by_role("button", name="Restore version 1").click()
    editor.page.get_by_text("Version 1 is restored as version 3").wait_for()
    assert "avg_pool" in editor.page.locator("tr[data-version='3'] ins").inner_text()
    editor.page.get_by_label("to", exact=True).select_option("3")
    editor.page.get_by_label("What changed from").select_option("1")
    editor.page.get_by_role("button", name="Compare").click()
    assert "nothing" in editor.page.locator("[aria-labelledby=h-compared]").inner_text()

    editor.page.get_by_role("link", name="Back to the editor").click()
    editor.wait("window.nasweb?.space")
    assert "avg_pool" in editor.document()["types"]
    with editor.page.expect_download() as download:
        editor.page.locator("summary", has_text="More").click()
        editor.page.get_by_role("button", name="Export the document").click()
    assert json.loads(Path(download.value.path()).read_text()) == editor.document()
    editor.page.get_by_role("button", name="Search this space").click()
    editor.page.wait_for_url(re.compile("/searches/new/$"))
    assert editor.page.locator("[name=space][value=chain]").is_checked()
    assert editor.page.locator("[name='space.chain.max_layers']").input_value() == "5"
    assert editor.page.locator("[name=name]").first.input_value() == "Small chains"
    editor.page.goto(f"{editor.origin}/searches/new/?space=nas_bench_201")      # and it can be picked there
    editor.page.get_by_role("button", name="Small chains").click()
    assert editor.page.locator("[name=space][value=chain]").is_checked()
    assert editor.page.locator("[name='space.chain.max_layers']").input_value() == "5"


def test_all_of_it_by_the_keyboard_alone(editor: Editor) -> None:
    editor.open("/spaces/new/?kind=chain")
    keys = editor.page.keyboard
    for _ in range(120):                            # the diagram is one stop on the way
        keys.press("Tab")
        if editor.focused() == "input":
            break
    assert editor.focused() == "input"
    keys.press("ArrowRight")
    assert editor.focused() == "block-1"
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    assert editor.focused() == "block-1-separable_conv"
    keys.press("Delete")
    assert editor.document()["types"] == ["conv", "max_pool", "avg_pool"]
    assert editor.focused() == "block-1-separable_conv"
    keys.press("Delete")                            # nothing more to take out
    assert editor.document()["types"] == ["conv", "max_pool", "avg_pool"]
    keys.press("Space")
    assert editor.document()["types"] == ["conv", "separable_conv", "max_pool", "avg_pool"]
    keys.press("+")
    assert editor.document()["max_layers"] == 7
    keys.press("End")
    assert editor.focused() == "hidden"
    keys.press("Home")
    keys.press("ArrowRight")
    keys.press("Enter")
    assert editor.page.evaluate("document.activeElement.name") == "space.chain.min_layers"
    keys.press("Control+s")
    editor.wait("document.querySelector('.notice.good')")


def test_leaving_with_changes_asks_first(editor: Editor) -> None:
    editor.open("/spaces/new/?kind=chain")
    asked: list[str] = []
    editor.page.on("dialog", lambda dialog: asked.append(dialog.type))
    editor.page.goto(f"{editor.origin}/spaces/")
    assert asked == []
    editor.open("/spaces/new/?kind=chain")
    editor.page.get_by_role("button", name="More: Max layers").click()
    editor.page.goto(f"{editor.origin}/spaces/")
    assert asked == ["beforeunload"]


def test_a_choice_is_found_by_its_name(editor: Editor) -> None:
    editor.open("/spaces/new/?kind=chain")
    editor.page.get_by_label("Find a choice").fill("pool")
    shown = editor.page.locator("[data-palette] .pick:visible")
    assert "max pool" in shown.all_inner_texts()
    assert "conv" not in shown.all_inner_texts()
    editor.page.get_by_label("Find a choice").fill("nothing like it")
    assert editor.page.locator("[data-none]").is_visible()


def test_an_architecture_is_imported_with_its_drawing(editor: Editor) -> None:
    editor.page.goto(f"{editor.origin}/spaces/")
    cell = "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|none~0|none~1|avg_pool_3x3~2|"
    editor.page.get_by_label("or from text").fill(json.dumps({"kind": "nas_bench_201", "genotype": {"arch": cell}}))
    editor.page.get_by_role("button", name="Import").click()
    editor.wait("document.querySelector('[data-stage]')?.dataset.drawn")
    labels = editor.page.locator(f"{STAGE} button").all_inner_texts()
    assert sorted(labels) == sorted(["in", "1", "2", "out", "conv 3×3", "skip", "none", "none", "none", "average pool 3×3"])
    with editor.page.expect_download() as download:
        editor.page.locator("summary", has_text="More").click()
        editor.page.get_by_role("button", name="Export the sample").click()
    assert json.loads(Path(download.value.path()).read_text())["genotype"] == {"arch": cell}


def test_a_text_of_another_tool_is_imported_and_written_again(editor: Editor) -> None:
    editor.page.goto(f"{editor.origin}/spaces/")
    cell = "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|none~0|none~1|avg_pool_3x3~2|"
    editor.page.get_by_label("What it is").select_option("nas_bench_201")
    editor.page.get_by_label("or from text").fill("|sep_conv~0|")
    editor.page.get_by_role("button", name="Import").click()
    editor.page.get_by_text("It was not accepted").wait_for()
    assert editor.page.get_by_label("or from text").input_value() == "|sep_conv~0|"
    assert violations(editor.page) == []
    editor.page.get_by_label("or from text").fill(cell)
    editor.page.get_by_role("button", name="Import").click()
    editor.wait("document.querySelector('[data-stage]')?.dataset.drawn")
    with editor.page.expect_download() as download:
        editor.page.locator("summary", has_text="More").click()
        editor.page.get_by_role("button", name="The sample as a NAS-Bench-201 string").click()
    assert Path(download.value.path()).read_text().strip() == cell
