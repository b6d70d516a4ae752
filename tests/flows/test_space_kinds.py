"""The editors of all kinds of spaces in a real browser: what each draws, how large, and that everybody can use it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from engine.registry import discover
from tests.flows.editing import STAGE, Editor
from tests.flows.test_main_job import violations
from tests.flows.test_make_up import Up

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    started = Up(tmp_path_factory.mktemp("editors") / "home", 18_660, NASWEB_DEMO="0")
    yield started
    if started.process.poll() is None:
        started.interrupt()


OFTEN = {"chain", "darts_cell", "composed"}              # kinds whose forms have all that forms can have
LOOKED_AT = discover("spaces") if os.environ.get("NASWEB_CONFORMANCE") == "all" else OFTEN


@pytest.mark.parametrize("kind", ["", *sorted(LOOKED_AT)])
def test_pages_are_accessible_in_both_themes_and_fit_a_phone(editor: Editor, kind: str) -> None:
    if kind:
        editor.open(f"/spaces/new/?kind={kind}")
    else:
        editor.page.goto(f"{editor.origin}/spaces/")
        editor.page.wait_for_timeout(1000)
    assert violations(editor.page) == []
    for name in ("Form", "JSON") if kind in OFTEN else ():
        editor.tab(name)
        assert violations(editor.page) == []
    editor.page.set_viewport_size({"width": 390, "height": 844})
    editor.page.wait_for_timeout(500)
    assert editor.page.evaluate("document.documentElement.scrollWidth") <= 390


def places(editor: Editor) -> dict[str, Any]:
    """Where the sums of the drawn cells stand."""
    place = "[one.dataset.key, parseFloat(one.style.left), parseFloat(one.style.top)]"
    found = f"[...document.querySelectorAll('[data-stage] .bit.round')].map((one) => {place})"
    return {key: (x, y) for key, x, y in editor.page.evaluate(found)}


def another(editor: Editor) -> None:
    words = editor.page.locator("[data-fact=words]").inner_text()
    editor.page.keyboard.press("r")
    editor.wait(f"document.querySelector('[data-fact=words]').innerText !== {json.dumps(words)}")


def test_nodes_stay_where_they_are_from_sample_to_sample(editor: Editor) -> None:
    editor.open("/spaces/new/?kind=darts_cell&preset=search")
    editor.page.locator("h1").click()
    before, shifts = places(editor), set()
    for _ in range(3):
        another(editor)
        editor.page.wait_for_timeout(200)
        after = places(editor)
        assert set(after) == set(before) and len(after) >= 8
        for cell in ("0-", "1-"):                   # a cell may move as a whole, to make room for the words of its edges
            moved = {tuple(round(after[k][axis] - before[k][axis]) for axis in (0, 1)) for k in before if k.startswith(cell)}
            assert len(moved) == 1
            shifts |= moved
        before = after
    assert all(abs(x) < 60 and abs(y) < 90 for x, y in shifts)


SIDEWAYS = "(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('[data-stage]'))"


@pytest.mark.parametrize("kind", ["cell", "enas_micro", "fabric"])
def test_the_widest_cells_can_be_read_without_a_sideways_scroll(editor: Editor, kind: str) -> None:
    editor.open(f"/spaces/new/?kind={kind}")
    assert editor.page.evaluate(SIDEWAYS) <= 1
    assert int(editor.page.locator("[data-sizes] output").inner_text().removesuffix(" %")) >= 75
    box = "(({ left, right, top }) => [left, right, Math.round(top)])(one.getBoundingClientRect())"
    boxes = editor.page.evaluate(f"[...document.querySelectorAll('[data-stage] .bit')].map((one) => {box})")
    assert all(a[1] <= b[0] for a in boxes for b in boxes if a[2] == b[2] and a[0] < b[0])      # on one line


def test_a_wide_cell_is_made_to_fit_or_as_large_as_one_likes(editor: Editor) -> None:
    editor.page.set_viewport_size({"width": 390, "height": 844})
    editor.open("/spaces/new/?kind=fabric")
    size = lambda: int(editor.page.locator("[data-sizes] output").inner_text().removesuffix(" %"))      # noqa: E731
    assert size() == 75                             # as small as can be read
    assert editor.page.evaluate(SIDEWAYS) > 0
    editor.page.get_by_role("button", name="Whole width").click()
    assert 25 <= size() < 75
    assert editor.page.evaluate(SIDEWAYS) <= 1
    whole = size()
    editor.page.get_by_role("button", name="Larger", exact=True).press("Enter")
    assert size() == pytest.approx(1.25 * whole, abs=1)
    editor.page.get_by_role("button", name="Smaller", exact=True).click()
    editor.page.get_by_role("button", name="Smaller", exact=True).click()
    assert size() < whole
    chosen = size()
    editor.page.locator("[data-another]").click()
    editor.page.wait_for_timeout(500)
    assert size() == chosen                         # another sample keeps it


def test_the_blocks_of_a_chain_stand_in_lines_that_keys_follow(editor: Editor) -> None:
    editor.page.set_viewport_size({"width": 390, "height": 844})
    editor.open("/spaces/new/?kind=chain&preset=paper")
    assert editor.page.evaluate(SIDEWAYS) <= 0
    top = "[...document.querySelectorAll('[data-stage] .bit:not(.chip)')].map((one) => one.offsetTop)"
    assert len(set(editor.page.evaluate(top))) > 3
    box = "(({ x, width }) => [x, x + width])(one.getBBox())"
    ends = f"[...document.querySelectorAll('[data-stage] path')].map((one) => {box})"
    wide = editor.page.evaluate("parseFloat(document.querySelector('[data-stage] .plane').style.width)")
    assert all(0 < left and right < wide for left, right in editor.page.evaluate(ends))       # lines turn inside
    editor.page.locator(f"{STAGE} [data-key=input]").focus()
    walked = []
    for _ in range(13):
        editor.page.keyboard.press("ArrowRight")
        walked.append(editor.focused())
    assert walked == [*(f"block-{k}" for k in range(1, 13)), "hidden"]
    for _ in range(13):
        editor.page.keyboard.press("ArrowLeft")
    assert editor.focused() == "input"


def test_a_hyperparameter_has_as_many_conditions_as_one_likes(editor: Editor) -> None:
    editor.open("/spaces/new/?kind=composed&preset=cpu")
    editor.tab("Form")
    row = lambda: editor.document()["hyper"][2]     # noqa: E731
    name = lambda: editor.page.evaluate("document.activeElement.name")  # noqa: E731
    field = lambda key: editor.page.locator(f"[name='space.composed.hyper/2/when/{key}']")       # noqa: E731
    assert row()["name"] == "weight_decay" and "when" not in row()
    editor.page.get_by_role("button", name="Add a condition to hyperparameter 3").press("Enter")
    assert row()["when"] == [{"name": "optimizer", "among": ["sgd"]}]
    assert name() == "space.composed.hyper/2/when/0/name"           # and the keys go on from there
    for _ in range(2):
        editor.page.keyboard.press("Tab")
    editor.page.keyboard.type("sgd, adamw")
    assert row()["when"] == [{"name": "optimizer", "among": ["sgd", "adamw"]}]
    editor.page.get_by_role("button", name="Add a condition to hyperparameter 3").click()
    assert row()["when"][1] == {"name": "lr", "at_least": 0.001}
    field("1/at_least").fill("0.01")
    assert row()["when"][1] == {"name": "lr", "at_least": 0.01}
    editor.wait("!document.querySelector('#facts').hasAttribute('aria-busy')")
    assert editor.page.locator("[data-problems]").is_hidden()

    field("1/test").select_option(label="is one of")                # real numbers have no list to be one of
    assert row()["when"][1] == {"name": "lr", "among": [0.01]}
    problems = editor.page.locator("[data-problems]")
    problems.get_by_role("button", name=re.compile("^Field: Hyper › 2 › When › 1 › Among")).click()
    assert name() == "space.composed.hyper/2/when/1/among"
    assert field("1/among").get_attribute("aria-invalid") == "true"
    problems.get_by_role("button", name=re.compile("^Node: Hyper › 2")).click()
    assert editor.focused() == "hyper/2"
    told = editor.page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert "counts if optimizer is one of sgd, adamw and lr is one of 0.01. Hyper › 2" in told
    assert "bad" in editor.page.evaluate("document.activeElement.className")
    editor.page.keyboard.press("Enter")
    assert name() == "space.composed.hyper/2/name"
    problems.get_by_role("button", name=re.compile("^Line ")).click()
    assert '"among": [0.01]' in editor.page.evaluate("getSelection().toString()")
    editor.tab("Form")
    field("1/name").select_option("momentum")
    problems.wait_for(state="hidden")
    assert row()["when"][1] == {"name": "momentum", "at_least": 0.5}
    editor.page.get_by_role("button", name="Remove condition 1 of hyperparameter 3").press("Enter")
    assert row()["when"] == [{"name": "momentum", "at_least": 0.5}]
    assert "Remove condition 1" in editor.page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert violations(editor.page) == []
    editor.page.keyboard.press("Enter")
    assert "when" not in row()
    assert "Add a condition" in editor.page.evaluate("document.activeElement.getAttribute('aria-label')")
    editor.save()
    assert "when" not in row()


def test_from_a_new_search_to_the_editor_and_back(editor: Editor) -> None:
    editor.page.goto(f"{editor.origin}/searches/new/?space=composed&strategy=smac")
    editor.page.locator("[name=name]").first.fill("There and back")
    editor.page.locator("[name='budget.trials']").fill("7")
    editor.page.get_by_role("button", name=re.compile("^Edit in the editor: Architecture and training")).click()
    editor.wait("window.nasweb?.space && document.querySelector('[data-stage]').dataset.drawn")
    editor.page.locator("[data-palette]").get_by_role("button", name="avg pool").click()
    assert "avg_pool" not in editor.document()["architecture"]["types"]
    editor.page.get_by_role("button", name="Back to the new search").click()
    editor.page.wait_for_url(re.compile("/searches/new/$"))
    document = json.loads(editor.page.locator("#preview").inner_text())
    assert "avg_pool" not in document["space"]["architecture"]["types"]
    assert (document["name"], document["strategy"]["name"], document["budget"]["trials"]) == ("There and back", "smac", 7)
