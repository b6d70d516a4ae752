"""The readers of environment variables."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from nasweb import env

GOOD = "k3Jd9_-sL0qPz8YtRw2VbNm5XcHg7FaE1uTi"


def test_text_prefers_the_variable_then_the_file_then_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert env.text("NW_X", "default") == "default"
    (tmp_path / "x").write_text("from file\n")
    monkeypatch.setenv("NW_X_FILE", str(tmp_path / "x"))
    assert env.text("NW_X", "default") == "from file"
    monkeypatch.setenv("NW_X", " direct ")
    assert env.text("NW_X", "default") == "direct"


def test_missing_secret_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NW_X_FILE", str(tmp_path / "none"))
    with pytest.raises(ImproperlyConfigured, match="NW_X_FILE"):
        env.text("NW_X")


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("TRUE", True), ("off", False), ("0", False)])
def test_flag(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("NW_X", value)
    assert env.flag("NW_X", default=not expected) is expected


def test_flag_refuses_what_it_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NW_X", "maybe")
    with pytest.raises(ImproperlyConfigured, match="NW_X"):
        env.flag("NW_X")


@pytest.mark.parametrize("value", ["-1", "1.5", "ten", "11", "١"])
def test_integer_refuses_what_is_out_of_bounds_or_no_number(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("NW_X", value)
    with pytest.raises(ImproperlyConfigured, match="from 0 to 10"):
        env.integer("NW_X", 3, 0, 10)


def test_items_drop_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NW_X", "a, b,,c ")
    assert env.items("NW_X") == ["a", "b", "c"]


def test_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "key"
    first = env.secret("NW_X", path)
    assert env.secret("NW_X", path) == first
    assert len(first) >= env.SHORTEST_SECRET
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["key"]


def _make(path: Path) -> str:
    return env.secret("NW_X", path)


def test_processes_that_start_together_agree_on_the_secret(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert len(set(pool.map(_make, [tmp_path / "key"] * 8))) == 1


@pytest.mark.parametrize("weak", ["short", "a" * 50, "django-insecure-" + GOOD])
def test_weak_secret_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, weak: str) -> None:
    monkeypatch.setenv("NW_X", weak)
    with pytest.raises(ImproperlyConfigured, match="too weak"):
        env.secret("NW_X", tmp_path / "key")


def test_given_secret_wins_and_nothing_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NW_X", GOOD)
    assert env.secret("NW_X", tmp_path / "key") == GOOD
    assert not (tmp_path / "key").exists()


def test_sqlite_takes_the_write_lock_at_once_and_keeps_a_log(tmp_path: Path) -> None:
    options = env.database("", 5, tmp_path / "x.sqlite3")["OPTIONS"]
    assert options["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in options["init_command"]


def test_postgres_address_is_taken_apart_and_bounded(tmp_path: Path) -> None:
    found = env.database("postgres://me:p%40ss@db.example:5433/nas?sslmode=require", 5, tmp_path)
    expected = {"USER": "me", "PASSWORD": "p@ss", "HOST": "db.example", "PORT": "5433", "NAME": "nas"}
    assert {name: found[name] for name in expected} == expected
    assert found["OPTIONS"]["sslmode"] == "require"
    assert "statement_timeout=5000" in found["OPTIONS"]["options"]


def test_postgres_over_a_socket(tmp_path: Path) -> None:
    found = env.database("postgres://postgres@/postgres?host=/tmp/pg", 5, tmp_path)
    assert found["HOST"] == "/tmp/pg"
    assert "host" not in found["OPTIONS"]


def test_other_databases_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="postgres://"):
        env.database("mysql://x/y", 5, tmp_path)
