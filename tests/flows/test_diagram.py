"""The diagram in a browser: three zooms by mouse and keys, places that stay, files, words, themes and narrow screens."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from engine.architecture.drawing import draw
from engine.errors import Invalid
from engine.registry import discover
from engine.spec import parse_space

ROOT = Path(__file__).resolve().parents[2]
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
          "connect-src 'self'; font-src 'self'")
KINDS = {".js": "text/javascript", ".css": "text/css"}
INPUTS: dict[str, tuple[tuple[int, ...], int]] = {"images": ((3, 32, 32), 10), "table": ((7,), 3), "text": ((12,), 98)}
SCRIPT = """import { Diagram } from "/static/js/diagram.js";
window.diagram = new Diagram(document.querySelector("[data-diagram]"), "test", { words: true, file: "net" });
window.ready = window.diagram.draw(JSON.parse(document.getElementById("drawing").textContent), "A network");"""
PAGE = """<!doctype html><html lang="en" data-bs-theme="{theme}"><head><title>Diagram</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/static/vendor/bootstrap-5.3.9/bootstrap.min.css">
<link rel="stylesheet" href="/static/css/nasweb.css"><script type="module" src="/page.js"></script></head>
<body><main class="page"><h1>Diagram</h1><section class="panel"><div class="body"><div data-diagram></div></div></section>
</main>
<script type="application/json" id="drawing">{drawing}</script></body></html>"""
AXE = """async () => (await axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa",
"best-practice"]}))
.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join(" | ")}`)"""
PLACES = """() => Object.fromEntries([...document.querySelectorAll("g[id*='-node-']")]
.map((g) => [g.id, g.style.transform]))"""
CELL = "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|"
OTHER = "|none~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|none~0|skip_connect~1|nor_conv_3x3~2|"
Opened = Callable[..., Page]


@cache
def sampled(kind: str, preset: str = "cpu", seed: int = 0) -> dict[str, Any]:
    space = parse_space({"kind": kind, "preset": preset})[1]
    shape, classes = INPUTS[str(discover("spaces")[kind].facts.get("data", ["images"])[0])]
    for k in range(seed, seed + 50):
        try:
            return draw(space, space.sample(Random(k)).architecture, shape, classes)
        except Invalid:
            continue
    raise AssertionError("no sample can be built")


def small(arch: str = CELL) -> dict[str, Any]:
    space = parse_space({"kind": "nas_bench_201", "preset": "paper"})[1]
    return draw(space, space.parse({"arch": arch}), (3, 32, 32), 10)


@pytest.fixture
def opened(context: BrowserContext) -> Opened:
    faults: list[str] = []

    def start(drawing: dict[str, Any], theme: str = "light", width: int = 900) -> Page:
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        body = PAGE.replace("{theme}", theme).replace("{drawing}", json.dumps(drawing).replace("<", "\\u003c"))

        def answer(route: Route) -> None:
            path = route.request.url.split("nasweb.test", 1)[1]
            file = ROOT / path[1:]
            if path == "/":
                route.fulfill(body=body, content_type="text/html", headers={"Content-Security-Policy": POLICY})
            elif path == "/page.js":
                route.fulfill(body=SCRIPT, content_type="text/javascript")
            elif file.is_file() and path.startswith(("/static/", "/tests/flows/axe")):
                route.fulfill(body=file.read_bytes(), content_type=KINDS.get(file.suffix, "text/plain"))
            else:
                route.fulfill(status=404)

        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if "Content Security" in line.text else None)
        page.route("**/*", answer)
        page.goto("http://nasweb.test/")
        page.wait_for_selector("[data-drawn]")
        return page

    yield start
    assert not faults


def zoom(page: Page, word: str) -> None:
    page.get_by_role("button", name=word, exact=True).click()
    page.wait_for_selector(f"[data-zoom={'macro' if word == 'Network' else 'cell' if word == 'Cell' else 'detail'}]")


def redraw(page: Page, drawing: dict[str, Any]) -> None:
    page.evaluate("(drawing) => diagram.draw(drawing, 'Another network')", drawing)


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.getAttribute('aria-label')"))


@pytest.mark.parametrize("kind", sorted(discover("spaces")))
def test_every_kind_is_drawn_at_three_zooms(opened: Opened, kind: str) -> None:
    drawing = sampled(kind)
    page = opened(drawing)
    labels = page.locator("svg .item").evaluate_all("all => all.map((one) => one.getAttribute('aria-label'))")
    for cell in drawing["cells"]:
        for node in cell["nodes"]:
            assert any(node["label"] in label for label in labels), node
    zoom(page, "Network")
    assert page.locator("svg .item").count() == len(drawing["macro"])
    zoom(page, "Layers")
    assert page.locator(".layers tbody tr").count() >= 1
    zoom(page, "Cell")
    assert page.locator("svg desc").text_content() == drawing["words"] == page.locator(".in-words p").text_content()


def test_a_box_is_as_high_as_its_feature_map_and_repeats_open_out(opened: Opened) -> None:
    page = opened(small())
    zoom(page, "Network")
    high = page.locator("svg rect.node").evaluate_all("all => all.map((one) => Number(one.getAttribute('height')))")
    assert high[0] == high[2] > high[3] == high[4] > high[5] == high[6] > high[7]
    assert page.locator("svg .repeats").all_text_contents() == ["× 5"] * 3
    label = page.locator("svg .item").nth(2).get_attribute("aria-label")
    assert label.startswith("stage 1 cell 1–5, × 5: gives 16×32×32")
    page.get_by_role("button", name="Each repeat").click()
    assert page.locator("svg .item").count() == 20 and page.locator("svg .repeats").count() == 0
    assert page.get_by_role("button", name="Each repeat").get_attribute("aria-pressed") == "true"


def test_enter_goes_in_and_escape_comes_out(opened: Opened) -> None:
    page = opened(small())
    zoom(page, "Network")
    page.locator("svg .item").first.focus()
    for expected in ("stem", "stage 1"):
        page.keyboard.press("ArrowRight")
        assert focused(page).startswith(expected)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-zoom=cell]")
    assert page.locator(".place").inner_text() == "Opened at stage 2 cell 1"
    page.locator("svg [aria-label^='conv 1×1, from input to output']").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-zoom=detail]")
    assert page.locator(".place").inner_text() == "3 layers of conv 1×1 in stage 2 cell 1"
    rows = page.locator(".layers tbody tr").all_inner_texts()
    assert rows[1].split("\t")[2:] == ["32×16×16", "32×16×16", "1.02 k", "524 k"]
    assert "conv 1×1 (channels 32" in page.locator("svg desc").text_content()
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-zoom=cell]")
    assert focused(page).startswith("conv 1×1, from input to output"), "back where one came from"
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-zoom=macro]")
    page.keyboard.press("Escape")
    assert page.locator("[data-diagram]").get_attribute("data-zoom") == "macro"


def test_arrows_move_among_nodes_and_there_is_one_tab_stop(opened: Opened) -> None:
    page = opened(small())
    assert page.locator("svg [tabindex='0']").count() == 1
    page.locator("svg [aria-label='in: input']").focus()
    seen = [focused(page)]
    for key in ("ArrowRight", "ArrowRight", "End", "ArrowLeft", "Home"):
        page.keyboard.press(key)
        seen.append(focused(page))
    assert len(set(seen)) >= 4 and seen[0] == seen[-1] == "in: input"
    assert page.locator("svg [tabindex='0']").count() == 1
    page.locator("svg [aria-label^='none, from sum 1']").first.click()
    page.wait_for_selector("[data-zoom=detail]")
    assert page.locator(".place").inner_text() == "No layers are listed for none"


@pytest.mark.parametrize(("kind", "preset"), [("nas_bench_201", "cpu"), ("darts_cell", "paper"), ("cell", "nasnet"),
                                              ("fabric", "cpu")])
def test_a_node_stays_where_it_was_in_the_next_sample(opened: Opened, kind: str, preset: str) -> None:
    page = opened(sampled(kind, preset, 3))
    before = page.evaluate(PLACES)
    redraw(page, sampled(kind, preset, 4))
    after = page.evaluate(PLACES)
    shared = set(before) & set(after)
    assert len(shared) >= 3
    moved = [name for name in shared if before[name] != after[name]]
    assert len(moved) <= len(shared) / 3, moved
    redraw(page, sampled(kind, preset, 4))
    assert page.evaluate(PLACES) == after


def test_the_sums_of_a_small_cell_never_move_and_are_not_made_anew(opened: Opened) -> None:
    page = opened(small())
    before, node = page.evaluate(PLACES), page.query_selector("g[id$='-node-node_1-round']")
    redraw(page, small(OTHER))
    assert page.evaluate(PLACES) == before
    assert node is not None
    assert node.evaluate("(one) => one.isConnected")


def test_a_longer_chain_keeps_the_blocks_that_it_had(opened: Opened) -> None:
    space = parse_space({"kind": "chain"})[1]
    block = {"type": "conv", "kernel": 3, "channels": 16, "stride": 1}
    rows = [{f"block_{k}_{name}": value for k in range(1, n + 1) for name, value in block.items()} for n in (3, 5)]
    chains = [space.parse({"layers": len(row) // len(block), "hidden": 0, **row}) for row in rows]
    page = opened(draw(space, chains[0], (3, 32, 32), 10))
    before = page.evaluate(PLACES)
    redraw(page, draw(space, chains[1], (3, 32, 32), 10))
    after = page.evaluate(PLACES)
    assert all(after[name] == place for name, place in before.items() if "-block_" in name)


def test_movement_is_left_out_where_a_person_wants_none(opened: Opened) -> None:
    page = opened(small())
    assert "300ms" in page.locator("g[id$='-node-node_1-round']").get_attribute("style")
    page.emulate_media(reduced_motion="reduce")
    redraw(page, small(OTHER))
    assert "300ms" not in page.locator("g[id$='-node-node_1-round']").get_attribute("style")


@pytest.mark.parametrize("word", ["Cell", "Network", "Layers"])
def test_downloads_are_files_of_their_own(opened: Opened, word: str) -> None:
    page = opened(small())
    zoom(page, word)
    with page.expect_download() as download:
        page.get_by_role("button", name="SVG").click()
    text = Path(download.value.path()).read_text()
    tree = ElementTree.fromstring(text)
    assert tree.tag.endswith("svg") and tree.find("{http://www.w3.org/2000/svg}title").text.startswith("A network")
    assert "var(" not in text and "class=" not in text and "http" not in text.replace("http://www.w3.org/2000/svg", "")
    name = {"Cell": "net", "Network": "net_network", "Layers": "net_layers"}[word]
    assert download.value.suggested_filename == f"{name}.svg"
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    data = Path(download.value.path()).read_bytes()
    wide, high = struct.unpack(">II", data[16:24])
    assert data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) > 2000
    assert (wide, high) == (2 * round(float(tree.get("width"))), 2 * round(float(tree.get("height"))))
    assert download.value.suggested_filename == f"{name}.png"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["nas_bench_201", "cell", "fabric"])
def test_no_barrier_is_found_in_either_theme(opened: Opened, kind: str, theme: str) -> None:
    page = opened(sampled(kind), theme)
    page.add_script_tag(url="http://nasweb.test/tests/flows/axe.min.js")
    page.locator(".in-words summary").click()
    for word in ("Cell", "Network", "Layers"):
        zoom(page, word)
        assert page.evaluate(AXE) == []


@pytest.mark.parametrize("kind", ["darts_cell", "fabric", "chain", "multi_branch"])
def test_a_narrow_screen_needs_no_sideways_scroll(opened: Opened, kind: str) -> None:
    page = opened(sampled(kind), width=390)
    for word in ("Cell", "Network", "Layers"):
        zoom(page, word)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_colour_is_never_alone(opened: Opened) -> None:
    page = opened(small())
    signs = page.locator("svg[id] .sign").evaluate_all(
        "all => all.map((one) => [one.className.baseVal, one.getAttribute('d')])")
    families = {look.split()[1]: shape for look, shape in signs}
    assert set(families) == {"f-conv", "f-skip", "f-none", "f-pool"} and len(set(families.values())) == 4
    assert page.locator(".legend li").all_inner_texts() == ["nothing", "skip", "pooling", "convolution"]
    look = "one => getComputedStyle(one).strokeDasharray + getComputedStyle(one).strokeWidth"
    dashes = {page.locator(f"path.edge.{name}").first.evaluate(look) for name in families}
    assert len(dashes) == 4


def test_a_cell_that_is_one_layer_opens_into_that_layer(opened: Opened) -> None:
    page = opened(sampled("recurrent_cell"))
    page.locator("svg .item").last.click()
    page.wait_for_selector("[data-zoom=detail]")
    assert page.locator(".place").inner_text() == "1 layer in cell"


def test_a_drawing_without_its_network_is_the_cell_alone(opened: Opened) -> None:
    page = opened({"cell": small()["cell"], "macro": [], "words": "A cell."})
    assert page.locator("svg .item").count() == 10 and page.locator("[data-diagram] button").count() == 0
    page.locator("svg .item").first.click()
    assert page.locator("[data-diagram]").get_attribute("data-zoom") == "cell"


def test_what_a_space_calls_its_nodes_stays_words(opened: Opened) -> None:
    drawing = json.loads(json.dumps(small()))
    drawing["cell"]["nodes"][1]["label"] = drawing["cells"][0]["nodes"][1]["label"] = "<b>bold</b>"
    page = opened(drawing)
    assert page.locator("svg b").count() == 0 and "<b>bold</b>" in page.locator("svg").first.text_content()
