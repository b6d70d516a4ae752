"""The search page where networks have scores of several kinds, and charts where there is one value."""

from __future__ import annotations

from tests.flows.test_search_page import Opened, event, finished, opened  # noqa: F401 - a fixture


def test_kinds_of_score_are_never_one_line(opened: Opened) -> None:  # noqa: F811
    """The best and the front are of the kind that came last; a final says what it was worth."""
    kinds = [("shared", 0.9, 100), ("shared", 0.8, 100), ("inherited", 0.6, 200)]
    trials = [{"number": n, "status": "done", "score": s, "score_kind": kind, "parameters": p, "parents": []}
              for n, (kind, s, p) in enumerate(kinds)]
    stage = opened(seq=10, trials=trials)
    best = "document.querySelector('[data-panel=best_so_far] [data-summary]').textContent"
    names = "?.map((one) => one.name).join()"
    stage.wait(f"{best} === 'Best 0.6000 at trial 2 with inherited weights. Dots are single trials.'")
    chart = "document.querySelector('[data-panel=best_so_far] [data-chart]')"
    stage.wait(f"{chart}.data{names}.includes('best so far with shared weights')")
    front = "document.querySelector('[data-panel=pareto] [data-chart]')"
    stage.wait(f"{front}.data{names} === 'networks with inherited weights,front,other kinds of score'")
    stage.wait("document.querySelector('[data-figure=best]').textContent.includes('0.6000')")
    stage.send(event(11, "trial_proposed", 3, encoding_id="e3", final_of=2, parents=[2]), finished(12, 3, 0.7, final_of=2))
    stage.wait(f"{best}.endsWith('Trained from scratch it has 0.7000 (trial 3).')")


def test_an_axis_with_one_value_has_one_tick(opened: Opened) -> None:  # noqa: F811
    stage = opened(trials=[{"number": 0, "status": "done", "score": 0.5, "parameters": 4970, "parents": []}])
    axis = "document.querySelector('[data-panel=pareto] [data-chart]').layout?.xaxis"
    stage.wait(f"{axis}?.tickvals?.join() === '4970' && {axis}.range[0] < 4970 && {axis}.range[1] > 4970")
