"""The network in ONNX, kept only if the ONNX runtime gives the same numbers."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.architecture.graph import Shape

if TYPE_CHECKING:                               # imports torch
    from torch import nn

TOLERANCE = 1e-4
BATCHES = (1, 5)


@dataclass(frozen=True)
class Onnx:
    """The file's bytes, or why there is none."""

    content: bytes | None
    reason: str = ""
    difference: float | None = None             # the largest, of all outputs compared


def onnx_model(network: nn.Module, shape: Shape, kind: str = "images") -> Onnx:
    """Export for any batch size and compare. Whatever goes wrong is a reason to leave it out, not to fail."""
    if kind == "text":
        return Onnx(None, "a network that keeps a state from one call to the next has no form in it")
    try:
        content = _export(network, shape)
        difference = _difference(network, content, shape)
    except Exception as error:                  # noqa: BLE001  the exporter raises what it likes
        return Onnx(None, f"the exporter could not: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
    if not difference <= TOLERANCE:
        return Onnx(None, f"the ONNX runtime differs by {difference:.2g}", difference)
    return Onnx(content, difference=difference)


def _export(network: nn.Module, shape: Shape) -> bytes:
    import torch

    example = torch.zeros(2, *shape)
    with tempfile.TemporaryDirectory(prefix="nasweb-onnx-") as folder:
        path = Path(folder, "model.onnx")
        torch.onnx.export(network.eval(), (example,), path, dynamo=True, external_data=False, input_names=["inputs"],
                          output_names=["scores"], dynamic_shapes=({0: torch.export.Dim("batch")},), verbose=False)
        return path.read_bytes()


def _difference(network: nn.Module, content: bytes, shape: Shape) -> float:
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    largest = 0.0
    for batch in BATCHES:
        inputs = torch.randn(batch, *shape, generator=torch.Generator().manual_seed(batch))
        (given,) = session.run(None, {"inputs": inputs.numpy()})
        with torch.inference_mode():
            largest = max(largest, float((torch.from_numpy(given) - network(inputs)).abs().max()))
    return largest
