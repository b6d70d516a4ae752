"""The zip: complete, equal each time, and offered only if a clean process reached the logged score."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from engine import api
from engine.errors import Damaged
from engine.export.bundle import bundle
from engine.export.onnx_model import Onnx
from engine.work import Outcome
from tests.engine.export.trained import SPACES, Trained, trained

FILES = {"card.md", "genotype.json", "model.onnx", "model.py", "predict.py", "preprocessing.json", "sample.npy",
         "weights.safetensors"}


@pytest.fixture
def no_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of the rest: the exporter takes seconds."""
    monkeypatch.setattr("engine.export.bundle.onnx_model", lambda network, shape, kind: Onnx(None, "not asked for"))


def packed(made: Trained, out: Path, **changed: Any) -> dict[str, Any]:
    parts = {"outcome": made.outcome, "folder": made.folder, **changed}
    return bundle(made.spec, made.work, parts["outcome"], parts["folder"], out, made.data)


@pytest.mark.parametrize("space", SPACES)
def test_a_zip_holds_all_and_was_verified(space: str, tmp_path: Path) -> None:
    made = trained(space)
    told = packed(made, tmp_path / "new" / "net.zip")
    content = (tmp_path / "new" / "net.zip").read_bytes()
    assert told["path"] == str(tmp_path / "new" / "net.zip")
    assert told["size"] == len(content) and told["sha256"] == sha256(content).hexdigest()
    assert told["verified"]["score"] == pytest.approx(made.outcome.score, abs=1e-4)
    assert told["verified"]["examples"] == len(made.data.validation) and told["verified"]["onnx"] is True
    with zipfile.ZipFile(tmp_path / "new" / "net.zip") as archive:
        assert set(archive.namelist()) == FILES
        assert sha256(archive.read("weights.safetensors")).hexdigest() == made.outcome.artifact
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["net.zip"]
    json.dumps(told, allow_nan=False)


@pytest.mark.usefixtures("no_onnx")
def test_the_genotype_read_again_is_the_same_architecture(tmp_path: Path) -> None:
    made = trained("nas_bench_201")
    packed(made, tmp_path / "net.zip")
    with zipfile.ZipFile(tmp_path / "net.zip") as archive:
        stored = json.loads(archive.read("genotype.json"))
    measured = api.measure(stored["space"], stored, made.data.shape, 10)
    assert measured["encoding_id"] == stored["encoding_id"] == made.work.architecture.encoding_id
    assert measured["canonical_id"] == stored["canonical_id"]


@pytest.mark.usefixtures("no_onnx")
def test_weights_that_are_not_those_recorded_are_refused(tmp_path: Path) -> None:
    made = trained("chain")
    (tmp_path / "weights.safetensors").write_bytes((made.folder / "weights.safetensors").read_bytes()[:-1] + b"\0")
    with pytest.raises(Damaged, match="not those that were recorded"):
        packed(made, tmp_path / "net.zip", folder=tmp_path)
    with pytest.raises(Damaged, match="not there"):
        packed(made, tmp_path / "net.zip", folder=tmp_path / "nowhere")


@pytest.mark.usefixtures("no_onnx")
@pytest.mark.parametrize("wrong", [0.01, -0.01, 2e-4])
def test_a_score_that_cannot_be_reproduced_leaves_no_zip(wrong: float, tmp_path: Path) -> None:
    made = trained("chain")
    lied = replace(made.outcome, score=(made.outcome.score or 0) + wrong)
    with pytest.raises(Damaged, match="logged was"):
        packed(made, tmp_path / "net.zip", outcome=lied)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_onnx")
def test_weights_changed_together_with_their_hash_are_noticed_by_the_score(tmp_path: Path) -> None:
    made = trained("chain")
    weights = {name: tensor * 0 for name, tensor in load_file(made.folder / "weights.safetensors").items()}
    save_file(weights, tmp_path / "weights.safetensors")
    outcome = replace(made.outcome, artifact=sha256((tmp_path / "weights.safetensors").read_bytes()).hexdigest())
    with pytest.raises(Damaged, match="logged was"):
        packed(made, tmp_path / "net.zip", outcome=outcome, folder=tmp_path)


@pytest.mark.usefixtures("no_onnx")
def test_equal_contents_make_equal_zips_and_an_old_one_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_bytes(b"old")
    told = [packed(trained("chain"), tmp_path / name) for name in ("a.zip", "b.zip")]
    assert told[0]["sha256"] == told[1]["sha256"]
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_an_outcome_without_a_score_is_not_packed(tmp_path: Path) -> None:
    made = trained("chain")
    with pytest.raises(Damaged, match="no score"):
        packed(made, tmp_path / "net.zip", outcome=Outcome("failed", artifact=made.outcome.artifact))
