"""The clean process: it sees nothing but the zip."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from engine.errors import Damaged
from engine.export.bundle import bundle
from engine.export.verification import verify
from tests.engine.export.trained import trained


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made, out = trained("chain"), tmp_path_factory.mktemp("verify") / "net.zip"
    bundle(made.spec, made.work, made.outcome, made.folder, out, made.data)
    return out


def changed(archive: Path, out: Path, name: str, old: str, new: str) -> Path:
    """A copy in which one file reads differently."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(out, "w") as target:
        for entry in source.namelist():
            content = source.read(entry)
            if entry == name:
                assert old.encode() in content
                content = content.replace(old.encode(), new.encode())
            target.writestr(entry, content)
    return out


def check(archive: Path, parameters: int | None = None) -> dict[str, object]:
    made = trained("chain")
    return verify(archive, made.data.validation, made.outcome.score or 0.0, parameters or made.outcome.metrics["parameters"])


def test_an_honest_zip_reaches_its_score(archive: Path) -> None:
    assert check(archive)["score"] == pytest.approx(trained("chain").outcome.score, abs=1e-4)


@pytest.mark.parametrize("module", ["engine", "engine.nets.build", "apps", "django"])
def test_a_model_that_needs_the_project_is_refused(module: str, archive: Path, tmp_path: Path) -> None:
    first = "from torch import nn"
    bad = changed(archive, tmp_path / "bad.zip", "model.py", first, f"import {module}\n{first}")
    with pytest.raises(Damaged, match="not part of the download"):
        check(bad)


def test_other_preprocessing_is_noticed_by_the_score(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="logged was"):
        check(changed(archive, tmp_path / "bad.zip", "preprocessing.json", '"white": 16', '"white": 1600'))


def test_weights_that_do_not_fit_the_source_are_refused(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="does not run by itself"):
        check(changed(archive, tmp_path / "bad.zip", "model.py", "self.classifier =", "self.renamed ="))


def test_a_sample_that_cannot_be_predicted_is_refused(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="does not run by itself"):
        check(changed(archive, tmp_path / "bad.zip", "predict.py", '"sample.npy"', '"missing.npy"'))


def test_a_wrong_number_of_parameters_is_noticed(archive: Path) -> None:
    with pytest.raises(Damaged, match="parameters"):
        check(archive, parameters=1)
