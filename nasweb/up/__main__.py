"""`python -m nasweb.up [down | web | worker]`: everything; stop it; or one process in the foreground, as containers do."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from pathlib import Path

from nasweb import env
from nasweb.up import commands


def main(arguments: list[str]) -> int:
    match arguments:
        case []:
            return up()
        case ["down"]:
            return down()
        case ["web"]:
            return become("web", commands.web(*address()))
        case ["worker"]:
            return become("worker", commands.worker())
    print(__doc__, file=sys.stderr)
    return 2


def up() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nasweb.settings")
    from django.conf import settings  # after the variable above

    from nasweb.up.supervisor import Supervisor

    return Supervisor(settings.HOME, settings.INSTANCE, *address()).run()


def address() -> tuple[str, int]:
    return env.text("NASWEB_HOST", "127.0.0.1"), env.integer("NASWEB_PORT", 8000, 1, 65_535)


def down() -> int:
    """Ask the supervisor of this data folder to stop, and wait until its lock is gone."""
    path = Path(env.text("NASWEB_HOME", str(commands.ROOT / "data"))) / "run" / "up.pid"
    if not path.exists():
        print("nothing runs here")
        return 0
    with path.open() as file:
        if _unlocked(file.fileno()):
            print("nothing runs here")
            return 0
        pid = int(file.read())
        os.kill(pid, signal.SIGTERM)
        for _ in range(300):
            if _unlocked(file.fileno()):
                print("stopped")
                return 0
            time.sleep(0.1)
    print(f"process {pid} does not end", file=sys.stderr)
    return 1


def _unlocked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def become(role: str, command: list[str]) -> int:
    os.execvpe(command[0], command, commands.environment(role))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
