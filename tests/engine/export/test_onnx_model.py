"""ONNX: the same numbers for any batch, or left out with the reason."""

from __future__ import annotations

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from engine.export.onnx_model import onnx_model
from engine.nets.build import build
from engine.rng import stream
from engine.spec import parse_space

SHAPE = (3, 9, 8)


@pytest.mark.parametrize("kind", ["chain", "nas_bench_201"])
def test_the_runtime_agrees_on_batches_it_was_not_exported_with(kind: str) -> None:
    _, space = parse_space({"kind": kind, "preset": "cpu"})
    torch.manual_seed(0)
    network = build(space.network(space.sample(stream(3, "onnx")).architecture, SHAPE, 4), SHAPE).eval()
    made = onnx_model(network, SHAPE)
    assert made.content is not None, made.reason
    session = onnxruntime.InferenceSession(made.content, providers=["CPUExecutionProvider"])
    for batch in (1, 3, 16):
        images = torch.randn(batch, *SHAPE)
        (given,) = session.run(None, {"inputs": images.numpy()})
        with torch.inference_mode():
            assert torch.allclose(torch.from_numpy(given), network(images), atol=1e-4)


def test_what_cannot_be_exported_is_left_out_with_the_reason() -> None:
    class Branches(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum() > 0 else -x

    made = onnx_model(Branches(), SHAPE)
    assert made.content is None and made.reason.startswith("the exporter could not") and "\n" not in made.reason


def test_a_network_that_keeps_a_state_is_left_out_with_the_reason() -> None:
    made = onnx_model(nn.Identity(), (8,), "text")
    assert made.content is None and "keeps a state" in made.reason


def test_a_network_whose_numbers_differ_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.export.onnx_model._export", lambda network, shape: b"")
    monkeypatch.setattr("engine.export.onnx_model._difference", lambda network, content, shape: 2e-4)
    made = onnx_model(nn.Identity(), SHAPE)
    assert made.content is None and made.difference == 2e-4 and "differs" in made.reason


def test_nan_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.export.onnx_model._export", lambda network, shape: b"")
    monkeypatch.setattr("engine.export.onnx_model._difference", lambda network, content, shape: float("nan"))
    assert onnx_model(nn.Identity(), SHAPE).content is None
