"""Uploads of each test in a folder of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Path) -> Path:
    """Uploads of a test lie in a folder of its own."""
    settings.DATA = tmp_path
    return tmp_path / "uploads"
