"""`python nasweb/up/generate.py FOLDER`: fresh secrets for containers, once. Standard library only."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path


def generate(folder: Path) -> list[str]:
    """Writes what is missing; the names of what was written. Nothing that is there is ever changed."""
    names = ("secret_key", "postgres_password", "redis_password")
    keys = {name: _keep(folder / name, secrets.token_hex(32)) for name in names}
    _keep(folder / "database_url", f"postgres://nasweb:{keys['postgres_password'][0]}@postgres:5432/nasweb")
    _keep(folder / "redis_url", f"redis://:{keys['redis_password'][0]}@redis:6379/0")
    return [name for name, (_, fresh) in keys.items() if fresh]


def _keep(path: Path, value: str) -> tuple[str, bool]:
    """Readable by the other containers that get this volume, writable by nobody."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    except FileExistsError:
        return path.read_text(), False
    with open(handle, "w") as file:
        file.write(value)
    return value, True


if __name__ == "__main__":
    print("generated:", ", ".join(generate(Path(sys.argv[1]))) or "nothing, all there")
