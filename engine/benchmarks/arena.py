"""The arena: strategies against each other on a measured table or a landscape, over many seeds, without any training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any, Protocol

import numpy as np

from engine import options
from engine.architecture.architecture import Architecture
from engine.benchmarks import tables
from engine.benchmarks.landscapes import LANDSCAPES
from engine.benchmarks.statistics import critical_difference, holm, mean_ranks, standard_error, wilcoxon
from engine.benchmarks.tracks import Run, Track, curve, track
from engine.budget import Budget, Ensemble, Execution, Finals
from engine.constraints import Constraints
from engine.errors import Invalid, Problem, fail
from engine.filter import Filter
from engine.perform import training_seed
from engine.registry import Entry, discover
from engine.rng import stream
from engine.search import Search
from engine.spec import Part, Spec
from engine.work import Candidate, Outcome

BASELINE = "random_search"
SURE = 0.01                                     # a p value below it: more than chance explains


class Field(Protocol):
    """Where strategies compete: outcomes made up from what is known, and the true regret of an architecture."""

    name: str
    space: Any
    kind: str
    offers: frozenset[str]
    nothing: float                              # the regret of a strategy that has no answer yet

    def outcome(self, work: Candidate, seed: int) -> Outcome: ...
    def regret(self, architecture: Architecture) -> float: ...
    def facts(self) -> dict[str, Any]: ...


class TableField:
    """Observed is the validation accuracy of one training; regret is the best mean test accuracy less the answer's."""

    def __init__(self, name: str) -> None:
        self.name, self.table = name, tables.load(name)
        if not self.table.completeness["share"]:
            raise fail("/table", f"nothing of the table {name} is measured yet", "another table, or a landscape")
        document = dict(self.table.description["space"])
        self.kind = document["kind"]
        entry = discover("spaces")[self.kind]
        self.space, self.offers = options.parse(entry.factory, document, tag="kind"), entry.offers
        self.nothing = self.table.best_test - float(np.nanmin(self.table.mean_test))

    def outcome(self, work: Candidate, seed: int) -> Outcome:
        """As the estimation `tabular` gives it to the same trial of a search with this seed."""
        text = work.architecture.genotype["arch"]
        try:
            found = self.table.answer(text, training_seed(seed, work), work.fidelity.get("epochs"))
        except Invalid as error:
            return Outcome("failed", metrics={"error": str(error), "error_kind": "not_measured"})
        network = self.table.network_of[text]
        metrics = {"parameters": self.table.parameters[network], "flops": self.table.flops[network]}
        return Outcome("done", found.validation[-1], "tabular", metrics, found.spend())

    def regret(self, architecture: Architecture) -> float:
        return self.table.best_test - float(self.table.mean_test[self.table.network_of[architecture.genotype["arch"]]])

    def facts(self) -> dict[str, Any]:
        return {"best_test": self.table.best_test, "completeness": self.table.completeness}


class LandscapeField:
    """Regret is the value, minimised as in the papers, less the least one."""

    def __init__(self, name: str) -> None:
        if name not in LANDSCAPES:
            raise fail("/landscape", f"{name[:40]!r} is not a landscape", "one of " + ", ".join(LANDSCAPES))
        self.name, self.landscape, self.kind = name, LANDSCAPES[name], "landscape"
        self.space, self.offers, self.nothing = self.landscape.space, self.landscape.offers, 1.0

    def outcome(self, work: Candidate, seed: int) -> Outcome:
        score = self.landscape.observe(work.architecture, stream(seed, "noise", work.trial))
        return Outcome("done", score, "tabular", spend={"epochs": 1.0, "seconds": 1.0})

    def regret(self, architecture: Architecture) -> float:
        return self.landscape.value(architecture) - self.landscape.optimum

    def facts(self) -> dict[str, Any]:
        return {"title": self.landscape.title, "optimum": self.landscape.optimum, "noise": self.landscape.noise}


def play(field: Field, strategy: Mapping[str, Any], seed: int, evaluations: int) -> Run:
    """A search as any other, its outcomes looked up. The answer is the architecture with the highest observed score."""
    spec = spec_of(field, strategy, seed, evaluations)
    search, run, cost = Search(spec), Run([], [], []), 0.0
    best, regret = float("-inf"), field.nothing
    while len(run.cost) < evaluations:
        fresh = [work for work in search.ready() if isinstance(work, Candidate) and work.final_of is None]
        if not fresh:
            break
        search.drain()
        for work in fresh:
            outcome = field.outcome(work, seed)
            search.report(work, outcome)
            here = field.regret(work.architecture) if outcome.ok else None
            if outcome.score is not None and here is not None and outcome.score > best:
                best, regret = outcome.score, here
            cost += outcome.spend.get("seconds", outcome.spend.get("epochs", 0.0))
            run.incumbent.append(regret)
            run.newest.append(here)
            run.cost.append(cost)
    if not run.cost:
        raise fail("/strategies", f"{strategy['name']} asked for nothing", "a strategy that proposes architectures")
    while len(run.cost) < evaluations:          # it had nothing left to ask: its answer stands
        run.incumbent.append(run.incumbent[-1])
        run.newest.append(None)
        run.cost.append(run.cost[-1])
    return run


def spec_of(field: Field, strategy: Mapping[str, Any], seed: int, evaluations: int) -> Spec:
    """The search that is played. Raises Invalid where strategy and field do not fit."""
    entry = _entry(strategy)
    if reason := _lacking(entry, field.offers):
        raise fail("/strategies", f"{entry.name} {reason}", "strategies that fit")
    part = Part(entry.name, options.parse(entry.options, strategy, "/strategies", presets=entry.presets))
    return Spec("", field.kind, field.space, part, Part("tabular", None), Part("digits", None), Budget(trials=evaluations),
                Constraints(), Filter(), Finals(), Ensemble(size=0), Execution(), seed)


def _entry(strategy: Mapping[str, Any]) -> Entry:
    known = discover("strategies")
    if strategy.get("name") not in known:
        raise fail("/strategies", f"{str(strategy.get('name'))[:40]!r} is not known", "one of " + ", ".join(known))
    return known[strategy["name"]]


def field_of(table: str | None, landscape: str | None) -> Field:
    """The one that is named."""
    if (table is None) == (landscape is None):
        raise Invalid(Problem("/table", "a table or a landscape must be named, and not both",
                              ", ".join([*tables.names(), *LANDSCAPES])))
    return TableField(table) if table is not None else LandscapeField(str(landscape))


def fields() -> list[dict[str, Any]]:
    """Every table and landscape, and for each strategy true, or why it does not fit."""
    begun = [name for name in tables.names() if tables.load(name).completeness["share"]]
    there = [("table", name, f"Measured table {name}", TableField(name).offers) for name in begun]
    there += [("landscape", name, landscape.title, landscape.offers) for name, landscape in LANDSCAPES.items()]
    return [{"kind": kind, "name": name, "title": title,
             "strategies": {entry.name: _lacking(entry, offers) or True for entry in discover("strategies").values()}}
            for kind, name, title, offers in there]


def _lacking(entry: Entry, offers: frozenset[str]) -> str | None:
    missing = sorted(entry.needs - offers)
    return f"needs {', '.join(missing)}, which is not offered here" if missing else None


def arena(field: Field, strategies: Sequence[Mapping[str, Any]], seeds: Sequence[int], evaluations: int,
          progress: Callable[[int, int], None] = lambda done, total: None) -> dict[str, Any]:
    """Every strategy with every seed. The baseline is played too, whether it was asked for or not."""
    wanted = {label(strategy): strategy for strategy in strategies}
    for strategy in wanted.values():
        spec_of(field, strategy, 0, evaluations)
    everybody = {BASELINE: {"name": BASELINE}, **wanted}
    runs: dict[str, list[Track]] = {name: [] for name in everybody}
    for name, strategy in everybody.items():
        for seed in seeds:
            runs[name].append(track(play(field, strategy, seed, evaluations), field.nothing))
            progress(sum(map(len, runs.values())), len(everybody) * len(seeds))
    return summary(field, {name: runs[name] for name in wanted}, runs[BASELINE], seeds, evaluations)


def label(strategy: Mapping[str, Any]) -> str:
    """What a strategy is called here: its name, and the options that were given beside it."""
    given = ", ".join(f"{key}={value}" for key, value in strategy.items() if key != "name")
    return str(strategy.get("name")) + (f" ({given})" if given else "")


def summary(field: Field, tracks: Mapping[str, list[Track]], baseline: list[Track], seeds: Sequence[int],
            evaluations: int) -> dict[str, Any]:
    """The figures that are shown: regrets, tests over pairs of equal seeds, ranks, curves."""
    ends = {name: [each.incumbent[-1] for each in of] for name, of in tracks.items()}
    random = [each.incumbent[-1] for each in baseline]
    ranks, others = mean_ranks(ends), [name for name in tracks if name != BASELINE]
    p = {name: wilcoxon(ends[name], random) for name in others}
    corrected = dict(zip(others, holm([p[name] for name in others]), strict=True))
    rows = []
    for name, of in tracks.items():
        rows.append({"strategy": name, "regret": {"mean": fmean(ends[name]), "se": standard_error(ends[name])},
                     "p_against_random": p.get(name), "p_holm": corrected.get(name), "mean_rank": ranks[name],
                     "final": ends[name], "curve": curve(of)})
    return {"field": field.name, **field.facts(), "seeds": list(seeds), "evaluations": evaluations, "strategies": rows,
            "critical_difference": critical_difference(len(tracks), len(seeds)),
            "words": [words(row, fmean(random), len(others)) for row in rows if row["strategy"] != BASELINE]}


def words(row: Mapping[str, Any], random: float, tests: int = 1) -> str:
    """The test against the baseline in a sentence."""
    mean, p = row["regret"]["mean"], row["p_holm"]
    relation = "the same as" if mean == random else "lower than" if mean < random else "higher than"
    sure = "more than chance explains" if p < SURE else "no more than chance may explain"
    corrected = f", corrected by Holm for {tests} comparisons" if tests > 1 else ""
    return (f"{row['strategy']}: mean regret {mean:.4g} is {relation} that of random search ({random:.4g}), {sure} "
            f"(Wilcoxon signed-rank test over pairs of equal seeds{corrected}, p = {p:.2g}).")
