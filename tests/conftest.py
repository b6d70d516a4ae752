"""One data folder and no outside services for all tests. PostgreSQL by `DATABASE_URL`."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

# Before Django reads its settings; a child of pytest-xdist gets a folder of its own.
_home = tempfile.mkdtemp(prefix="nasweb-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["NASWEB_HOME"] = _home
os.environ.setdefault("NASWEB_THREADS", "1")
for name in ("REDIS_URL", "NASWEB_SECRET_KEY", "NASWEB_HTTPS", "NASWEB_HOSTS"):
    os.environ.pop(name, None)
