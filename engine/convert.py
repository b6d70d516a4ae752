"""Architectures in the forms of other tools, to and from ours. Text is taken apart, never run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from engine import options
from engine.architecture.architecture import Architecture
from engine.architecture.darts_format import KEYS, LONGEST, checked, from_python
from engine.errors import Invalid, fail
from engine.registry import discover
from engine.spec import parse_space, parse_text

Converted = dict[str, Any]                      # {"space": a space that can measure it, "genotype": …}
BESIDE = ("space", "kind", "genotype", "hyper", "encoding_id", "canonical_id")       # as in a download's genotype.json


def convert(text: str | bytes, source: str) -> Converted:
    """The architecture that the text describes. Raises Invalid."""
    if source not in READERS:
        raise fail("/from", f"{source[:40]!r} is not a known form", "one of " + ", ".join(READERS))
    return READERS[source](text)


def texts(space: Any, architecture: Architecture) -> dict[str, str]:
    """The architecture in every form that can tell it, by name."""
    return {"json": json.dumps({"kind": architecture.kind, "genotype": dict(architecture.genotype)}, allow_nan=False),
            **space.texts(architecture)}


def _from_json(text: str | bytes) -> Converted:
    """A genotype, alone or with its kind or its space beside it."""
    document = parse_text(text)
    if not isinstance(document, Mapping):
        raise fail("", "must be an object", '{"kind": "cell", "genotype": { … }}')
    if "genotype" not in document:
        return _recognised(document)
    if unknown := [key for key in document if key not in BESIDE]:
        raise fail(f"/{unknown[0][:80]}", "is not a known key", ", ".join(BESIDE))
    if "space" in document:
        return _fitted([document["space"]], document["genotype"], "/space")
    if "kind" not in document:
        return _recognised(document["genotype"], "/genotype")
    return _fitted(list(_spaces(document["kind"])), document["genotype"])


def _spaces(kind: Any) -> Iterator[dict[str, Any]]:
    """A kind as it is by default, then each of its presets."""
    parse_space({"kind": kind})
    yield {"kind": kind}
    yield from ({"kind": kind, "preset": preset} for preset in discover("spaces")[kind].presets)


def _fitted(spaces: list[Any], genotype: Any, path: str = "") -> Converted:
    """With the first of the spaces that has this genotype; where none has it, with the first that can read it."""
    faults = []
    for wanted in ("parse", "read"):
        for document in spaces:
            _, space = parse_space(document, path)
            try:
                found: Architecture = getattr(space, wanted)(genotype, "/genotype")
            except Invalid as error:
                faults.append(error)
            else:
                return {"space": document, "genotype": dict(found.genotype)}
    raise faults[0]


def _recognised(genotype: Any, path: str = "") -> Converted:
    """Two forms tell by themselves what they are."""
    keys = set(genotype) if isinstance(genotype, Mapping) else set()
    if keys == set(KEYS):
        return _darts(genotype, path)
    if keys == {"arch"}:
        return _nas_bench_201(genotype["arch"], f"{path}/arch")
    raise fail("/kind", "is missing", "one of " + ", ".join(discover("spaces")))


def _from_darts(text: str | bytes) -> Converted:
    """The Python text of a genotype, or the same as JSON."""
    words = _decoded(text)
    return _darts(parse_text(words) if words.lstrip().startswith("{") else from_python(words))


def _darts(genotype: Any, path: str = "") -> Converted:
    """In the DARTS space with as many nodes, and with its operations where those are not among the eight."""
    wide = checked(genotype, path)
    kind = "darts_cell"
    usual = options.document(discover("spaces")[kind].factory())
    used = {op for cell in ("normal", "reduce") for op, _ in wide[cell]}
    more = [op for op in sorted(used) if op not in usual["ops"]]
    wanted = {"nodes": len(wide["normal"]) // 2, "ops": [*usual["ops"], *more]}
    fitting = {"kind": kind, **{key: value for key, value in wanted.items() if value != usual[key]}}
    try:
        _, space = parse_space(fitting)
        return {"space": fitting, "genotype": dict(space.parse(wide).genotype)}
    except Invalid:                             # no member of any such space: it can still be measured and drawn
        return _fitted([{"kind": kind}], wide)


def _from_nas_bench_201(text: str | bytes) -> Converted:
    return _nas_bench_201(_decoded(text).strip())


def _nas_bench_201(arch: Any, path: str = "") -> Converted:
    document = {"kind": "nas_bench_201"}
    _, space = parse_space(document)
    try:
        return {"space": document, "genotype": dict(space.parse({"arch": arch}).genotype)}
    except Invalid as error:
        problem = error.problems[0]
        raise fail(path, problem.reason, problem.allowed) from None


def _decoded(text: str | bytes) -> str:
    if len(text) > 4 * LONGEST:
        raise fail("", "is too long for an architecture", f"up to {LONGEST:,} characters")
    try:
        return text if isinstance(text, str) else text.decode("utf-8")
    except UnicodeDecodeError:
        raise fail("", "is not UTF-8 text", "text in UTF-8") from None


READERS: Mapping[str, Callable[[str | bytes], Converted]] = {
    "json": _from_json, "darts": _from_darts, "nas_bench_201": _from_nas_bench_201}
