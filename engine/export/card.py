"""The model card: where a network comes from and what its numbers mean, in Markdown."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from engine.architecture.cost import Cost
from engine.export.onnx_model import Onnx
from engine.spec import Spec
from engine.work import Candidate, Outcome

if TYPE_CHECKING:                               # imports torch
    from engine.training.data import Splits

KINDS = {
    "scratch": "trained from random weights, then scored",
    "inherited": "trained on from its parent's weights, then scored",
    "shared": "scored with weights shared by many networks: it was not trained on its own",
    "hypernetwork": "scored with weights that another network generated: it was not trained on its own",
    "proxy": "an estimate, not an accuracy of this network",
    "tabular": "looked up in a table",
}
PACKAGES = ("torch", "numpy", "safetensors", "onnx", "onnxruntime")
TEXT = """# {title}

An image classifier found by neural architecture search. `python predict.py` runs it on the shipped sample,
`python predict.py FILE …` on .npy files or pictures.

## Score
| | |
|---|---|
| Validation accuracy | {score:.4f} |
| Score kind | {kind}: {meaning} |
| Test accuracy | {test} |
| Parameters | {parameters:,} |
| FLOPs, one image | {flops:,} ({macs:,} multiply-adds) |

A process that saw nothing but this zip reproduced the validation accuracy before the zip was offered.

## Data
| | |
|---|---|
| Dataset | {dataset} |
| Fingerprint | `{fingerprint}` |
| Images | {train:,} to train, {validation:,} to validate, {test_images:,} to test, disjoint; chosen by seed {seed} |
| Shape | {shape} (channels, height, width) |
| Classes | {classes} |

What the network takes is (image / {white} - mean) / std by channel, with mean {mean} and std {std}.

## Training
| | |
|---|---|
| Search seed | {seed} |
| Trial | {trial} |
| Spent | {spend} |
| Estimation | {estimation} |
| Weights | SHA-256 `{artifact}` |

## Architecture
{space}: the genotype is in `genotype.json`, the layers are in `model.py`.

## Files
`model.py` `weights.safetensors` `genotype.json` `preprocessing.json` `predict.py` `sample.npy`{onnx}

## Versions
{versions}
"""


def card(spec: Spec, work: Candidate, outcome: Outcome, data: Splits, cost: Cost, onnx: Onnx) -> str:
    """The text of card.md."""
    test = outcome.metrics.get("test")
    tested = "not measured (only finals read the test images)" if test is None else f"{test:.4f}"
    spend = ", ".join(f"{value:.4g} {unit}" for unit, value in outcome.spend.items())
    trial = f"{work.trial}, a final of trial {work.final_of}" if work.final_of is not None else str(work.trial)
    fidelity = {**spec.estimation.document(), **spec.space.training_options(work.hyper), **work.fidelity}
    return TEXT.format(
        title=_cell(spec.name) or "A network from a search", score=outcome.score, kind=outcome.score_kind,
        meaning=KINDS[outcome.score_kind], test=tested,
        parameters=cost.parameters, flops=cost.flops, macs=cost.macs, dataset=_code(spec.dataset.document()),
        fingerprint=data.fingerprint, train=len(data.train), validation=len(data.validation), test_images=len(data.test),
        seed=spec.seed, shape="×".join(map(str, data.shape)), classes=_cell(", ".join(data.classes)), white=data.white,
        mean=_numbers(data.mean), std=_numbers(data.std), trial=trial, estimation=_code(fidelity),
        spend=spend or "unknown", artifact=outcome.artifact,
        space=_code(spec.document()["space"]), onnx=_onnx(onnx), versions=_versions())


def _onnx(onnx: Onnx) -> str:
    if onnx.content is None:
        return f"\n\n`model.onnx` is left out: {_cell(onnx.reason)}."
    return f" `model.onnx`\n\n`model.onnx` takes normalised images; the ONNX runtime agrees within {onnx.difference:.1e}."


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.6g}" for value in values)


def _versions() -> str:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _code(document: Any) -> str:
    """JSON that cannot end the code span or the table cell that it stands in."""
    return "`" + json.dumps(document).replace("`", "'").replace("|", "\\|") + "`"


def _cell(text: str) -> str:
    """Words of others as text: no markup, no table borders."""
    for mark in "\\`*_[]<>|#!":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
