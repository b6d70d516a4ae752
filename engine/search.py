"""The search: ask the strategy, number the work, tell outcomes in order, close with finals.

The terminal, notebooks, tests and the web's `advance` all drive this one class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engine.constraints import Refusals
from engine.events import Event
from engine.finals import closing, ranked
from engine.registry import discover
from engine.spec import Spec
from engine.work import Candidate, Outcome, Strategy, SupernetEpoch, Work

NOTHING = ("Nothing is trained from scratch: no architecture that was scored, or that the last epoch of the supernet drew, "
           "keeps the limits.")


class Search:
    """One search in memory. Proposed work and outcomes are rows, kept by the caller; see `restore`."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        entry = discover("strategies")[spec.strategy.name]
        self.strategy: Strategy = entry.factory(spec.space, spec.strategy.options, spec.seed)
        self.items: list[Work] = []
        self.outcomes: dict[int, Outcome] = {}
        self.told: list[int] = []                     # trial numbers, in the order the strategy heard of them
        self.spend = {"epochs": 0.0, "seconds": 0.0}  # of the told trials, so that it does not depend on timing
        self.refusals = Refusals(spec.constraints.patience)     # among the told: proposals that nobody trains
        self.proposed = 0                             # candidates: what the budget counts as trials
        self.best: tuple[Candidate, Outcome] | None = None      # the trained network with the highest validation score
        self.newest: tuple[Candidate, Outcome] | None = None    # the last successful one that is no final
        self.news: list[Event] = []                   # what the strategy said; see `drain`
        self.closing = False                          # the strategy's part is over, finals are asked

    def ready(self) -> list[Work]:
        """New work, numbered. [] while results are pending means waiting, else the search is finished."""
        fresh: list[Work] = []
        while not self.closing:
            if self._spent():
                if self._refund() and self._tell_next():
                    continue
                if self._refund():
                    return fresh                       # what is refused leaves room for another trial
                break
            if not self._room():
                return fresh
            self._tell_due()
            if self._spent():
                continue
            asked = self.strategy.ask(1)
            fresh += [self._number(work) for work in asked]
            if not asked and not self._tell_next():
                if self._unheard():
                    return fresh                       # a barrier: the strategy waits for results
                break                                  # it has nothing left to ask
        if not self.closing and all(t in self.outcomes for t in range(len(self.items))):
            self.closing = True
            fresh += [self._number(work) for work in closing(self._rows(), self.spec)]
            if not fresh and any(isinstance(work, SupernetEpoch) and outcome.ok for work, outcome in self._rows()):
                self.news.append(Event("log", data={"level": "warning", "text": NOTHING}))
        return fresh

    def report(self, work: Work, outcome: Outcome) -> list[Event]:
        """Take an outcome; it is told when its turn comes. Gives the events that follow from it."""
        self.outcomes[work.trial] = outcome
        if not self._improves(work, outcome):
            return []
        return [Event("incumbent", work.trial, {"score": outcome.score, "score_kind": outcome.score_kind})]

    def drain(self) -> list[Event]:
        """What the strategy said since the last call."""
        news, self.news = self.news, []
        return news

    @property
    def finished(self) -> bool:
        return self.closing and len(self.outcomes) == len(self.items)

    def state_dict(self) -> dict[str, Any]:
        """What rows cannot give back: how far telling went, and the strategy's own state."""
        told: int | list[int] = len(self.told) if self.spec.execution.order == "strict" else list(self.told)
        return {"told": told, "closing": self.closing, "strategy": self.strategy.state_dict()}

    @classmethod
    def restore(cls, spec: Spec, rows: Sequence[tuple[Work, Outcome | None]], state: dict[str, Any] | None) -> Search:
        """Rebuild from the rows, in trial order, and the state that was saved with the newest of them."""
        search = cls(spec)
        search.items = [work for work, _ in rows]
        search.proposed = sum(isinstance(work, Candidate) for work in search.items)
        search.outcomes = {work.trial: outcome for work, outcome in rows if outcome is not None}
        search.best = next(iter(ranked(search._rows())), None)
        own = ((w, o) for w, o in search._rows() if isinstance(w, Candidate) and o.ok and w.final_of is None)
        search.newest = max(own, key=lambda row: row[0].trial, default=None)
        if state is not None:
            told = state["told"]
            for trial in range(told) if isinstance(told, int) else told:
                search._tell(trial)
            search.closing = state["closing"]
            search.news.clear()
            search.strategy.load_state_dict(state["strategy"])
        return search

    def _rows(self) -> list[tuple[Work, Outcome]]:
        return [(self.items[trial], outcome) for trial, outcome in self.outcomes.items()]

    def _improves(self, work: Work, outcome: Outcome) -> bool:
        if not isinstance(work, Candidate) or not outcome.ok:
            return False
        if work.final_of is None and (self.newest is None or work.trial > self.newest[0].trial):
            self.newest = work, outcome
        known = {row[0].trial: row for row in (self.best, self.newest, (work, outcome)) if row is not None}
        if self.best is not None and ranked(known.values())[0][0].trial != work.trial:
            return False
        self.best = (work, outcome)
        return True

    def _spent(self) -> bool:
        """Whether the strategy may propose no more. What was refused is not charged as a trial; too much of it ends all."""
        charged = self.proposed - self.refusals.count
        return bool(self.refusals.hopeless) or self.spec.budget.spent(charged, self.spend)

    def _refund(self) -> bool:
        """Whether trials that were not told yet could turn out to be refused, so that there is room for others."""
        if not self.spec.refuses or self.refusals.hopeless:
            return False
        unheard = sum(isinstance(self.items[trial], Candidate) for trial in self._unheard())
        return unheard > 0 and not self.spec.budget.spent(self.proposed - self.refusals.count - unheard, self.spend)

    def _unheard(self) -> list[int]:
        heard = set(self.told)
        return [trial for trial in range(len(self.items)) if trial not in heard]

    def _room(self) -> bool:
        """Strict: trial t waits for the outcomes 0 … t - slots; async: for a free slot."""
        slots, number = self.spec.execution.slots, len(self.items)
        if self.spec.execution.order == "strict":
            return all(trial in self.outcomes for trial in range(len(self.told), number - slots + 1))
        return number - len(self.outcomes) < slots

    def _tell_due(self) -> None:
        strict = self.spec.execution.order == "strict"
        due = range(len(self.told), len(self.items) - self.spec.execution.slots + 1) if strict else self._finished_unheard()
        for trial in due:
            self._tell(trial)

    def _finished_unheard(self) -> list[int]:
        heard = set(self.told)
        return [trial for trial in self.outcomes if trial not in heard]

    def _tell_next(self) -> bool:
        """Tell the next outcome in order, if it is there: how a waiting strategy gets past its barrier."""
        trial = next((t for t in self._unheard() if t in self.outcomes), None)
        if trial is None or (self.spec.execution.order == "strict" and trial != len(self.told)):
            return False
        self._tell(trial)
        return True

    def _tell(self, trial: int) -> None:
        outcome = self.outcomes[trial]
        self.news += self.strategy.tell(self.items[trial], outcome)
        if self.refusals.tell(self.items[trial], outcome):
            self.news.append(Event("log", trial, {"level": "warning", "text": self.refusals.hopeless}))
        for key in self.spend:
            self.spend[key] += outcome.spend.get(key, 0.0)
        self.told.append(trial)

    def _number(self, work: Work) -> Work:
        numbered = replace(work, trial=len(self.items))
        self.proposed += isinstance(work, Candidate)
        self.items.append(numbered)
        return numbered
