"""Typed readers of environment variables; `NAME_FILE` may name a file that holds the value."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

SHORTEST_SECRET = 32
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


def text(name: str, default: str = "") -> str:
    """The variable, else the content of the file that `NAME_FILE` names, else the default. Empty counts as not set."""
    if value := os.environ.get(name, "").strip():
        return value
    if path := os.environ.get(f"{name}_FILE", "").strip():
        try:
            return Path(path).read_text().strip() or default
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE: {error}") from None
    return default


def flag(name: str, default: bool = False) -> bool:
    value = text(name, "1" if default else "0").lower()
    if value not in YES + NO:
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}")
    return value in YES


def integer(name: str, default: int, low: int = 0, high: int = 2**31) -> int:
    value = text(name, str(default))
    if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
        raise ImproperlyConfigured(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return int(value)


def items(name: str, default: str = "") -> list[str]:
    """A comma-separated list."""
    return [item.strip() for item in text(name, default).split(",") if item.strip()]


def secret(name: str, path: Path) -> str:
    """The variable if set, else the key kept in `path`, generated there on first use and readable by the owner only."""
    value = text(name) or _kept(path)
    if len(value) < SHORTEST_SECRET or len(set(value)) < 8 or value.startswith("django-insecure"):
        raise ImproperlyConfigured(f"{name} is too weak: take at least {SHORTEST_SECRET} random characters")
    return value


def _kept(path: Path) -> str:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)                # whole or not at all; whoever comes second takes the first one's key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def database(url: str, statement_seconds: int, sqlite: Path) -> dict[str, Any]:
    """Django's settings of one database: `postgres://user:password@host:port/name`, or SQLite when `url` is empty."""
    if not url:
        pragmas = ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000", "foreign_keys=ON")
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": sqlite,
                "TEST": {"NAME": sqlite.with_name("test.sqlite3")},     # a file: threads share it without table locks
                "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 5,
                            "init_command": "".join(f"PRAGMA {pragma};" for pragma in pragmas)}}
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured(f"DATABASE_URL must start with postgres://, not {parts.scheme}://")
    query = dict(parse_qsl(parts.query))
    limits = {"statement_timeout": statement_seconds * 1000, "idle_in_transaction_session_timeout": 10_000}
    query.setdefault("options", " ".join(f"-c {name}={value}" for name, value in limits.items()))
    return {"ENGINE": "django.db.backends.postgresql", "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""), "PASSWORD": unquote(parts.password or ""),
            "HOST": query.pop("host", unquote(parts.hostname or "")), "PORT": str(parts.port or ""),
            "CONN_HEALTH_CHECKS": True, "OPTIONS": query}
