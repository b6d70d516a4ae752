"""The search page's modules in a browser, with a socket that the test plays: what comes in, what is drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route, WebSocketRoute

ROOT = Path(__file__).resolve().parents[2]
POLICY = ("default-src 'none'; script-src 'self'; style-src-elem 'self' 'unsafe-inline'; style-src-attr 'unsafe-inline'; "
          "img-src 'self' data: blob:; connect-src 'self'")
KINDS = {".js": "text/javascript", ".css": "text/css"}
URLS = {"events": "/events", "socket": "/ws/", "drawing": "/trials/{n}/drawing.json", "trial": "/trials/{n}/",
        "download": "/trials/{n}/download.zip"}
NO_SOCKETS = """window.nosockets = true; const Real = WebSocket;
window.WebSocket = function (url) {
  if (!window.nosockets) return new Real(url);
  const dead = { readyState: 3, close() {} };
  setTimeout(() => dead.onclose({ code: 1006 }));
  return dead;
};
window.WebSocket.OPEN = 1;"""
CARD = """<section data-panel="{0}"><header><h2>{0}</h2></header><div class="body"><div {1}></div></div>
<footer data-summary></footer></section>"""

CARDS = "".join(CARD.format(name, kind) for name, kind in (
    ("best_so_far", "data-chart"), ("curves", "data-chart"), ("pareto", "data-chart"),
    ("incumbent", "data-diagram"), ("log", "data-none")))
PAGE = f"""<!doctype html><html lang="en"><title>x</title><script type="module" src="/static/js/search.js"></script>
<main><h1>Flow</h1><i data-live></i><b data-state></b><u data-progress-words></u><b data-figure="best"></b>{CARDS}
<section data-panel="insight"><header><h2>I</h2></header><div class="body"><span data-pictures></span>
<select aria-label="Decision"></select><div data-chart></div><p data-why></p></div><footer data-summary></footer></section>
<section data-panel="finals"><header></header><table><tbody data-rows></tbody></table></section>
<section data-panel="ensemble" hidden><header></header><table><tbody data-rows></tbody></table>
<footer><span data-summary></span><a data-download hidden>Download the ensemble</a></footer></section>
<section data-panel="leaderboard"><header><h2>L</h2></header><table><tbody data-rows></tbody></table></section></main>
<script type="application/json" id="search-data">DATA</script></html>"""
HIDE = """Object.defineProperty(document, 'hidden', {value: true, configurable: true});
document.dispatchEvent(new Event('visibilitychange'))"""


def event(seq: int, kind: str, trial: int | None = None, **data: Any) -> dict[str, Any]:
    return {"seq": seq, "type": kind, "trial": trial, "data": data, "at": "2026-01-01T10:00:00Z"}


def finished(seq: int, trial: int, score: float, **more: Any) -> dict[str, Any]:
    return event(seq, "trial_finished", trial, status="done", score=score, score_kind="scratch", parameters=900, flops=8000,
                 seconds=2.0, epochs=2, **more)


def drawing(name: str) -> dict[str, Any]:
    nodes = [("node_0", "input", [], "input"), ("edge_0_1", "nor_conv_3x3", ["node_0"], name),
             ("node_1", "add", ["edge_0_1"], "output")]
    cell = [{"name": n, "op": o, "inputs": i, "label": w, "settings": {}, "group": ""} for n, o, i, w in nodes]
    return {"cell": {"output": "node_1", "nodes": cell},
            "macro": [{"group": "stem", "shape": [8, 8, 8]}], "words": f"The output adds {name} of the input."}


@dataclass
class Stage:
    """The page, the sockets it opened and what the twin answers."""

    page: Page
    sockets: list[WebSocketRoute] = field(default_factory=list)
    twin: list[dict[str, Any]] = field(default_factory=list)
    loads: int = 0
    faults: list[str] = field(default_factory=list)

    def send(self, *events: dict[str, Any]) -> None:
        self.sockets[-1].send(json.dumps({"seq": events[-1]["seq"], "events": events}))

    def state(self, expression: str) -> Any:
        return self.page.evaluate(f"nasweb.search.{expression}")

    def wait(self, expression: str) -> None:
        """Until it is true. (Playwright's own waiting evaluates in the page, which the policy forbids.)"""
        for _ in range(300):
            if self.page.evaluate(f"Boolean({expression})"):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never true: {expression}")

    def until_sockets(self, count: int) -> None:
        """Until the page has opened this many."""
        for _ in range(300):
            if len(self.sockets) >= count:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never {count} sockets")


Opened = Callable[..., Stage]


@pytest.fixture
def opened(context: BrowserContext) -> Opened:
    def start(seq: int = 10, sockets_work: bool = True, **data: Any) -> Stage:
        stage = Stage(context.new_page())
        known = {"seq": seq, "state": "running", "spec": {"budget": {"trials": 4}}, "trials": [], "curves": {}, "urls": URLS}
        body = PAGE.replace("DATA", json.dumps(known | data))

        def answer(route: Route) -> None:
            path = route.request.url.split("nasweb.test", 1)[1].split("?")[0]
            file = ROOT / path[1:]
            if path == "/":
                stage.loads += 1
                route.fulfill(body=body, content_type="text/html", headers={"Content-Security-Policy": POLICY})
            elif path == "/events":
                after = int(route.request.url.split("after=")[1])
                news = [one for one in stage.twin if one["seq"] > after]
                route.fulfill(json={"seq": news[-1]["seq"] if news else after, "events": news})
            elif path.endswith("drawing.json"):
                route.fulfill(json=drawing(f"conv of {path.split('/')[2]}"))
            elif path.startswith("/static/") and file.is_file():
                route.fulfill(body=file.read_bytes(), content_type=KINDS.get(file.suffix, "text/plain"))
            else:
                route.fulfill(status=404)

        stage.page.on("pageerror", lambda error: stage.faults.append(str(error)))
        stage.page.on("console", lambda line: stage.faults.append(line.text) if "Content Security" in line.text else None)
        stage.page.route("**/*", answer)
        stage.page.route_web_socket("**/ws/**", lambda socket: stage.sockets.append(socket))
        if not sockets_work:
            stage.page.add_init_script(NO_SOCKETS)
        stage.page.goto("http://nasweb.test/")
        stage.wait("window.nasweb")
        return stage

    return start


def test_the_time_left_is_told_when_three_trials_have_ended(opened: Opened) -> None:
    stage = opened(seq=10, spec={"budget": {"trials": 10}, "finals": {"top": 2, "seeds": 1}, "execution": {"slots": 2}})
    stage.send(finished(11, 0, 0.5), finished(12, 1, 0.6))
    stage.wait("document.querySelector('[data-progress-words]').textContent === '2 of 10 trials'")
    stage.send(finished(13, 2, 0.7))
    stage.wait("document.querySelector('[data-progress-words]').textContent === '3 of 10 trials · about 9.0 s left'")


def test_joins_from_the_seq_of_the_page_and_drops_what_it_has(opened: Opened) -> None:
    stage = opened(seq=10)
    assert stage.sockets[0].url.endswith("/ws/?from=10")
    stage.send(event(9, "search_state", state="paused"), finished(11, 0, 0.5))
    stage.wait("nasweb.search.seq === 11")
    stage.send(event(11, "search_state", state="paused"), finished(12, 1, 0.6))
    stage.wait("nasweb.search.seq === 12")
    assert stage.state("state") == "running"
    assert stage.state("scored().map((t) => [t.number, t.score])") == [[0, 0.5], [1, 0.6]]
    stage.wait("document.querySelector('[data-live]').textContent === 'Live'")
    assert len(stage.sockets) == 1


def test_an_ensemble_is_shown_beside_the_best_network_and_not_among_networks(opened: Opened) -> None:
    stage = opened(seq=10)
    found = {"members": [[0, 1], [1, 3]], "single": {"trial": 1, "score": 0.6, "test": 0.55}}
    proposed = event(13, "trial_proposed", 2, final_of=1, encoding_id="", origin={"how": "ensemble"})
    proposed["data"]["kind"] = "ensemble"
    stage.send(finished(11, 0, 0.5), finished(12, 1, 0.6), proposed)
    panel = "document.querySelector('[data-panel=ensemble]')"
    stage.wait(f"!{panel}.hidden && {panel}.textContent.includes('when the budget is spent')")
    stage.send(finished(14, 2, 0.9, final_of=1, test=0.8, ensemble=found))
    stage.wait(f"{panel}.querySelectorAll('tr').length === 4")
    lines = stage.page.evaluate(f"[...{panel}.querySelectorAll('tr')].map((row) => row.innerText.split(/\\s+/).join(' '))")
    assert lines == ["ensemble 0.9000 0.8000", "best single: trial 1 0.6000 0.5500", "trial 1 3 0.7500 0.6000 –",
                     "trial 0 1 0.2500 0.5000 –"]
    assert stage.page.evaluate(f"{panel}.querySelector('[data-download]').getAttribute('href')") == "/trials/2/download.zip"
    stage.wait("document.querySelectorAll('[data-panel=leaderboard] tbody tr').length === 2")
    assert stage.page.evaluate("document.querySelectorAll('[data-panel=finals] tbody tr').length") == 0


def test_a_gap_makes_it_come_back_with_its_cursor(opened: Opened) -> None:
    stage = opened(seq=10)
    stage.send(finished(11, 0, 0.5))
    stage.send(finished(14, 3, 0.9))
    stage.wait("nasweb.search.seq === 11")
    stage.until_sockets(2)
    assert [socket.url.split("?")[1] for socket in stage.sockets] == ["from=10", "from=11"]
    stage.send(finished(12, 1, 0.6), finished(13, 2, 0.7), finished(14, 3, 0.9))
    stage.wait("nasweb.search.seq === 14")
    assert stage.state("scored().length") == 4


def test_a_thinned_log_is_not_a_gap(opened: Opened) -> None:
    stage = opened(seq=10)
    stage.send(finished(20, 0, 0.5))
    stage.wait("nasweb.search.seq === 20")
    assert len(stage.sockets) == 1


def test_polls_when_sockets_fail_and_returns_to_the_socket(opened: Opened) -> None:
    stage = opened(seq=0, sockets_work=False)
    stage.twin += [finished(1, 0, 0.5), finished(2, 1, 0.7)]
    stage.wait("document.querySelector('[data-live]').textContent === 'Polling'")
    stage.wait("nasweb.search.seq === 2")
    stage.page.evaluate("window.nosockets = false")
    stage.wait("document.querySelector('[data-live]').textContent === 'Live'")
    assert stage.sockets[-1].url.endswith("from=2")
    stage.send(finished(3, 2, 0.9))
    stage.wait("nasweb.search.seq === 3")


def test_a_log_that_was_set_back_loads_the_page_again(opened: Opened) -> None:
    stage = opened(seq=10)
    stage.sockets[0].send(json.dumps({"error": {"code": "ahead", "text": ""}}))
    for _ in range(30):
        stage.page.wait_for_timeout(100)
        if len(stage.sockets) == 2:
            break
    assert stage.loads == 2
    stage.page.wait_for_load_state("load")
    stage.wait("window.nasweb")
    stage.sockets[-1].send(json.dumps({"error": {"code": "ahead", "text": ""}}))
    stage.wait("document.querySelector('[data-live]').textContent === 'Offline'")
    stage.page.wait_for_timeout(300)
    assert stage.loads == 2, "a page that stays wrong must not load itself for ever"


def test_charts_hold_what_the_events_said_and_the_board_ranks(opened: Opened) -> None:
    stage = opened()
    for number, score in enumerate([0.5, 0.8, 0.6]):
        stage.send(finished(11 + number, number, score))
    stage.wait("document.querySelector('[data-panel=best_so_far] [data-chart]').data?.[1]?.x.length === 3")
    drawn = stage.page.evaluate("document.querySelector('[data-panel=best_so_far] [data-chart]').data.map((t) => t.y)")
    assert drawn == [[0.5, 0.8, 0.6], [0.5, 0.8, 0.8]]
    stage.wait("document.querySelectorAll('tr[data-trial]').length === 3")
    order = "[...document.querySelectorAll('tr[data-trial]')].map((row) => Number(row.dataset.trial))"
    assert stage.page.evaluate(order) == [1, 2, 0]
    stage.send(finished(14, 3, 0.9))
    stage.wait("document.querySelector('tr[data-trial]').dataset.trial === '3'")
    assert stage.page.locator("tr.risen").first.get_attribute("data-trial") == "3"
    assert stage.page.locator("[data-figure=best]").inner_text().startswith("0.9000")
    assert not stage.faults


def test_kinds_of_score_are_not_mixed_and_failures_come_last(opened: Opened) -> None:
    rows = [(0, "failed", None, "scratch"), (1, "done", 0.99, "proxy"), (2, "done", 0.4, "scratch"),
            (3, "running", None, "scratch")]
    trials = [{"number": n, "status": s, "score": v, "score_kind": k, "parents": []} for n, s, v, k in rows]
    stage = opened(trials=trials)
    stage.wait("document.querySelectorAll('tr[data-trial]').length === 3")
    order = "[...document.querySelectorAll('tr[data-trial]')].map((row) => Number(row.dataset.trial))"
    assert stage.page.evaluate(order) == [2, 1, 0]


def test_finals_are_listed_apart_and_downloads_say_how_they_are(opened: Opened) -> None:
    stage = opened(trials=[{"number": 0, "status": "done", "score": 0.5, "parents": [], "download": None}])
    stage.send(event(11, "trial_proposed", 1, final_of=0, parents=[]), event(12, "download", 0, state="wanted"))
    stage.send(finished(13, 1, 0.7, final_of=0, test=0.65))
    stage.wait("document.querySelector('[data-panel=finals] td:last-child')?.textContent === '0.6500'")
    stage.wait("document.querySelectorAll('tr[data-trial]').length === 2")
    assert stage.state("scored().length") == 1
    assert stage.page.locator("tr[data-trial='0'] td[data-column=download]").inner_text() == "Being made"
    stage.send(event(14, "download", 0, state="ready"))
    stage.wait("document.querySelector(\"tr[data-trial='0'] td[data-column=download]\").textContent === 'Download'")


def test_what_is_told_again_does_not_undo_the_page(opened: Opened) -> None:
    stage = opened(trials=[{"number": 0, "status": "done", "score": 0.5, "parents": []}])
    stage.send(event(11, "trial_proposed", 0, parents=[], origin={"how": "random"}))
    stage.wait("nasweb.search.seq === 11")
    assert stage.state("scored().length") == 1


def test_a_resumed_trial_goes_on_from_its_checkpoint(opened: Opened) -> None:
    stage = opened()
    epochs = [event(12 + i, "epoch", 0, epoch=i + 1, epochs=4, score=i / 10) for i in range(3)]
    stage.send(event(11, "trial_started", 0), *epochs)
    stage.send(event(15, "trial_started", 0, epoch=2), event(16, "epoch", 0, epoch=3, epochs=4, score=0.9))
    stage.wait("nasweb.search.seq === 16")
    assert stage.state("curves.get(0)") == [0, 0.1, 0.9]


def test_the_diagram_follows_the_incumbent_and_keeps_its_nodes(opened: Opened) -> None:
    stage = opened()
    stage.send(finished(11, 0, 0.5), event(12, "incumbent", 0, score=0.5))
    stage.wait("document.querySelector('[data-panel=incumbent] svg')?.textContent.includes('conv of 0')")
    node = stage.page.query_selector("[data-panel=incumbent] g[id*=node-node_0]")
    stage.send(finished(13, 1, 0.6), event(14, "incumbent", 1, score=0.6))
    stage.wait("document.querySelector('[data-panel=incumbent] svg')?.textContent.includes('conv of 1')")
    assert node is not None
    assert node.evaluate("(one) => one.isConnected"), "a node that stays must not be made anew"
    label = stage.page.locator("[data-panel=incumbent] svg").first
    assert label.get_attribute("role") == "group"
    assert "The output adds conv of 1" in label.locator("desc").text_content()
    with stage.page.expect_download() as download:
        stage.page.locator("[data-panel=incumbent] button", has_text="SVG").click()
    assert "conv of 1" in Path(download.value.path()).read_text()
    assert not stage.faults


def test_words_of_others_stay_words(opened: Opened) -> None:
    stage = opened()
    evil = "<img src=x onerror='document.title=1'><b>bold</b>"
    stage.send(event(11, "log", level="info", text=evil), event(12, "trial_finished", 0, status="failed", error=evil))
    stage.wait("document.querySelectorAll('[data-panel=log] li').length >= 2")
    assert stage.page.locator("[data-panel=log] li").first.inner_text().endswith(evil)
    assert stage.page.locator("main img, main b b").count() == 0


def test_a_hidden_tab_draws_nothing_and_loses_nothing(opened: Opened) -> None:
    stage = opened()
    stage.page.wait_for_timeout(700)
    stage.page.evaluate(HIDE)
    stage.send(finished(11, 0, 0.5), finished(12, 1, 0.6))
    stage.wait("nasweb.search.seq === 12")
    stage.page.wait_for_timeout(900)
    assert stage.page.locator("tr[data-trial]").count() == 0
    stage.page.evaluate(HIDE.replace("true", "false", 1))
    stage.wait("document.querySelectorAll('tr[data-trial]').length === 2")


def test_a_chart_is_also_a_table_a_csv_and_an_svg(opened: Opened) -> None:
    stage = opened(trials=[{"number": n, "status": "done", "score": 0.5 + n / 10, "parents": []} for n in range(3)])
    card = stage.page.locator("[data-panel=best_so_far]")
    stage.wait("document.querySelector('[data-panel=best_so_far] [data-drawn]')")
    card.get_by_role("button", name="Table").click()
    assert card.locator("tbody tr").count() == 6
    card.get_by_role("button", name="Table").click()
    with stage.page.expect_download() as download:
        card.get_by_role("button", name="CSV").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[:2] == ["series,trial,validation score", "single trials,0,0.5"]
    with stage.page.expect_download() as download:
        card.get_by_role("button", name="SVG").click()
    assert Path(download.value.path()).read_text().startswith("<svg")
    assert "Best 0.7000 at trial 2" in card.locator("[data-summary]").inner_text()


def test_score_against_cost_draws_the_front_and_the_incumbent(opened: Opened) -> None:
    costs = [(0.5, 100, 3.0), (0.9, 900, 1.0), (0.6, 950, 2.0), (0.7, 300, None), (0.95, 950, 2.0)]
    trials = [{"number": n, "status": "done", "score": s, "parameters": p, "flops": 9 * p, "latency_ms": ms, "parents": []}
              for n, (s, p, ms) in enumerate(costs[:4])]
    stage = opened(seq=10, trials=trials, incumbent={"trial": 1})
    card = stage.page.locator("[data-panel=pareto]")
    stage.wait("document.querySelector('[data-panel=pareto] [data-drawn]')")
    assert card.locator("[data-summary]").inner_text() == (
        "3 of 4 networks are on the front, from trial 0 (0.5000, 100 parameters) to trial 1 (0.9000, 900 parameters).")
    stage.send(finished(11, 4, 0.95) | {"data": {**finished(11, 4, 0.95)["data"], "parameters": 950, "latency_ms": 2.0}})
    stage.send(event(12, "incumbent", 4, score=0.95))
    stage.wait("document.querySelector('[data-panel=pareto] [data-summary]').textContent.startsWith('4 of 5')")
    with stage.page.expect_download() as download:
        card.get_by_role("button", name="CSV").click()
    rows = Path(download.value.path()).read_text().splitlines()
    assert rows[0] == "series,parameters,validation score" and rows[-1] == "incumbent,950,0.95"
    assert [row for row in rows if row.startswith("front")] == [
        "front,100,0.5", "front,300,0.7", "front,900,0.9", "front,950,0.95"]
    card.get_by_role("button", name="Latency").click()
    stage.wait("document.querySelector('[data-panel=pareto] [data-summary]').textContent.startsWith('2 of 4')")


def test_latency_is_no_choice_where_nothing_was_timed(opened: Opened) -> None:
    stage = opened(trials=[{"number": 0, "status": "done", "score": 0.5, "parameters": 3, "parents": []}])
    stage.wait("document.querySelector('[data-panel=pareto] [data-drawn]')")
    assert stage.page.locator("[data-panel=pareto]").get_by_role("button", name="Latency").count() == 0


def test_the_theme_recolours_charts(opened: Opened) -> None:
    stage = opened(trials=[{"number": 0, "status": "done", "score": 0.5, "parents": []}])
    stage.page.add_style_tag(content=":root{--nw-surface:#ffffff} [data-bs-theme=dark]{--nw-surface:#101010}")
    stage.page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    stage.wait("document.querySelector('[data-panel=best_so_far] [data-chart]').layout?.paper_bgcolor === '#101010'")
