"""Fetching a dataset's file: with progress, a size limit and a checksum, and never half a file."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from engine.datasets.arrays import Progress
from engine.errors import Unavailable

LARGEST = 1024 * 1024 * 1024
CHUNK = 1024 * 1024
PATIENCE = 20.0                                 # seconds without a byte


def fetch(urls: Sequence[str], path: Path, md5: str, progress: Progress, hint: str) -> Path:
    """The first mirror that gives the file with this checksum. Raises Unavailable, saying `hint`, if none does."""
    reasons = []
    for url in urls:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return _fetch(url, path, md5, progress)
        except (OSError, http.client.HTTPException, Unavailable) as error:
            reasons.append(str(getattr(error, "reason", error)) or type(error).__name__)
    raise Unavailable(f"{path.name} could not be downloaded ({'; '.join(reasons)}). {hint}")


def _fetch(url: str, path: Path, md5: str, progress: Progress) -> Path:
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    digest, done = hashlib.md5(usedforsecurity=False), 0
    request = urllib.request.Request(url, headers={"User-Agent": "nasweb"})   # noqa: S310 - our own table
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer, partial.open("wb") as file:   # noqa: S310
            total = int(answer.headers.get("Content-Length") or 0)
            while chunk := answer.read(CHUNK):
                done += len(chunk)
                if done > LARGEST:
                    raise Unavailable("the file is larger than 1 GiB")
                digest.update(chunk)
                file.write(chunk)
                progress(done, total)
        if digest.hexdigest() != md5:
            raise Unavailable("the file does not have the expected checksum")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path
