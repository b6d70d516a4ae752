"""The bare interpreter sees what a downloaded network needs, and nothing of nasweb."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows import bare

pytestmark = pytest.mark.slow


def test_sees_only_what_a_network_needs(tmp_path: Path) -> None:
    environment = bare.build(tmp_path / "site")
    program = "import torch, numpy, safetensors.torch; print(torch.ones(2).sum().item())"
    works = bare.run(environment, "-c", program, folder=tmp_path)
    assert works.stdout.strip() == "2.0", works.stderr
    for module in ("django", "engine", "apps", "sklearn", "PIL"):
        ran = bare.run(environment, "-c", f"import {module}", folder=tmp_path)
        assert "ModuleNotFoundError" in ran.stderr, module
