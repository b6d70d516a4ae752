"""The card: where the network comes from, in words that cannot be taken for more than they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.architecture.cost import measure
from engine.export.card import card
from engine.export.onnx_model import Onnx
from tests.engine.export.trained import trained


def text(name: str = "", final: bool = False, onnx: Onnx | None = None, **outcome: Any) -> str:
    made = trained("chain", name, final)
    return card(made.spec, made.work, replace(made.outcome, **outcome), made.data, measure(made.graph, made.data.shape),
                onnx or Onnx(b"", difference=1e-6))


def test_it_tells_data_splits_seed_score_cost_and_versions() -> None:
    import torch

    made, told = trained("chain"), text()
    for fact in (made.data.fingerprint, "1,150 to train, 288 to validate, 359 to test", "chosen by seed 0",
                 f"{made.outcome.score:.4f}", f"{made.outcome.metrics['parameters']:,}",
                 f"{made.outcome.metrics['flops']:,}", f"torch {torch.__version__.split('+')[0]}",
                 str(made.outcome.artifact), "scratch: trained from random weights"):
        assert fact in told, fact


def test_only_a_final_has_a_test_accuracy() -> None:
    assert "Test accuracy | not measured" in text()
    assert f"Test accuracy | {trained('chain', '', True).outcome.metrics['test']:.4f}" in text(final=True)
    assert "3, a final of trial 2" in text(final=True)


@pytest.mark.parametrize("kind", ["shared", "hypernetwork"])
def test_borrowed_weights_are_said_to_be_borrowed(kind: str) -> None:
    assert "it was not trained on its own" in text(score_kind=kind)
    assert "it was not trained on its own" not in text()


def test_a_missing_onnx_file_is_explained() -> None:
    told = text(onnx=Onnx(None, "the exporter could not: it is tired"))
    assert "`model.onnx` is left out: the exporter could not: it is tired." in told
    assert "left out" not in text()


def test_the_name_of_a_search_is_text() -> None:
    heading = text(name="<img src=x> | [a](b) # `c`").splitlines()[0]
    assert heading == "# \\<img src=x\\> \\| \\[a\\](b) \\# \\`c\\`"
