"""What a download needs to read inputs, by the kind of data: preprocessing, a sample to try it on, and predict.py."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:                               # imports torch
    from engine.training.data import Splits

SAMPLE = 8                                      # images or rows shipped to try the network on
PROMPT = 200                                    # characters
HERE = Path(__file__).parent


def input_files(data: Splits) -> dict[str, bytes]:
    """predict.py and what it reads, by name."""
    facts: dict[str, Any] = {"kind": data.kind, "shape": list(data.shape), "classes": list(data.classes)}
    files = {"predict.py": (HERE / f"predict_{data.kind}.txt").read_bytes()}
    if data.kind == "text":
        from engine.training.language import STREAMS

        facts["streams"] = STREAMS
        prompt = "".join(data.classes[code] for code in data.validation.inputs[:PROMPT].tolist())
        files["sample.txt"] = prompt.encode()
    else:
        facts |= {"mean": list(data.mean), "std": list(data.std),
                  "sample_labels": data.validation.labels[:SAMPLE].tolist()}
        facts |= {"white": data.white} if data.kind == "images" else {"features": list(data.features),
                                                                      "columns": list(data.columns)}
        files["sample.npy"] = _npy(data.validation.inputs[:SAMPLE].cpu().numpy())
    text = json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return files | {"preprocessing.json": text.encode()}


def _npy(array: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
