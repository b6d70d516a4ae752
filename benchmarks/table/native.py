"""The native trainer from Python: compiled on first use, then one call an epoch."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.table.program import program
from engine.architecture.graph import Graph, Shape

FOLDER = Path(__file__).parent
SOURCES = (FOLDER / "native.cpp", FOLDER / "kernels.h")
FLAGS = ("-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi")
BLOCK = 64                                      # images in a batch: a multiple of this
Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]


def available() -> bool:
    return shutil.which("g++") is not None


@cache
def library() -> ctypes.CDLL:
    """The compiled trainer, kept under a name that tells sources, flags and machine."""
    version = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    machine = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")), "")
    content = b"".join(path.read_bytes() for path in SOURCES) + repr((FLAGS, version, machine)).encode()
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nasweb" / "native"
    built = folder / f"{hashlib.sha256(content).hexdigest()[:16]}.so"
    if not built.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = built.with_suffix(f".{os.getpid()}")
        subprocess.run(["g++", *FLAGS, str(SOURCES[0]), "-o", str(draft)], check=True, stdout=sys.stderr)
        draft.replace(built)
    return _declared(ctypes.CDLL(str(built)))


def _declared(loaded: ctypes.CDLL) -> ctypes.CDLL:
    pointer, number, real = ctypes.c_void_p, ctypes.c_int, ctypes.c_float
    loaded.create.argtypes = [pointer, number, pointer, number, number, pointer, number, pointer, number]
    loaded.create.restype = pointer
    loaded.destroy.argtypes = [pointer]
    loaded.learn.argtypes = [pointer, pointer, pointer, pointer, pointer, number, real, real]
    loaded.learn.restype = ctypes.c_double
    loaded.count_right.argtypes = [pointer, pointer, pointer, number]
    loaded.weights_of.argtypes = [pointer, pointer, pointer]
    return loaded


class NativeNetwork:
    """The network of a graph with the weights of `model`, a module that `engine.nets.build` made from the same graph."""

    def __init__(self, graph: Graph, shape: Shape, model: nn.Module, batch: int) -> None:
        self.program = program(graph, shape, model)
        self.weights = _flat(model.named_parameters(), self.program.parameters)
        self.stats = _flat(model.named_buffers(), self.program.statistics)
        rows, sizes = self.program.array(), self.program.sizes()
        self.handle = library().create(_at(rows), len(rows), _at(sizes), len(sizes), batch, _at(self.weights),
                                       len(self.weights), _at(self.stats), len(self.stats))
        if not self.handle:
            raise ValueError(f"a batch has a multiple of {BLOCK} images, not {batch}")

    def __enter__(self) -> NativeNetwork:
        return self

    def __exit__(self, *_: object) -> None:
        library().destroy(self.handle)

    def learn(self, images: Floats, labels: Numbers, order: Numbers, rates: NDArray[np.float64], momentum: float,
              weight_decay: float) -> float:
        """Steps over `order`, one rate a step. The sum of the losses; it is not finite where training broke down."""
        return float(library().learn(self.handle, _at(images), _at(labels), _at(order), _at(rates), len(rates), momentum,
                                     weight_decay))

    def right(self, images: Floats, labels: Numbers) -> int:
        """How many of the images are named rightly."""
        return int(library().count_right(self.handle, _at(images), _at(labels), len(labels)))

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Flat tensors under the module's names."""
        library().weights_of(self.handle, _at(self.weights), _at(self.stats))
        found = {}
        for places, numbers in ((self.program.parameters, self.weights), (self.program.statistics, self.stats)):
            ends = [*list(places.values())[1:], len(numbers)]
            found |= {name: torch.from_numpy(numbers[a:b].copy()) for (name, a), b in zip(places.items(), ends, strict=True)}
        return found


def _flat(named: Any, wanted: dict[str, int]) -> Floats:
    parts = [tensor.detach().numpy().ravel() for name, tensor in named if name in wanted]
    return np.ascontiguousarray(np.concatenate(parts), np.float32)


def _at(array: NDArray[Any]) -> int:
    return int(array.ctypes.data)
