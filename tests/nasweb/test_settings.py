"""Settings that other parts rely on, in a process of their own where the environment matters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from tests.house.sources import ROOT

READ = """
import json, sys, django
django.setup()
from django.conf import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))
"""


def read(home: Path, *names: str, **environment: str) -> dict[str, Any]:
    inherited = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    ran = subprocess.run([sys.executable, "-c", READ, *names], cwd=ROOT, capture_output=True, text=True, check=True, env={
        **inherited, "DJANGO_SETTINGS_MODULE": "nasweb.settings", "NASWEB_HOME": str(home), **environment})
    return json.loads(ran.stdout)


def test_redis_by_variable_reaches_broker_and_layer(tmp_path: Path) -> None:
    found = read(tmp_path, "CELERY_BROKER_URL", "CHANNEL_LAYERS", "CELERY_BROKER_TRANSPORT_OPTIONS", "INSTANCE",
                 REDIS_URL="unix:///tmp/x/r.sock")
    assert found["CELERY_BROKER_URL"] == "redis+socket:///tmp/x/r.sock"
    layer = found["CHANNEL_LAYERS"]["default"]
    assert "pubsub" in layer["BACKEND"]
    assert layer["CONFIG"]["hosts"] == [{"address": "unix:///tmp/x/r.sock", "socket_timeout": None}]
    assert found["INSTANCE"] in layer["CONFIG"]["prefix"]
    assert found["INSTANCE"] in found["CELERY_BROKER_TRANSPORT_OPTIONS"]["global_keyprefix"]


def test_redis_of_the_running_supervisor_is_found(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "redis.url").write_text("unix:///tmp/y/r.sock")
    assert read(tmp_path, "REDIS_URL")["REDIS_URL"] == "unix:///tmp/y/r.sock"


def test_two_installations_on_one_redis_do_not_meet(tmp_path: Path) -> None:
    first, second = (read(tmp_path / name, "INSTANCE", "SESSION_COOKIE_NAME") for name in ("a", "b"))
    assert first["INSTANCE"] != second["INSTANCE"]
    assert first["SESSION_COOKIE_NAME"] != second["SESSION_COOKIE_NAME"]


def test_behind_tls_cookies_and_transport_are_strict(tmp_path: Path) -> None:
    found = read(tmp_path, "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SESSION_COOKIE_NAME", "SECURE_HSTS_SECONDS",
                 "SECURE_SSL_REDIRECT", NASWEB_HTTPS="1")
    assert found == {"SESSION_COOKIE_SECURE": True, "CSRF_COOKIE_SECURE": True, "SESSION_COOKIE_NAME": "__Host-session",
                     "SECURE_HSTS_SECONDS": 31_536_000, "SECURE_SSL_REDIRECT": True}


def test_data_folder_is_private(tmp_path: Path) -> None:
    read(tmp_path / "home", "HOME")
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0


def test_nothing_is_debugged_by_default() -> None:
    assert settings.DEBUG is False
    assert settings.SESSION_ENGINE == "django.contrib.sessions.backends.db"     # losing Redis must sign nobody out


def test_tasks_are_small_nudges() -> None:
    assert settings.CELERY_TASK_ACKS_LATE is False
    assert settings.CELERY_TASK_REJECT_ON_WORKER_LOST is False
    assert settings.CELERY_ACCEPT_CONTENT == ["json"]
    assert settings.CELERY_RESULT_BACKEND is None
    assert {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()} == {"advance", "perform"}


@pytest.mark.django_db
def test_sqlite_runs_as_the_settings_say() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the tests run on PostgreSQL")
    with connection.cursor() as cursor:
        for pragma, expected in {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 5000}.items():
            assert cursor.execute(f"PRAGMA {pragma}").fetchone()[0] == expected


@pytest.mark.django_db
def test_postgres_is_bounded() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("the tests run on SQLite")
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone()[0] == "5s"


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    from django.core.management import call_command

    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
