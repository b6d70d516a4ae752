"""Installing: quick when nothing changed, again when something did, and honest about what the system lacks."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nasweb.up import install


class Ran:
    """Stands in for subprocess.run: remembers commands and succeeds."""

    def __init__(self, code: int = 0) -> None:
        self.commands: list[list[str]] = []
        self.code = code

    def __call__(self, command: list[str], **rest: Any) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        return subprocess.CompletedProcess(command, self.code)


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ran:
    """A checkout with a virtual environment, in which nothing is installed yet."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("python", "pip"):
        (tmp_path / ".venv" / "bin" / name).touch()
    (tmp_path / "requirements.txt").write_text("a\n")
    (tmp_path / "requirements-dev.txt").write_text("-r requirements.txt\nb\n")
    venv = tmp_path / ".venv"
    for name, value in {"ROOT": tmp_path, "VENV": venv, "STAMP": venv / "installed.json"}.items():
        monkeypatch.setattr(install, name, value)
    fake = Ran()
    monkeypatch.setattr(install.subprocess, "run", fake)
    return fake


def test_second_install_does_nothing(ran: Ran) -> None:
    assert install.packages("runtime") == 0
    assert install.packages("runtime") == 0
    assert len(ran.commands) == 1


def test_changed_pin_installs_again(ran: Ran) -> None:
    install.packages("runtime")
    (install.ROOT / "requirements.txt").write_text("a==2\n")
    install.packages("runtime")
    assert len(ran.commands) == 2


def test_what_tests_need_includes_what_running_needs(ran: Ran) -> None:
    install.packages("dev")
    install.packages("runtime")
    assert len(ran.commands) == 1
    assert str(install.ROOT / "requirements-dev.txt") in ran.commands[0]


def test_failed_install_leaves_no_stamp(ran: Ran) -> None:
    ran.code = 1
    assert install.packages("runtime") == 1
    assert install.stamp() == {}


def test_missing_environment_is_made_first(ran: Ran) -> None:
    (install.VENV / "bin" / "pip").unlink()
    install.packages("runtime")
    assert ran.commands[0][1:3] == ["-m", "venv"]


def test_broken_stamp_is_no_stamp(ran: Ran) -> None:
    install.STAMP.write_text("{")
    assert install.stamp() == {}
    install.packages("runtime")
    assert json.loads(install.STAMP.read_text()).keys() == {"runtime"}


def test_old_python_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(install.sys, "version_info", (3, 9, 2))
    assert install.main([]) == 1
    assert "PYTHON=" in capsys.readouterr().err


def test_root_gets_system_packages_through_apt(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "found", lambda program: program == "redis-server")
    monkeypatch.setattr(install.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(install.os, "geteuid", lambda: 0)
    assert install.system() == 0
    assert ran.commands[-1][-3:] == ["chromium", "postgresql", "dataset-fashion-mnist"]


def test_others_are_told_the_packages(ran: Ran, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(install, "found", lambda program: False)
    monkeypatch.setattr(install.os, "geteuid", lambda: 1000)
    assert install.main(["dev"]) == 1
    assert "chromium redis-server postgresql" in capsys.readouterr().err
    assert ran.commands == []


def test_nothing_missing_runs_nothing(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "found", lambda program: True)
    assert install.system() == 0
    assert ran.commands == []
