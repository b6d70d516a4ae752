"""`python -m nasweb.up.postgres COMMAND…`: runs a command with DATABASE_URL at a throw-away PostgreSQL. For the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

USER = "postgres"               # PostgreSQL refuses to run as root


def binary(name: str) -> str:
    """Where Debian keeps the server programs (newest first), else on PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    whole = [path for path in places if path.with_name("postgres").exists()]
    found = str(whole[-1]) if whole else shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not installed (package postgresql)")
    return found


def main(command: list[str]) -> int:
    folder = Path(tempfile.mkdtemp(prefix="nasweb-pg-", dir="/tmp"))
    person: dict[str, Any] = {}
    if os.geteuid() == 0:
        entry = pwd.getpwnam(USER)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        person = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}
    data, log = folder / "data", folder / "log"
    control = [binary("pg_ctl"), "-D", str(data), "-w", "-s"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "check": True, **person}
    try:
        subprocess.run([binary("initdb"), "-D", str(data), "-U", USER, "-A", "trust", "--no-sync", "-E", "UTF8"], **quiet)
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        subprocess.run([*control, "-l", str(log), "-o", options, "start"], **quiet)
        try:
            url = f"postgres://{USER}@/postgres?host={folder}"
            return subprocess.run(command, env={**os.environ, "DATABASE_URL": url}).returncode
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
