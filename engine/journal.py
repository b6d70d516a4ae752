"""A search in a folder: the terminal's append-only record, from which a second call resumes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.errors import fail
from engine.search import Search
from engine.spec import Spec, parse, parse_text
from engine.work import Outcome, Work, work_from

LONG = 1024                                     # characters of a text in the strategy's state that is not written twice


class Journal:
    """`spec.json` and `journal.jsonl` of a work folder. A line torn by a crash is as if never written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "journal.jsonl"
        self.state: dict[str, Any] | None = None      # as the newest line has it
        self.items: list[Work] = []
        self.outcomes: dict[int, Outcome] = {}

    @classmethod
    def begin(cls, folder: Path, spec: Spec) -> Journal:
        """Open a folder for this spec. Raises Invalid if it holds another search."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stored = folder / "spec.json"
        if stored.exists() and parse(parse_text(stored.read_text())).document() != spec.document():
            raise fail("", f"the folder {folder} holds another search", "an empty folder, or the same document")
        if not stored.exists():
            draft = folder / "spec.json.part"
            draft.write_text(json.dumps(spec.document(), indent=2))
            draft.replace(stored)
        return cls.open(folder)[0]

    @classmethod
    def open(cls, folder: Path) -> tuple[Journal, Spec]:
        """Read what is there. Raises Invalid if the folder holds no search."""
        if not (folder / "spec.json").is_file():
            raise fail("", f"the folder {folder} holds no search", "a folder that `run` made")
        journal = cls(folder)
        journal._read()
        return journal, parse(parse_text((folder / "spec.json").read_text()))

    def search(self, spec: Spec) -> Search:
        return Search.restore(spec, [(work, self.outcomes.get(work.trial)) for work in self.items], self.state)

    def proposed(self, works: Iterable[Work], state: dict[str, Any]) -> None:
        fresh = list(works)
        self.items += fresh
        self._append({"proposed": [work.document() for work in fresh], "state": self._shortened(state)})
        self.state = state

    def finished(self, work: Work, outcome: Outcome) -> None:
        self.outcomes[work.trial] = outcome
        self._append({"trial": work.trial, "outcome": outcome.document()})

    def _read(self) -> None:
        if not self.path.exists():
            return
        whole, _, torn = self.path.read_bytes().rpartition(b"\n")
        if torn:                                      # cut off the torn line, so that the next one starts clean
            os.truncate(self.path, len(whole) + 1 if whole else 0)
        for line in whole.splitlines():
            entry = json.loads(line)
            if "proposed" in entry:
                self.items += [work_from(document) for document in entry["proposed"]]
                self.state = self._whole(entry["state"])
            else:
                self.outcomes[entry["trial"]] = Outcome.from_document(entry["outcome"])

    def _shortened(self, state: dict[str, Any]) -> dict[str, Any]:
        """Without long texts (learned weights) that are those of the line before; `same` names them."""
        last = self.state["strategy"] if self.state else {}
        same = [key for key, value in state["strategy"].items()
                if isinstance(value, str) and len(value) >= LONG and last.get(key) == value]
        if not same:
            return state
        return {**state, "strategy": {k: v for k, v in state["strategy"].items() if k not in same}, "same": same}

    def _whole(self, state: dict[str, Any]) -> dict[str, Any]:
        same, last = state.pop("same", []), self.state["strategy"] if self.state else {}
        return {**state, "strategy": {**state["strategy"], **{key: last[key] for key in same}}}

    def _append(self, entry: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(entry, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
