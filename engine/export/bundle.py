"""The download: a trained network, or an ensemble, as a zip that runs without this project, offered only after a clean
process ran it."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import options
from engine.architecture.cost import Cost, measure, together
from engine.errors import Damaged
from engine.export.card import card
from engine.export.ensemble_source import ensemble_source, members_of
from engine.export.inputs import input_files
from engine.export.model_source import model_source
from engine.export.onnx_model import onnx_model
from engine.export.verification import verify
from engine.spec import Spec
from engine.work import Candidate, Outcome, Selection

if TYPE_CHECKING:                               # imports torch
    from torch import nn

    from engine.architecture.architecture import Architecture
    from engine.training.data import Splits

THE_BEGINNING = (1980, 1, 1, 0, 0, 0)           # equal contents make equal zips


def bundle(spec: Spec, work: Candidate | Selection, outcome: Outcome, folder: Path, out: Path,
           data: Splits) -> dict[str, Any]:
    """Pack the weights of the trial's `folder` and what belongs to them as the zip `out`.

    Raises Damaged where the weights are not those that were recorded, or the packed network is not what was logged.
    """
    from safetensors.torch import load

    if not outcome.ok or outcome.score is None:
        raise Damaged("the trial has no score that its weights could be checked against")
    weights = _weights(folder / "weights.safetensors", outcome)
    if isinstance(work, Selection):
        cost, network, sources = _of_ensemble(spec, work, outcome, data)
    else:
        cost, network, sources = _of_network(spec, work, data)
    network.load_state_dict(load(weights))
    onnx = onnx_model(network.eval(), data.shape, data.kind)
    files = {
        "card.md": card(spec, work, outcome, data, cost, onnx).encode(),
        "weights.safetensors": weights,
        **sources,
        **input_files(data),
        **({"model.onnx": onnx.content} if onnx.content is not None else {}),
    }
    out.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unproven = out.with_name(f"{out.name[:200]}.{os.getpid()}.tmp")
    try:
        _pack(files, unproven)
        found = verify(unproven, data.validation, outcome.score, cost.parameters)
        os.replace(unproven, out)
    finally:
        unproven.unlink(missing_ok=True)
    return {"path": str(out), "sha256": hashlib.sha256(out.read_bytes()).hexdigest(), "size": out.stat().st_size,
            "verified": {**found, "onnx": onnx.content is not None, "onnx_reason": onnx.reason}}


def _weights(path: Path, outcome: Outcome) -> bytes:
    if not path.is_file():
        raise Damaged("the trial's weights are not there")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != outcome.artifact:
        raise Damaged("the trial's weights are not those that were recorded")
    return content


Parts = tuple[Cost, "nn.Module", dict[str, bytes]]         # what it costs, the module without its weights, its sources


def _of_network(spec: Spec, work: Candidate, data: Splits) -> Parts:
    from engine.nets.build import build

    graph = spec.space.network(work.architecture, data.shape, len(data.classes))
    genotype = {**_genotype(spec, work.architecture), "hyper": dict(work.hyper), "space": _space(spec)}
    source = model_source(graph, data.shape, _title(spec, work.trial))
    sources = {"genotype.json": _json(genotype), "model.py": source.encode()}
    return measure(graph, data.shape), build(graph, data.shape), sources


def _of_ensemble(spec: Spec, work: Selection, outcome: Outcome, data: Splits) -> Parts:
    """Each member is a file like the `model.py` of a single network; `model.py` averages them."""
    from engine.nets.average import Average
    from engine.nets.build import build

    members = members_of(work, outcome)
    graphs = {m.trial: spec.space.network(m.architecture, data.shape, len(data.classes)) for m, _ in members}
    told = [{"trial": m.trial, "picked": count, **_genotype(spec, m.architecture)} for m, count in members]
    sources = {"ensemble.json": _json({"members": told, "space": _space(spec)}),
               "model.py": ensemble_source(members, _title(spec, work.trial)).encode(),
               **{f"trial_{trial}.py": model_source(graph, data.shape, _title(spec, trial)).encode()
                  for trial, graph in graphs.items()}}
    average = Average([build(graph, data.shape) for graph in graphs.values()], [count for _, count in members])
    return together([measure(graph, data.shape) for graph in graphs.values()]), average, sources


def _title(spec: Spec, trial: int) -> str:
    return f"{spec.name or 'A network'}: trial {trial} of a search of the space {spec.space_kind}."


def _space(spec: Spec) -> dict[str, Any]:
    return {"kind": spec.space_kind, **options.document(spec.space)}


def _genotype(spec: Spec, architecture: Architecture) -> dict[str, Any]:
    return {"kind": architecture.kind, "genotype": dict(architecture.genotype),
            "encoding_id": architecture.encoding_id, "canonical_id": spec.space.canonical(architecture)}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _pack(files: dict[str, bytes], path: Path) -> None:
    """Readable by its owner alone, on disk before it is offered."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in sorted(files.items()):
                entry = zipfile.ZipInfo(name, THE_BEGINNING)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(entry, content)
        file.flush()
        os.fsync(file.fileno())
