"""What a trained network says of the validation split: kept beside its weights, for ensembles."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import Damaged

if TYPE_CHECKING:                               # imports torch
    from torch import nn

    from engine.estimation.selection import Probabilities

FILE = "validation_probabilities.npy"


def keep(model: nn.Module, data: Any, folder: Path) -> str:
    """Write the class probabilities, (examples, classes) in single precision. Gives their SHA-256."""
    from engine.checkpoint import write
    from engine.training.task import probabilities

    buffer = io.BytesIO()
    np.save(buffer, probabilities(model, data, data.validation).cpu().numpy().astype(np.float32), allow_pickle=False)
    return write(folder / FILE, buffer.getvalue())


def kept(folder: Path, sha256: str) -> Probabilities:
    """Raises Damaged where they are not those that were recorded."""
    found: Probabilities = np.load(io.BytesIO(sound(folder / FILE, sha256)), allow_pickle=False)
    return found


def sound(path: Path, sha256: str) -> bytes:
    """A file's bytes. Raises Damaged where they are not those that were recorded."""
    if not path.is_file():
        raise Damaged(f"{path.name} is not there")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Damaged(f"{path.name} is not what was recorded")
    return content
