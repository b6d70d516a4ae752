"""The one JSON document that describes a search, parsed strictly: every fault names its place."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine import json_places, options
from engine.budget import Budget, Ensemble, Execution, Finals
from engine.constraints import Constraints
from engine.errors import Invalid, Problem, fail
from engine.filter import Filter
from engine.registry import Entry, discover
from engine.streams import too_short

VERSION = 1
MAX_BYTES, MAX_DEPTH, MAX_KEYS, MAX_SEED = 1024 * 1024, 32, 500, 2**53
PARTS = ("version", "name", "space", "strategy", "estimation", "dataset", "budget", "constraints", "filter", "finals",
         "ensemble", "execution", "seed")
ASKED = {"scratch": "trainings from scratch", "resume": "trainings that go on", "inherit": "inherited weights",
         "shared": "scores with shared weights", "generated": "generated weights", "supernet": "epochs of a supernet"}
WORDS = {"finite": "decisions among finitely many choices (no real numbers)", "trellis": "a fabric of layers and scales",
         "sharing": "weights that architectures share", "slices": "small choices that are slices of large ones",
         "entangled": "choices that can be mixed as weights", "generated": "dense 1×1 convolutions that can be generated",
         "edges": "edges whose operations all read one value",
         "default": "a default network with a default training"}      # needs whose names do not say enough


@dataclass(frozen=True)
class Part:
    """A named choice with its options: a strategy, an estimation."""

    name: str
    options: Any

    def document(self) -> dict[str, Any]:
        return {"name": self.name, **options.document(self.options)}


@dataclass(frozen=True)
class Spec:
    name: str
    space_kind: str
    space: Any                                   # an instance of the space's dataclass
    strategy: Part
    estimation: Part
    dataset: Part
    budget: Budget
    constraints: Constraints
    filter: Filter
    finals: Finals
    ensemble: Ensemble
    execution: Execution
    seed: int

    @property
    def timed(self) -> bool:
        """Whether trained networks are timed: only if somebody wants to know, for time is never twice the same."""
        return (self.constraints.latency_ms is not None or "latency" in getattr(self.strategy.options, "objectives", ())
                or getattr(self.estimation.options, "latency", False))

    @property
    def picks(self) -> int:
        """How many networks are picked for the ensemble that closes the search; 0: there is none."""
        if self.ensemble.size is not None:
            return self.ensemble.size
        proposed: int = discover("strategies")[self.strategy.name].facts["ensemble"]
        return 0 if unaveraged(self.dataset.name, self.estimation.name) else proposed

    @property
    def refuses(self) -> bool:
        """Whether proposals may end without a training, and so without being charged to the budget of trials."""
        limits, asks = self.constraints, discover("strategies")[self.strategy.name].facts["asks"]
        untrained = (discover("estimation")[self.estimation.name].facts["scores"] == "proxy" or "shared" in asks
                     or "generated" in asks)
        return limits.priced or self.filter.on or (untrained and limits.latency_ms is not None)

    def document(self) -> dict[str, Any]:
        """The document with every option written out; parsing it gives an equal Spec."""
        return {"version": VERSION, "name": self.name, "space": {"kind": self.space_kind, **options.document(self.space)},
                "strategy": self.strategy.document(), "estimation": self.estimation.document(),
                "dataset": self.dataset.document(), "budget": options.document(self.budget),
                "constraints": options.document(self.constraints), "filter": options.document(self.filter),
                "finals": options.document(self.finals), "ensemble": options.document(self.ensemble),
                "execution": options.document(self.execution), "seed": self.seed}


def parse_text(text: str | bytes) -> Any:
    """JSON text to data. Raises Invalid for anything strict JSON forbids, duplicate keys, too deep or large input."""
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError:
            raise fail("", "is not UTF-8 text", "JSON in UTF-8") from None
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise fail("", "is too large", "up to 1 MiB")
    if (place := json_places.deeper(text, MAX_DEPTH)) is not None:
        raise fail(place, "is nested too deeply", f"up to {MAX_DEPTH} levels")
    try:
        return json.loads(text, object_pairs_hook=partial(_unique, text), parse_constant=partial(_no_constant, text),
                          parse_float=partial(_finite, text), parse_int=partial(_whole, text))
    except json.JSONDecodeError as error:
        reason = f"is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        raise fail(json_places.pointer(text, error.pos), reason, "a JSON document") from None


def _unique(text: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_KEYS:
        raise fail("", "has an object with too many keys", f"up to {MAX_KEYS}")
    built = dict(pairs)
    if len(built) != len(pairs):
        names = [name for name, _ in pairs]
        again = next(name for k, name in enumerate(names) if name in names[:k])
        raise fail(json_places.repeated(text, again), f"repeats the key {again[:40]!r}", "each key once")
    return built


def _no_constant(text: str, name: str) -> Any:
    raise fail(json_places.literal(text, name), f"is {name}", "finite numbers")


def _finite(text: str, number: str) -> float:
    if not math.isfinite(value := float(number)):
        raise fail(json_places.literal(text, number), f"is {number[:20]}, which is not finite", "finite numbers")
    return value


def _whole(text: str, number: str) -> int:
    if len(number) > 17 or abs(value := int(number)) > MAX_SEED:
        place = json_places.literal(text, number)
        raise fail(place, f"is a whole number that is too large ({number[:20]}…)", "at most 2^53")
    return value


def parse(document: Any) -> Spec:
    """A document to a Spec. Raises Invalid with every problem found."""
    if not isinstance(document, Mapping):
        raise fail("", "must be an object", "a search document")
    unknown = [key for key in document if key not in PARTS]
    problems = [Problem(f"/{str(key)[:80]}", "is not a known key", ", ".join(PARTS)) for key in unknown]
    if "version" in document and (type(document["version"]) is not int or document["version"] != VERSION):
        problems.append(Problem("/version", "is not a supported version", str(VERSION)))
    take: dict[str, Any] = {}

    def attempt(key: str, read: Callable[[], Any]) -> None:
        try:
            take[key] = read()
        except Invalid as error:
            problems.extend(error.problems)

    attempt("space", lambda: parse_space(_required(document, "space"), "/space"))
    for key, kind in (("strategy", "strategies"), ("dataset", "datasets")):
        attempt(key, partial(_part_of, kind, document, key))
    usual = {"name": estimations(take["strategy"].name)[0] if "strategy" in take else "scratch"}
    attempt("estimation", lambda: _part("estimation", document.get("estimation", usual), "/estimation"))
    for key, factory in (("budget", Budget), ("constraints", Constraints), ("filter", Filter), ("finals", Finals),
                         ("ensemble", Ensemble), ("execution", Execution)):
        attempt(key, partial(_fixed, factory, document, key))
    attempt("name", lambda: _text(document.get("name", ""), "/name"))
    attempt("seed", lambda: _seed(document.get("seed", 0)))
    if not problems:
        problems += _misfits(take)
    if problems:
        raise Invalid(*problems)
    kind, space = take.pop("space")
    return Spec(space_kind=kind, space=space, **take)


def parse_space(document: Any, path: str = "") -> tuple[str, Any]:
    """The space part (what SPACE.json holds) to its kind and instance."""
    entry = _entry("spaces", _mapping(document, path), path, "kind")
    return entry.name, options.parse(entry.factory, document, path, presets=entry.presets, tag="kind")


def incompatible(strategy: str, kind: str, space: Any = None) -> str | None:
    """Why the two do not fit, or None. A space may lack what its kind offers in general (`lacks`)."""
    needs, entry = discover("strategies")[strategy].needs, discover("spaces")[kind]
    missing = sorted(needs - entry.offers)
    lacking = {name: why for name, why in (space.lacks() if hasattr(space, "lacks") else {}).items() if name in needs}
    if not missing and lacking:
        return "; ".join(f"needs {name}, which this space offers only where {why}" for name, why in lacking.items())
    if not missing:
        return None
    return f"needs {', '.join(WORDS.get(name, name) for name in missing)}, which the space {entry.title} does not offer"


def estimations(strategy: str) -> list[str]:
    """Those that perform what a strategy asks for; training from scratch first, where it does."""
    fitting = [name for name in discover("estimation") if not unperformed(strategy, name)]
    return sorted(fitting, key=lambda name: name != "scratch")


def unperformed(strategy: str, estimation: str) -> str | None:
    """Why the estimation does not do what the strategy asks for, or None."""
    asks, found = discover("strategies")[strategy].facts["asks"], discover("estimation")[estimation]
    missing = [ASKED[name] for name in asks if name not in found.facts["performs"]]
    return f"does not perform {' and '.join(missing)}, which the strategy asks for" if missing else None


def reads(kind: str, space: Any = None) -> tuple[str, ...]:
    """The kinds of data that networks of a space read: of this very one where it knows (`data`), else of its kind."""
    return tuple(getattr(space, "data", None) or discover("spaces")[kind].facts["data"])


def unreadable(readable: Sequence[str], dataset: str) -> str | None:
    """Why a space that reads these kinds of data cannot read the dataset, or None."""
    kind = discover("datasets")[dataset].facts["kind"]
    return None if kind in readable else f"is of kind {kind}; this space reads {' and '.join(readable)}"


def unaveraged(dataset: str, estimation: str) -> str | None:
    """Why there can be no ensemble of the trained networks, or None."""
    facts = discover("estimation")[estimation].facts
    if not facts["trains"] or facts["scores"] == "proxy":
        return "needs trained networks, and the estimation trains none"
    kind = discover("datasets")[dataset].facts["kind"]
    return f"averages class probabilities, but the dataset is of kind {kind}" if kind == "text" else None


def _misfits(take: Mapping[str, Any]) -> Iterator[Problem]:
    """Choices that are sound by themselves but not together."""
    (kind, space), dataset = take["space"], take["dataset"].name
    if reason := incompatible(take["strategy"].name, kind, space):
        yield Problem("/strategy/name", reason, "a strategy and a space that fit")
    if reason := unperformed(take["strategy"].name, take["estimation"].name):
        yield Problem("/estimation/name", reason, "one of " + ", ".join(estimations(take["strategy"].name)))
    readable = reads(kind, space)
    if reason := unreadable(readable, dataset):
        fitting = (name for name in discover("datasets") if not unreadable(readable, name))
        yield Problem("/dataset/name", reason, "one of " + ", ".join(fitting))
    held = discover("datasets")[dataset].facts["kind"]
    if held != "images" and getattr(take["estimation"].options, "augment", "none") != "none":
        yield Problem("/estimation/augment", f"changes images, but the dataset is of kind {held}", "none")
    if take["ensemble"].size and (reason := unaveraged(dataset, take["estimation"].name)):
        yield Problem("/ensemble/size", reason, "0 or null")
    facts, budget = discover("estimation")[take["estimation"].name].facts, take["budget"]
    if not facts["trains"]:
        yield from _untimed(take)
    if facts["scores"] == "proxy" and budget.trials is budget.seconds is None:
        yield Problem("/budget", "limits only epochs, and the estimation spends none", "trials or seconds")
    yield from take["filter"].fits(dataset)
    if fits := getattr(take["estimation"].options, "fits", None):
        yield from fits(take["space"], dataset)
    if suits := getattr(take["strategy"].options, "suits", None):
        yield from suits(kind)
    yield from _too_short(space, take["strategy"], take["estimation"], take["dataset"], {})


def misread(spec: Spec, held: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a search on an upload of which `inspect` told this."""
    return list(_too_short(spec.space, spec.strategy, spec.estimation, spec.dataset, held))


def _too_short(space: Any, strategy: Part, estimation: Part, dataset: Part, held: Mapping[str, Any]) -> Iterator[Problem]:
    """Of a text that the strategy's shared weights are trained on, as far as its length is known."""
    learnt, share = getattr(dataset.options, "learnt", None), getattr(estimation.options, "arch_share", None)
    if learnt and share and "supernet" in discover("strategies")[strategy.name].facts["asks"]:
        if problem := too_short(space, learnt(held), dataset.options.length, share):
            yield problem


def _untimed(take: Mapping[str, Any]) -> Iterator[Problem]:
    """What asks for the latency of networks that nobody trains."""
    if take["constraints"].latency_ms is not None:
        yield Problem("/constraints/latency_ms", "cannot be measured: the estimation trains no network", "null")
    if "latency" in getattr(take["strategy"].options, "objectives", ()):
        yield Problem("/strategy/objectives", "holds latency, but the estimation trains no network", "the other objectives")


def _part(kind: str, document: Any, path: str) -> Part:
    entry = _entry(kind, _mapping(document, path), path, "name")
    return Part(entry.name, options.parse(entry.options, document, path, presets=entry.presets))


def _part_of(kind: str, document: Mapping[str, Any], key: str) -> Part:
    return _part(kind, _required(document, key), f"/{key}")


def _fixed(factory: type, document: Mapping[str, Any], key: str) -> Any:
    return options.parse(factory, _mapping(document.get(key, {}), f"/{key}"), f"/{key}")


def _entry(kind: str, document: Mapping[str, Any], path: str, tag: str) -> Entry:
    known, name = discover(kind), document.get(tag)
    if not isinstance(name, str) or name not in known:
        raise fail(f"{path}/{tag}", "is missing" if name is None else "is not known", "one of " + ", ".join(known))
    return known[name]


def _required(document: Mapping[str, Any], key: str) -> Any:
    if key not in document:
        raise fail(f"/{key}", "is missing", "an object")
    return document[key]


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise fail(path, "must be an object", "an object with options")
    return value


def _text(value: Any, path: str) -> str:
    name = options.Option("text", "", "", high=200)
    if fault := name.check(value):
        raise fail(path, fault, name.allowed() + " without control characters")
    return str(value)


def _seed(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_SEED:
        raise fail("/seed", "must be a whole number in range", "0 to 2^53")
    return value
