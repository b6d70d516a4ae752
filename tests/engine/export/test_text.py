"""A language model as a download: verified by its bits, explained in its card, going on with a text by itself."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.architecture.cost import measure
from engine.errors import Damaged
from engine.export.bundle import bundle
from engine.export.model_source import model_source
from engine.export.verification import verify
from engine.nets.build import build
from engine.spaces.recurrent_cell import RecurrentCell
from tests.engine.export.test_predict import predict
from tests.engine.export.test_verification import changed
from tests.engine.export.trained import trained


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    made, place = trained("recurrent_cell", final=True), tmp_path_factory.mktemp("text")
    told = bundle(made.spec, made.work, made.outcome, made.folder, place / "net.zip", made.data)
    with zipfile.ZipFile(place / "net.zip") as archive:
        archive.extractall(place / "net")
    return place / "net", told


def test_a_clean_process_reaches_the_bits_that_were_logged(packed: tuple[Path, dict[str, Any]]) -> None:
    made, (folder, told) = trained("recurrent_cell", final=True), packed
    assert told["verified"]["score"] == pytest.approx(made.outcome.score, abs=1e-4) and made.outcome.score < -1
    assert told["verified"]["examples"] == len(made.data.validation)
    assert told["verified"]["onnx"] is False and "keeps a state" in told["verified"]["onnx_reason"]
    names = {path.name for path in folder.iterdir()}
    assert names == {"card.md", "genotype.json", "model.py", "predict.py", "preprocessing.json", "sample.txt",
                     "weights.safetensors"}
    assert made.outcome.metrics["perplexity"] == pytest.approx(2 ** -made.outcome.score)


@pytest.mark.parametrize(("name", "old", "new"), [
    ("preprocessing.json", '"shape": [\n    16', '"shape": [\n    3'), ("predict.py", "layer.start = layer.end\n", "pass\n"),
    ("model.py", "torch.sigmoid(gate) *", "1.0 *")])
def test_a_model_that_reads_otherwise_is_refused(name: str, old: str, new: str, packed: tuple[Path, dict[str, Any]],
                                                 tmp_path: Path) -> None:
    made = trained("recurrent_cell", final=True)
    bad = changed(packed[0].parent / "net.zip", tmp_path / "bad.zip", name, old, new)
    if name == "preprocessing.json":            # other windows, the same state: the same bits
        assert verify(bad, made.data.validation, made.outcome.score, made.outcome.metrics["parameters"])
        return
    with pytest.raises(Damaged, match="logged was"):
        verify(bad, made.data.validation, made.outcome.score, made.outcome.metrics["parameters"])


def test_it_goes_on_with_a_text(packed: tuple[Path, dict[str, Any]]) -> None:
    first, again, other = (predict(packed[0], "--length", "80", "--seed", seed, "def ") for seed in ("1", "1", "2"))
    assert first.returncode == 0, first.stderr
    assert first.stdout == again.stdout != other.stdout and first.stdout.startswith("def ")
    assert len(first.stdout) == len("def ") + 80 + 1 and "\ufffd" not in first.stdout


def test_without_a_text_it_goes_on_with_the_sample(packed: tuple[Path, dict[str, Any]]) -> None:
    ran = predict(packed[0], "--length", "10")
    sample = (packed[0] / "sample.txt").read_text()
    assert ran.returncode == 0 and ran.stdout.startswith(sample) and len(sample) == 200


@pytest.mark.parametrize("bad", [["--temperature", "0", "x"], ["--temperature", "nan", "x"], ["--length", "-1", "x"]])
def test_what_cannot_be_asked_is_said_in_a_line(bad: list[str], packed: tuple[Path, dict[str, Any]]) -> None:
    ran = predict(packed[0], *bad)
    assert ran.returncode == 2 and "temperature must be above 0" in ran.stderr and "Traceback" not in ran.stderr


def test_characters_it_never_saw_do_no_harm(packed: tuple[Path, dict[str, Any]]) -> None:
    ran = predict(packed[0], "--length", "5", "żółw")
    assert ran.returncode == 0, ran.stderr


def test_the_card_speaks_of_text(packed: tuple[Path, dict[str, Any]]) -> None:
    told, made = (packed[0] / "card.md").read_text(), trained("recurrent_cell", final=True)
    for fact in ("A character-level language model", f"Validation bits per character, negated | {made.outcome.score:.4f}",
                 f"Test bits per character, negated | {made.outcome.metrics['test']:.4f}", "three stretches of the text",
                 "16 (length)", "`model.onnx` is left out: a network that keeps a state", "and one for all others"):
        assert fact in told, fact
    assert "mean" not in told and "image" not in told


@pytest.mark.parametrize("space", [RecurrentCell(nodes=3, embedding=6, hidden=6, dropout_input=0.5, dropout_embedding=0.1),
                                   RecurrentCell("enas", nodes=3, embedding=5, hidden=7, tied=False, layers=2)])
def test_the_source_computes_what_the_network_does(space: RecurrentCell, tmp_path: Path) -> None:
    graph = space.network(space.sample(Random(3)).architecture, (8,), 11)
    network = build(graph, (8,)).eval()
    (tmp_path / "model.py").write_text(model_source(graph, (8,), "A test."))
    save_file({name: tensor.clone() for name, tensor in network.state_dict().items()}, tmp_path / "w.safetensors")
    program = ("import sys, json, torch\nfrom safetensors.torch import load_file\nsys.path.insert(0, sys.argv[1])\n"
               "from model import Network\nn = Network()\nn.load_state_dict(load_file(sys.argv[1] + '/w.safetensors'))\n"
               "n.eval()\nprint(json.dumps([n(torch.arange(8)[None]).tolist(), sum(p.numel() for p in n.parameters())]))")
    ran = subprocess.run([sys.executable, "-I", "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    scores, parameters = json.loads(ran.stdout)
    with torch.inference_mode():
        assert torch.allclose(torch.tensor(scores), network(torch.arange(8)[None]), atol=1e-6)
    assert parameters == measure(graph, (8,)).parameters
    assert "at every place one number for each of 11 characters" in (tmp_path / "model.py").read_text()
