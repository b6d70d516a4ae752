"""The journal: a search in a folder survives torn lines and goes on where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import Invalid
from engine.journal import Journal
from engine.spec import parse
from engine.work import Outcome

SPEC = {"space": {"kind": "nas_bench_201"}, "strategy": {"name": "random_search"}, "dataset": {"name": "digits"},
        "budget": {"trials": 5}}


def test_every_prefix_of_the_file_restores_to_a_search_that_ends_the_same(tmp_path: Path) -> None:
    spec = parse(SPEC)

    def finish(folder: Path) -> list[dict[str, object]]:
        journal = Journal.begin(folder, spec)
        search = journal.search(spec)
        while not search.finished:
            if fresh := search.ready():
                journal.proposed(fresh, search.state_dict())
            for work in [w for w in search.items if w.trial not in search.outcomes]:
                outcome = Outcome("done", 0.1 * (work.trial % 3))
                journal.finished(work, outcome)
                search.report(work, outcome)
        return [w.document() for w in search.items]

    whole = finish(tmp_path / "whole")
    text = (tmp_path / "whole" / "journal.jsonl").read_bytes()
    for number, cut in enumerate(range(0, len(text), 97)):
        folder = tmp_path / str(number)
        Journal.begin(folder, spec)
        (folder / "journal.jsonl").write_bytes(text[:cut])
        assert finish(folder) == whole


def test_long_texts_of_the_state_are_written_once_while_they_do_not_change(tmp_path: Path) -> None:
    journal = Journal.begin(tmp_path, parse(SPEC))
    states = [{"told": n, "closing": False, "strategy": {"learned": text * 2000, "name": "short", "n": n}}
              for n, text in enumerate("aaabba")]
    sizes, path = [0], tmp_path / "journal.jsonl"
    for state in states:
        journal.proposed([], state)
        sizes.append(path.stat().st_size)
        assert Journal.open(tmp_path)[0].state == state
        journal = Journal.open(tmp_path)[0] if state["told"] == 1 else journal
    assert [after - before > 2000 for before, after in zip(sizes, sizes[1:], strict=False)] == [
        True, False, False, True, False, True]


def test_another_document_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    Journal.begin(tmp_path, parse(SPEC))
    with pytest.raises(Invalid):
        Journal.begin(tmp_path, parse({**SPEC, "seed": 1}))


def test_a_folder_without_a_search_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="holds no search"):
        Journal.open(tmp_path)
