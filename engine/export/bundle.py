"""The download: a trained network as a zip that runs without this project, offered only after a clean process ran it."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import options
from engine.architecture.cost import measure
from engine.errors import Damaged
from engine.export.card import card
from engine.export.inputs import input_files
from engine.export.model_source import model_source
from engine.export.onnx_model import onnx_model
from engine.export.verification import verify
from engine.spec import Spec
from engine.work import Candidate, Outcome

if TYPE_CHECKING:                               # imports torch
    from torch import nn

    from engine.architecture.graph import Graph
    from engine.training.data import Splits

THE_BEGINNING = (1980, 1, 1, 0, 0, 0)           # equal contents make equal zips


def bundle(spec: Spec, work: Candidate, outcome: Outcome, folder: Path, out: Path, data: Splits) -> dict[str, Any]:
    """Pack the weights of the trial's `folder` and what belongs to them as the zip `out`.

    Raises Damaged where the weights are not those that were recorded, or the packed network is not what was logged.
    """
    if not outcome.ok or outcome.score is None:
        raise Damaged("the trial has no score that its weights could be checked against")
    weights = _weights(folder / "weights.safetensors", outcome)
    graph = spec.space.network(work.architecture, data.shape, len(data.classes))
    cost = measure(graph, data.shape)
    onnx = onnx_model(_network(graph, weights, data), data.shape, data.kind)
    title = f"{spec.name or 'A network'}: trial {work.trial} of a search of the space {spec.space_kind}."
    files = {
        "card.md": card(spec, work, outcome, data, cost, onnx).encode(),
        "genotype.json": _json(_genotype(spec, work)),
        "model.py": model_source(graph, data.shape, title).encode(),
        "weights.safetensors": weights,
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


def _network(graph: Graph, weights: bytes, data: Splits) -> nn.Module:
    from safetensors.torch import load

    from engine.nets.build import build

    network = build(graph, data.shape)
    network.load_state_dict(load(weights))
    return network.eval()


def _genotype(spec: Spec, work: Candidate) -> dict[str, Any]:
    return {"kind": work.architecture.kind, "genotype": dict(work.architecture.genotype), "hyper": dict(work.hyper),
            "encoding_id": work.architecture.encoding_id, "canonical_id": spec.space.canonical(work.architecture),
            "space": {"kind": spec.space_kind, **options.document(spec.space)}}


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
