"""The model card: where a network comes from and what its numbers mean, in Markdown."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from engine.architecture.cost import Cost
from engine.datasets.kinds import KINDS as DATA
from engine.export.ensemble_source import members_of
from engine.export.onnx_model import Onnx
from engine.spec import Spec
from engine.work import Candidate, Outcome, Selection

if TYPE_CHECKING:                               # imports torch
    from engine.training.data import Splits

KINDS = {
    "scratch": "trained from random weights, then scored",
    "inherited": "inherited from another network's weights, trained on if so asked, then scored",
    "shared": "scored with weights shared by many networks: it was not trained on its own",
    "hypernetwork": "scored with weights that another network generated: it was not trained on its own",
    "proxy": "an estimate, not an accuracy of this network",
    "tabular": "looked up in a table",
}
USES = {
    "images": "`python predict.py` runs it on the shipped sample,\n`python predict.py FILE …` on .npy files or pictures.",
    "table": "`python predict.py` runs it on the shipped sample,\n`python predict.py FILE …` on .npy or .csv files.",
    "text": "`python predict.py` lets it go on with the shipped\nsample, `python predict.py \"TEXT\"` with yours.",
}
PACKAGES = ("torch", "numpy", "safetensors", "onnx", "onnxruntime")
TEXT = """# {title}

{network} found by neural architecture search. {use}

## Score
| | |
|---|---|
| Validation {words} | {score:.4f} |
| Score kind | {kind}: {meaning} |
| Test {words} | {test} |
| Parameters | {parameters:,} |
| FLOPs, one input | {flops:,} ({macs:,} multiply-adds) |

A process that saw nothing but this zip reproduced the validation score before the zip was offered.

## Data
| | |
|---|---|
| Dataset | {dataset} |
| Fingerprint | `{fingerprint}` |
| {examples} | {train:,} to train, {validation:,} to validate, {test_examples:,} to test, disjoint; {chosen} |
| Shape | {shape} ({dimensions}) |
| {class_word} | {classes} |

{taken}

## Training
| | |
|---|---|
| Search seed | {seed} |
| Trial | {trial} |
| Spent | {spend} |
| Estimation | {estimation} |
| Weights | SHA-256 `{artifact}` |

## Architecture
{architecture}

## Files
{files} `weights.safetensors` `preprocessing.json` `predict.py` `{sample}`{onnx}

## Versions
{versions}
"""


def card(spec: Spec, work: Candidate | Selection, outcome: Outcome, data: Splits, cost: Cost, onnx: Onnx) -> str:
    """The text of card.md."""
    test = outcome.metrics.get("test")
    tested = f"not measured (only finals read the test {DATA[data.kind].examples})" if test is None else f"{test:.4f}"
    spend = ", ".join(f"{value:.4g} {unit}" for unit, value in outcome.spend.items())
    of_kind = _of_kind(spec, data)
    told = _of_ensemble(spec, work, outcome) if isinstance(work, Selection) else _of_network(spec, work)
    return TEXT.format(
        title=_cell(spec.name) or "A network from a search", score=outcome.score, kind=outcome.score_kind,
        meaning=KINDS[outcome.score_kind], test=tested,
        parameters=cost.parameters, flops=cost.flops, macs=cost.macs, dataset=_code(spec.dataset.document()),
        fingerprint=data.fingerprint, train=len(data.train), validation=len(data.validation),
        test_examples=len(data.test), seed=spec.seed, **{**of_kind, **told},
        spend=spend or "unknown", artifact=outcome.artifact,
        onnx=_onnx(onnx), versions=_versions())


def _of_network(spec: Spec, work: Candidate) -> dict[str, Any]:
    fidelity = {**spec.estimation.document(), **spec.space.training_options(work.hyper), **work.fidelity}
    space = _code(spec.document()["space"])
    return {"trial": f"{work.trial}, a final of trial {work.final_of}" if work.final_of is not None else str(work.trial),
            "estimation": _code(fidelity), "files": "`model.py` `genotype.json`",
            "architecture": f"{space}: the genotype is in `genotype.json`, the layers are in `model.py`."}


def _of_ensemble(spec: Spec, work: Selection, outcome: Outcome) -> dict[str, Any]:
    """What is said in other words of an average of several networks."""
    members, single = members_of(work, outcome), outcome.metrics["ensemble"]["single"]
    picks = sum(count for _, count in members)
    network = f"An ensemble of {len(members)} classifier{'s' if len(members) > 1 else ''}"
    rows = "\n".join(f"| {m.trial} | {count} of {picks} | `{m.weights}` |" for m, count in members)
    return {
        "network": network, "trial": f"{work.trial}, an ensemble of other trials",
        "estimation": _code(spec.estimation.document()) + ", and what the trials decided themselves",
        "files": "`model.py` `ensemble.json` " + " ".join(f"`trial_{m.trial}.py`" for m, _ in members),
        "architecture": f"""{_code(spec.document()["space"])}: each member is a file, `model.py` gives the logarithms of the
mean of what they predict. It was picked greedily for its score on the validation split, so that score flatters it.

| Trial | Picked | SHA-256 of its weights |
|---|---|---|
{rows}

The best single network, trial {single["trial"]}: {single["score"]:.4f} in validation, {single["test"]:.4f} in the test."""}


def _of_kind(spec: Spec, data: Splits) -> dict[str, Any]:
    """What is said in other words for images, rows and texts."""
    kind = DATA[data.kind]
    told: dict[str, Any] = {
        "network": kind.network, "words": kind.score, "examples": kind.examples.capitalize(), "sample": "sample.npy",
        "use": USES[data.kind], "chosen": f"chosen by seed {spec.seed}", "dimensions": ", ".join(kind.shape),
        "shape": "×".join(map(str, data.shape)), "class_word": kind.classes.capitalize(),
        "classes": _cell(", ".join(data.classes))}
    if data.kind == "text":
        return told | {"chosen": "three stretches of the text, one after another", "sample": "sample.txt",
                       "classes": _code("".join(data.classes[:-1])) + " and one for all others",
                       "taken": f"The network reads characters as their places in this list, {data.shape[0]} at a time when "
                                "it learnt, and carries its state from call to call (`start`, `end` of its layers)."}
    white, axis = (f" / {data.white}", "channel") if data.kind == "images" else ("", "feature")
    name = kind.examples.removesuffix("s")
    return told | {"taken": f"What the network takes is ({name}{white} - mean) / std by {axis}, with mean "
                            f"{_numbers(data.mean)} and std {_numbers(data.std)}."}


def _onnx(onnx: Onnx) -> str:
    if onnx.content is None:
        return f"\n\n`model.onnx` is left out: {_cell(onnx.reason)}."
    return f" `model.onnx`\n\n`model.onnx` takes normalised inputs; the ONNX runtime agrees within {onnx.difference:.1e}."


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
