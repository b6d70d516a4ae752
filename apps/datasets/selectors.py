"""Reading uploads: who sees which, and their first lines."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404

from apps.datasets.models import UploadedDataset
from engine import api

SHOWN_BYTES, SHOWN_LINES, SHOWN_WIDTH = 8_000, 8, 160


def visible(user: Any, upload_id: UUID) -> UploadedDataset:
    """The upload, or 404: the same answer for not there and not yours."""
    found = UploadedDataset.objects.visible_to(user).filter(pk=upload_id).first()
    if found is None:
        raise Http404("There is no such upload.")
    return found


def uploads_of(user: Any) -> QuerySet[UploadedDataset]:
    return UploadedDataset.objects.filter(owner=user)


def read_by(user: Any, dataset: dict[str, Any]) -> UploadedDataset | None:
    """The upload that a dataset part of a document names, if it names one. Raises api.Invalid for what is not theirs."""
    sha256 = dataset.get("sha256")
    if sha256 is None:
        return None
    mine = UploadedDataset.objects.visible_to(user).filter(sha256=sha256)
    found = next((upload for upload in mine if upload.dataset == dataset.get("name")), None)
    if found is None:
        raise api.Invalid(api.Problem("/dataset/sha256", "is no upload of yours", "one of those on the page of datasets"))
    return found


def preview(upload: UploadedDataset) -> str:
    """The first lines of the file, each cut to a width that can be read."""
    try:
        with upload.path.open("rb") as file:
            start = file.read(SHOWN_BYTES).decode("utf-8-sig", "replace")
    except OSError:
        return ""
    lines = start.splitlines()[:SHOWN_LINES]
    return "\n".join(line if len(line) <= SHOWN_WIDTH else f"{line[:SHOWN_WIDTH]}…" for line in lines)


def targets(upload: UploadedDataset) -> list[str]:
    """The columns that could be predicted, as far as the file was looked into."""
    return [column["name"] for column in upload.facts.get("columns", []) if column.get("target")]
