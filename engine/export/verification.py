"""Does the zip stand alone? A clean interpreter unpacks it and has to reach the score that was logged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import Damaged

if TYPE_CHECKING:                               # imports torch
    from engine.training.data import Split

TOLERANCE = 1e-4
SECONDS = 600
INHERITED = ("PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SYSTEMROOT")
CHECK = '''
import contextlib, io, json, sys
from pathlib import Path

class Blocked:
    """Finds nothing, and says so, for all but what a person without the project has."""
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("engine", "apps", "nasweb", "django"):
            raise ImportError(f"{name} is not part of the download")

sys.meta_path.insert(0, Blocked())
folder, data, device = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
sys.path.insert(0, str(folder))

import numpy as np
import torch

torch.set_num_threads(1)
torch.backends.cudnn.allow_tf32 = False

import predict

with contextlib.redirect_stdout(io.StringIO()):
    predict.main([])
network = predict.load(device)
inputs, labels = (np.load(data / f"{name}.npy", allow_pickle=False) for name in ("inputs", "labels"))
print(json.dumps({"score": predict.score(network, inputs, labels, device), "examples": len(labels),
                  "parameters": sum(p.numel() for p in network.parameters())}))
'''


def verify(archive: Path, validation: Split, logged: float, parameters: int) -> dict[str, Any]:
    """What a process that knows only the zip found. Raises Damaged where it is not the network that was logged."""
    with tempfile.TemporaryDirectory(prefix="nasweb-verify-") as name:
        unpacked, data = Path(name, "zip"), Path(name, "data")
        with zipfile.ZipFile(archive) as file:
            file.extractall(unpacked)
        data.mkdir()
        np.save(data / "inputs.npy", validation.inputs.cpu().numpy())
        np.save(data / "labels.npy", validation.labels.cpu().numpy())
        found = _ask(unpacked, data, str(validation.inputs.device))
    if not abs(found["score"] - logged) <= TOLERANCE:
        raise Damaged(f"the packed network scores {found['score']:.6f}, logged was {logged:.6f}")
    if found["parameters"] != parameters:
        raise Damaged(f"the packed network has {found['parameters']:,} parameters, logged were {parameters:,}")
    return {"score": found["score"], "logged": logged, "examples": found["examples"], "parameters": found["parameters"]}


def _ask(unpacked: Path, data: Path, device: str) -> dict[str, Any]:
    environment = {key: os.environ[key] for key in INHERITED if key in os.environ} | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-I", "-B", "-c", CHECK, str(unpacked), str(data), device]
    try:
        ran = subprocess.run(command, cwd=unpacked, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise Damaged(f"the packed network did not answer within {SECONDS} s") from None
    if ran.returncode:
        reason = (ran.stderr.strip().splitlines() or ["no reason"])[-1]
        raise Damaged(f"the packed network does not run by itself: {reason[:500]}")
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found
