"""The facade: the only module that apps import. Importing it, and everything it does, leaves torch out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from engine.architecture.architecture import Architecture
from engine.architecture.cost import measure as measure_graph
from engine.architecture.drawing import draw as draw_architecture
from engine.baselines import TITLES as BASELINES
from engine.baselines import baselines
from engine.benchmarks import arena as arena_of
from engine.benchmarks import correlation
from engine.benchmarks import tables as measured
from engine.benchmarks.estimators import known as known_estimators
from engine.benchmarks.kept import keep, kept
from engine.benchmarks.supernets import EPOCHS
from engine.benchmarks.tracks import Track, track
from engine.budget import Budget, Ensemble, Execution, Finals
from engine.constraints import Constraints
from engine.convert import convert
from engine.convert import texts as texts_of
from engine.errors import Invalid, Problem, fail
from engine.events import Event
from engine.filter import Filter
from engine.leaderboard import leaderboard, row
from engine.options import describe
from engine.options import document as written
from engine.options import parse as parse_options
from engine.registry import Entry, discover
from engine.rng import stream
from engine.run import comparison, finished_event, summary
from engine.search import Search
from engine.spaces.composed import searchable
from engine.spaces.facts import facts as facts_of
from engine.spec import Spec, incompatible, misread, parse, parse_space, parse_text, unperformed, unreadable
from engine.spec import reads as kinds_read
from engine.work import Candidate, Outcome, Selection, Work, work_from

__all__ = [
    "BASELINES", "EPOCHS", "Architecture", "Candidate", "Entry", "Event", "Invalid", "Outcome", "Problem", "Search",
    "Selection", "Spec", "Work", "arena", "arena_fields", "arena_run", "arena_summary", "baselines", "comparison",
    "compatible", "convert", "correlate", "correlations", "datasets", "describe", "draw", "entry", "estimations",
    "estimators", "facts", "finished_event", "incompatible", "inspect", "keep_correlations", "leaderboard", "measure",
    "misread", "parse", "parse_space", "parse_text", "parts", "performed", "readable", "reading", "reads", "row", "sample",
    "space_document", "spaces", "strategies", "summary", "table", "tables", "texts", "training", "work_from",
]

BLOCK = 512                                     # architectures drawn at once


def strategies() -> list[dict[str, Any]]:
    """Every strategy with its options, presets and needs."""
    return [found.document() for found in discover("strategies").values()]


def spaces() -> list[dict[str, Any]]:
    """Every space kind with its options, presets and what it offers."""
    return [found.document() for found in discover("spaces").values()]


def training() -> list[dict[str, Any]]:
    """The options of training that a composed space may search."""
    known = searchable()
    return [row for row in entry("estimation", "scratch").document()["options"] if row["name"] in known]


def estimations() -> list[dict[str, Any]]:
    return [found.document() for found in discover("estimation").values()]


def datasets() -> list[dict[str, Any]]:
    """Every dataset; `ready` tells whether it can be used without a download."""
    return [{**found.document(), "ready": found.factory().ready()} for found in discover("datasets").values()]


def entry(kind: str, name: str) -> Entry:
    """One declaration. Raises Invalid for an unknown name."""
    known = discover(kind)
    if name not in known:
        raise fail("/name", "is not known", "one of " + ", ".join(known))
    return known[name]


def reading(dataset: Mapping[str, Any], held: Mapping[str, Any] | None = None) -> tuple[list[int], int]:
    """The shape of an input and the number of classes of a dataset part; `held` is what `inspect` told of an upload. Where
    the part does not say enough, what is declared."""
    found = entry("datasets", str(dataset.get("name")))
    declared = list(found.facts["shape"]), int(found.facts["classes"])
    try:
        built = parse_options(found.factory, dataset)
    except Invalid:
        return declared
    told = built.reading(held or {}) if hasattr(built, "reading") else None
    return (list(told[0]), told[1]) if told else declared


def inspect(dataset: str, path: Path) -> dict[str, Any]:
    """What an uploaded file holds, read as this dataset reads it. Raises Invalid with the place of the fault."""
    module = import_module(entry("datasets", dataset).factory.__module__)
    found: dict[str, Any] = module.inspect(path)
    return found


def tables() -> list[dict[str, Any]]:
    """The cards of the measured tables: recipe, pilot, how much of each is there."""
    return [measured.load(name).card() for name in measured.names()]


def table(name: str) -> dict[str, Any]:
    """A measured table by architecture string."""
    return measured.load(name).document()


def arena(table: str | None, landscape: str | None, strategies: Sequence[Mapping[str, Any]], seeds: Sequence[int],
          evaluations: int, progress: Callable[[int, int], None] = lambda done, total: None) -> dict[str, Any]:
    """Strategies against each other where the answers are known. Raises Invalid."""
    return arena_of.arena(arena_of.field_of(table, landscape), strategies, seeds, evaluations, progress)


def arena_fields() -> list[dict[str, Any]]:
    """Where strategies can be compared, and which of them fit there: true, or the reason why not."""
    return arena_of.fields()


def arena_run(table: str | None, landscape: str | None, strategy: Mapping[str, Any], seed: int,
              evaluations: int) -> dict[str, Any]:
    """One strategy with one seed: the piece of an arena that a worker does. JSON data for `arena_summary`."""
    field = arena_of.field_of(table, landscape)
    return asdict(track(arena_of.play(field, strategy, seed, evaluations), field.nothing))


def arena_summary(table: str | None, landscape: str | None, runs: Mapping[str, Sequence[Mapping[str, Any]]],
                  baseline: Sequence[Mapping[str, Any]], seeds: Sequence[int], evaluations: int) -> dict[str, Any]:
    """What `arena` gives, from runs by label that were made piece by piece (one for each seed, in their order)."""
    made = {name: [Track(**run) for run in of] for name, of in runs.items()}
    field = arena_of.field_of(table, landscape)
    return arena_of.summary(field, made, [Track(**run) for run in baseline], seeds, evaluations)


def correlate(table: str, estimators: Sequence[str], sample: int, seed: int, folder: Path,
              progress: Callable[[str, int, int], None] = lambda name, done, total: None, *, epochs: int = EPOCHS,
              workdir: Path | None = None, stop: Callable[[], bool] = lambda: False) -> dict[str, Any]:
    """Estimators against the truth of a measured table, by rank correlation. Supernets train for `epochs`, in `workdir` so
    that the same call goes on there. Raises Invalid, Unavailable and Interrupted."""
    return correlation.correlate(table, estimators, sample, seed, folder, progress, epochs=epochs, workdir=workdir,
                                 stop=stop)


def estimators() -> list[dict[str, str]]:
    """What `correlate` knows: supernets and proxies, and what their score is."""
    return known_estimators()


def correlations(table: str) -> dict[str, Any] | None:
    """What was measured once and is kept beside the table; None where nothing is. Raises Invalid."""
    return kept(table)


def keep_correlations(found: Mapping[str, Any]) -> str:
    """Put a result of `correlate` beside its table; gives the file's name. Raises Invalid."""
    return str(keep(found))


def parts() -> dict[str, list[dict[str, Any]]]:
    """The options of the document's fixed parts."""
    return {"budget": describe(Budget), "constraints": describe(Constraints), "filter": describe(Filter),
            "finals": describe(Finals), "ensemble": describe(Ensemble), "execution": describe(Execution)}


def compatible() -> dict[str, dict[str, bool | str]]:
    """For every strategy and space: true, or the reason why not."""
    kinds = discover("spaces")
    return {name: {kind: incompatible(name, kind) or True for kind in kinds} for name in discover("strategies")}


def performed() -> dict[str, dict[str, bool | str]]:
    """For every strategy and estimation: true, or the reason why the one does not do what the other asks for."""
    kinds = discover("estimation")
    return {name: {kind: unperformed(name, kind) or True for kind in kinds} for name in discover("strategies")}


def readable() -> dict[str, dict[str, bool | str]]:
    """For every space and dataset: true, or the reason why its networks cannot read it."""
    return {space: {dataset: unreadable(kinds_read(space), dataset) or True for dataset in discover("datasets")}
            for space in discover("spaces")}


def reads(document: Any) -> tuple[str, ...]:
    """The kinds of data that networks of a space can read."""
    return kinds_read(*parse_space(document))


def facts(document: Any, seed: int = 0, shape: Sequence[int] | None = None, classes: int = 10) -> dict[str, Any]:
    """What a space is; with the shape of an input also what its architectures cost there (`engine.spaces.facts`)."""
    kind, space = parse_space(document)
    return {"kind": kind, **facts_of(space, seed, None if shape is None else tuple(shape), classes)}


def space_document(document: Any) -> dict[str, Any]:
    """The same space with every option written out."""
    kind, space = parse_space(document)
    return {"kind": kind, **written(space)}


def sample(document: Any, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """`count` independent draws of a space; more of them begin with the same ones."""
    _, space = parse_space(document)
    for block in range(0, count, BLOCK):
        drawn = space.sample_many(stream(seed, "sample", block), BLOCK)
        yield from (proposal.document() for proposal in drawn[:count - block])


def measure(space_document: Any, architecture: Any, shape: Sequence[int], classes: int) -> dict[str, Any]:
    """Identity and cost of one architecture of a space, for inputs of this shape (channels, height, width)."""
    kind, space = parse_space(space_document)
    point = _architecture(kind, space, architecture)
    cost = measure_graph(space.network(point, tuple(shape), classes), tuple(shape))
    return {"encoding_id": point.encoding_id, "canonical_id": space.canonical(point), "parameters": cost.parameters,
            "macs": cost.macs, "flops": 2 * cost.macs}


def draw(space_document: Any, architecture: Any, shape: Sequence[int], classes: int) -> dict[str, Any]:
    """What the browser draws: the cell graph, the macro strip and a description in words."""
    kind, space = parse_space(space_document)
    return draw_architecture(space, _architecture(kind, space, architecture), tuple(shape), classes)


def texts(space_document: Any, architecture: Any) -> dict[str, str]:
    """An architecture as text in every form that can tell it: `json`, and `darts` or `nas_bench_201` where it is one."""
    kind, space = parse_space(space_document)
    return texts_of(space, _architecture(kind, space, architecture))


def _architecture(kind: str, space: Any, document: Any) -> Architecture:
    """A genotype, or an object with one (`sample`'s lines and `kind` beside it are fine too)."""
    wrapped = isinstance(document, Mapping) and "genotype" in document
    point: Architecture = space.read(document["genotype"] if wrapped else document, "/genotype" if wrapped else "")
    if isinstance(document, Mapping) and document.get("kind", kind) not in (kind, point.kind):
        raise fail("/kind", "is another kind of space", kind)
    return point
