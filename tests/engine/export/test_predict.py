"""The shipped predict.py, run by a bare interpreter that can import nothing of the project."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.export.bundle import bundle
from tests.engine.export.trained import trained

# As a person without the project has it: only these packages, besides Python's own.
BARE = '''
import runpy, sys
ALLOWED = set(sys.argv[1].split(","))
class Bare:
    def find_spec(self, name, path=None, target=None):
        if name in ALLOWED or name.split(".")[0] in ("engine", "apps", "nasweb", "django"):
            raise ImportError(f"blocked: {name}")
sys.meta_path.insert(0, Bare())
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made, place = trained("chain"), tmp_path_factory.mktemp("download")
    bundle(made.spec, made.work, made.outcome, made.folder, place / "net.zip", made.data)
    with zipfile.ZipFile(place / "net.zip") as archive:
        archive.extractall(place / "net")
    return place / "net"


def predict(folder: Path, *arguments: object, blocked: str = "PIL") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-c", BARE, blocked, str(folder / "predict.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, timeout=120)


def test_without_an_argument_it_looks_at_the_sample(folder: Path) -> None:
    ran = predict(folder)
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) == 8 and "sample.npy [0]: " in ran.stdout and ", labelled " in ran.stdout


def test_a_file_of_images_or_a_single_one(folder: Path, tmp_path: Path) -> None:
    sample: Any = np.load(folder / "sample.npy")
    forms = {"many": sample[:3], "one": sample[0], "flat": sample[0, 0], "float": sample[:2].astype(float)}
    for name, array in forms.items():
        np.save(tmp_path / f"{name}.npy", array)
    ran = predict(folder, *(tmp_path / f"{name}.npy" for name in forms))
    assert ran.returncode == 0, ran.stderr
    answers = dict(line.split(": ") for line in ran.stdout.splitlines())
    assert len(answers) == 3 + 1 + 1 + 2
    assert len({answers[f"{name}.npy [0]"] for name in forms}) == 1


def test_a_picture_is_read_where_pillow_is_there(folder: Path, tmp_path: Path) -> None:
    sample: Any = np.load(folder / "sample.npy")
    np.save(tmp_path / "same.npy", sample[0])
    Image.fromarray((sample[0, 0].astype(float) * 255 / 16).round().astype(np.uint8)).save(tmp_path / "digit.png")
    ran = predict(folder, tmp_path / "digit.png", tmp_path / "same.npy", blocked="")
    assert ran.returncode == 0, ran.stderr
    picture, stored = (line.split(": ")[1].split(" ")[0] for line in ran.stdout.splitlines())
    assert picture == stored


def test_without_pillow_it_says_what_is_missing(folder: Path, tmp_path: Path) -> None:
    ran = predict(folder, tmp_path / "digit.png")
    assert ran.returncode == 1 and "Pillow" in ran.stderr and "Traceback" not in ran.stderr


@pytest.mark.parametrize("array", [np.zeros((2, 3, 8, 8), np.uint8), np.zeros((1, 1, 9, 8)), np.zeros(5),
                                   np.array(["a"] * 64).reshape(1, 1, 8, 8)])
def test_what_does_not_fit_is_said_in_a_line(array: Any, folder: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "bad.npy", array)
    ran = predict(folder, tmp_path / "bad.npy")
    assert ran.returncode == 1 and "bad.npy: " in ran.stderr and "Traceback" not in ran.stderr


def test_arrays_of_objects_are_never_unpickled(folder: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    ran = predict(folder, tmp_path / "objects.npy")
    assert ran.returncode == 1 and "allow_pickle=False" in ran.stderr
