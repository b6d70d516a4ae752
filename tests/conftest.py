"""One data folder and no outside services for all tests. PostgreSQL by `DATABASE_URL`."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from typing import Any

import pytest

# Before Django reads its settings; a child of pytest-xdist gets a folder of its own.
_home = tempfile.mkdtemp(prefix="nasweb-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["NASWEB_HOME"] = _home
os.environ.setdefault("NASWEB_THREADS", "1")
for name in ("REDIS_URL", "NASWEB_SECRET_KEY", "NASWEB_HTTPS", "NASWEB_HOSTS"):
    os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def quick_hasher(settings: Any) -> None:
    """Passwords of tests are no secrets; the real hasher takes a third of a second each time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
