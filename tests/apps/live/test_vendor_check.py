"""Vendored files: all listed, all as published."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from apps.live.management.commands.vendor_check import faults


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a-1").mkdir()
    (tmp_path / "a-1" / "a.js").write_text("let a;")
    digest = sha256(b"let a;").hexdigest()
    (tmp_path / "VENDOR.toml").write_text(
        f'[[package]]\nname = "a"\nversion = "1"\nlicence = "MIT"\nfolder = "a-1"\n[package.files]\n"a.js" = "{digest}"\n')
    return tmp_path


def test_ours_are_as_listed() -> None:
    assert faults(settings.ROOT / "static" / "vendor") == []


def test_a_changed_file_is_named(folder: Path) -> None:
    (folder / "a-1" / "a.js").write_text("let b;")
    assert faults(folder) == ["a-1/a.js has another content than listed"]


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "a-1" / "a.js").unlink()
    assert faults(folder) == ["a-1/a.js is listed but missing"]


def test_an_unlisted_file_is_named(folder: Path) -> None:
    (folder / "a-1" / "extra.js").write_text("")
    assert faults(folder) == ["a-1/extra.js is not listed"]


def test_the_command_fails_on_a_fault(folder: Path) -> None:
    call_command("vendor_check", folder=folder)
    (folder / "a-1" / "extra.js").write_text("")
    with pytest.raises(CommandError, match="extra"):
        call_command("vendor_check", folder=folder)
