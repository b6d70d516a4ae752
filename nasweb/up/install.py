"""`python3 nasweb/up/install.py [dev]`: fills .venv, quick when nothing changed. Standard library only."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.json"
OLDEST = (3, 11)
FILES = {"runtime": ["requirements.txt"], "dev": ["requirements.txt", "requirements-dev.txt"]}
# What the tests need of the system: any of the programs, and the Debian package that brings it.
SYSTEM = {"chromium": ("chromium", "chromium-browser", "google-chrome"), "redis-server": ("redis-server",),
          "postgresql": ("initdb",), "dataset-fashion-mnist": ("/usr/share/datasets/fashion-mnist",)}


def main(arguments: list[str]) -> int:
    if sys.version_info < OLDEST:
        print(f"Python {'.'.join(map(str, OLDEST))} or newer is needed, this is {sys.version.split()[0]}; "
              "name another with `make PYTHON=python3.11 …`", file=sys.stderr)
        return 1
    kind = "dev" if arguments == ["dev"] else "runtime"
    return (system() if kind == "dev" else 0) or packages(kind)


def packages(kind: str) -> int:
    """pip, unless the stamp says that just this was installed before."""
    wanted, known = digest(kind), stamp()
    if known.get(kind) == wanted and (VENV / "bin" / "python").exists():
        return 0
    if not (VENV / "bin" / "pip").exists():
        print("install | making .venv", flush=True)
        if subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)]).returncode:
            print("install | `python3 -m venv` failed; Debian and Ubuntu keep it in python3-venv", file=sys.stderr)
            return 1
    print(f"install | pip installs {' and '.join(FILES[kind])} (the first time: some minutes, 6 GB with CUDA)", flush=True)
    requirements = [part for name in FILES[kind] for part in ("-r", str(ROOT / name))]
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    if code := subprocess.run(pip).returncode:
        return code
    also = {"runtime": digest("runtime")} if kind == "dev" else {}
    STAMP.write_text(json.dumps({**known, kind: wanted, **also}))
    return 0


def digest(kind: str) -> str:
    content = b"".join((ROOT / name).read_bytes() for name in FILES[kind])
    return hashlib.sha256(content + sys.version.encode()).hexdigest()


def stamp() -> dict[str, str]:
    try:
        return json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}


def found(program: str) -> bool:
    """On PATH, a folder that is there, or where Debian keeps PostgreSQL's server programs."""
    there = shutil.which(program) is not None or Path(program).is_dir()
    return there or any(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))


def system() -> int:
    """Browser and servers for the tests: through apt as root, else they are named."""
    missing = [package for package, programs in SYSTEM.items() if not any(map(found, programs))]
    if not missing:
        return 0
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        print(f"install | the tests need {', '.join(missing)}; install them and come back, "
              f"for example: sudo apt-get install {' '.join(missing)}", file=sys.stderr)
        return 1
    print(f"install | apt installs {', '.join(missing)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([apt, "update", "-q"], env=environment, stdout=subprocess.DEVNULL)
    return subprocess.run([apt, "install", "-q", "-y", "--no-install-recommends", *missing], env=environment,
                          stdout=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
