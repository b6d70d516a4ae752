"""Latency: how long a trained network takes for one input, where it was trained."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from engine.architecture.graph import Graph

WARM, REPEATS = 10, 50


def example(data: Any, device: str) -> Any:
    """One input as the network sees it: an image, a row, or as many characters of a text as it reads at once."""
    if data.kind == "text":
        inputs = data.validation.inputs[None, : data.shape[0]]
    else:
        inputs = data.validation.inputs[:1]
    return data.normalise(inputs.to(device))


def untrained(graph: Graph, data: Any, device: str) -> dict[str, Any]:
    """The metrics of a network that nobody trained: latency does not depend on what it has learned."""
    from engine.nets.build import build

    return {"latency_ms": latency_ms(build(graph, data.shape).to(device), example(data, device)), "latency_device": device}


def latency_ms(model: Any, example: Any, warm: int = WARM, repeats: int = REPEATS) -> float:
    """The median of single forward passes, in milliseconds: warmed up, in evaluation mode, on one thread."""
    import torch

    def passed() -> float:
        began = time.perf_counter()
        model(example)
        if example.device.type == "cuda":
            torch.cuda.synchronize(example.device)
        return 1000 * (time.perf_counter() - began)

    training, threads = model.training, torch.get_num_threads()
    model.eval()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            for _ in range(warm):
                passed()
            return median(passed() for _ in range(repeats))
    finally:
        torch.set_num_threads(threads)
        model.train(training)
