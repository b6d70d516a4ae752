"""`manage.py vendor_check`: the vendored browser files are the published ones, and all of them are listed."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


def faults(folder: Path) -> list[str]:
    """What differs between VENDOR.toml and the files beside it, one sentence each."""
    packages = tomllib.loads((folder / "VENDOR.toml").read_text(encoding="utf-8"))["package"]
    listed = {f"{p['folder']}/{name}": digest for p in packages for name, digest in p["files"].items()}
    present = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))
               if path.is_file() and path.name != "VENDOR.toml"}
    found = [f"{name} is listed but missing" for name in sorted(listed.keys() - present.keys())]
    found += [f"{name} is not listed" for name in sorted(present.keys() - listed.keys())]
    for name in sorted(listed.keys() & present.keys()):
        if hashlib.sha256(present[name].read_bytes()).hexdigest() != listed[name]:
            found.append(f"{name} has another content than listed")
    return found


class Command(BaseCommand):
    help = "Hash the vendored browser files again and compare with static/vendor/VENDOR.toml."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--folder", type=Path, default=settings.ROOT / "static" / "vendor")

    def handle(self, *args: Any, **options: Any) -> None:
        found = faults(options["folder"])
        if found:
            raise CommandError("\n".join(found))
        self.stdout.write("All vendored files are as listed.")
