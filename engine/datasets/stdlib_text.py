"""The sources of Python's standard library as text: on every machine, works offline."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.datasets.arrays import Progress, Text
from engine.datasets.characters import ALPHABET, FEWEST, LENGTH, Characters
from engine.errors import Unavailable
from engine.registry import dataset

SKIPPED = frozenset({"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "encodings", "__pycache__"})
LARGEST = 1024 * 1024                           # bytes of one file


@dataset(title="Standard library text", kind="text", shape=(LENGTH,), classes=len(ALPHABET),
         source="the Python Software Foundation's sources, as installed here",
         summary="Characters of the modules that come with Python, in the order of their names. Needs no download; what it "
                 "holds depends on the version of Python.")
@dataclass(frozen=True)
class StdlibText(Characters):
    def ready(self, folder: Path | None = None) -> bool:
        return next(sources(_home()), None) is not None

    def load(self, folder: Path, progress: Progress) -> Text:
        """Module after module until there are enough characters."""
        read, size = [], 0
        for path in sources(_home()):
            read.append(path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n"))
            size += len(read[-1])
            if size >= self.characters:
                break
        if size < FEWEST:
            raise Unavailable(f"Python's own sources are not installed in {_home()}; choose another dataset")
        return self.text("".join(read))


def _home() -> Path:
    return Path(sysconfig.get_paths()["stdlib"])


def sources(home: Path) -> Iterator[Path]:
    """The modules below a folder, in the order of their names; links are not followed."""
    for name in sorted(os.listdir(home) if home.is_dir() else []):
        path = home / name
        if path.is_symlink() or name in SKIPPED or name.startswith("config-"):
            continue
        if path.is_dir():
            yield from sources(path)
        elif path.suffix == ".py" and path.is_file() and path.stat().st_size <= LARGEST:
            yield path
