"""Storing and deleting uploads: the only writer of their rows and files."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import RestrictedError

from apps.datasets.models import UploadedDataset
from engine import api

audit = logging.getLogger("nasweb.audit")
KINDS = {".txt": UploadedDataset.Kind.TEXT, ".csv": UploadedDataset.Kind.TABLE}
MOST = 200                                      # uploads of one person
LONGEST_NAME = 200


class InUse(Exception):
    """Searches read it."""


def store(user: Any, file: UploadedFile) -> UploadedDataset:
    """Keep a file under its hash, once the engine can read it. Raises api.Invalid with the row and column of a fault."""
    kind = KINDS.get(Path(file.name or "").suffix.lower())
    if kind is None:
        raise api.Invalid(api.Problem("/file", "is neither a text nor a table", "a file that ends in .txt or .csv"))
    if UploadedDataset.objects.filter(owner=user).count() >= MOST:
        raise api.Invalid(api.Problem("/file", f"is one too many: you have {MOST} uploads", "delete one first"))
    with _written(file) as (part, sha256):
        facts = api.inspect(f"{kind.value}_file", part)
        own = {"name": _name(file.name or ""), "size": part.stat().st_size, "facts": facts}
        with _held():
            upload, _ = UploadedDataset.objects.get_or_create(owner=user, kind=kind, sha256=sha256, defaults=own)
            part.replace(upload.path)
    audit.info("user %s uploaded %s as %s", user.pk, upload.sha256, upload.pk)
    return upload


def delete(upload: UploadedDataset, by: Any) -> None:
    """The row, and the file where nobody else has it too. Raises InUse while a search reads it."""
    path, sha256 = upload.path, upload.sha256
    with _held():
        try:
            with transaction.atomic():
                upload.delete()
        except RestrictedError as error:
            count = len(error.restricted_objects)
            raise InUse(f"{count} search{'es' if count > 1 else ''} of yours read it; delete those first.") from None
        if not UploadedDataset.objects.filter(sha256=sha256).exists():
            path.unlink(missing_ok=True)
    audit.info("user %s deleted upload %s", by.pk, sha256)


def _folder() -> Path:
    folder = Path(settings.DATA) / "uploads"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@contextmanager
def _held() -> Iterator[None]:
    """One at a time between looking at the rows of a hash and touching its file."""
    with (_folder() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _written(file: UploadedFile) -> Iterator[tuple[Path, str]]:
    """The content in a file of our own naming, with its hash; gone afterwards unless it was moved away."""
    digest = hashlib.sha256()
    handle, name = tempfile.mkstemp(prefix=".part-", dir=_folder())
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            for chunk in file.chunks():
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        yield part, digest.hexdigest()
    finally:
        part.unlink(missing_ok=True)


def _name(given: str) -> str:
    """A person's name for it; never part of a path."""
    return "".join(c for c in Path(given).name if c.isprintable())[:LONGEST_NAME] or "upload"
