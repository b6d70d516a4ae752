"""What a person has that fills a part of the New search form: saved spaces, uploaded datasets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.datasets.models import UploadedDataset
from apps.datasets.selectors import targets, uploads_of
from apps.spaces.fields import texts_of
from apps.spaces.library import saved_by
from apps.spaces.models import SpaceDefinition
from engine import api

OFFERED = ("definition", "upload")
MOST = 200


@dataclass(frozen=True)
class Offer:
    """`texts` go into the fields, the kind among them."""

    name: str                                   # "definition.<id>"
    group: str
    title: str
    hint: str
    texts: dict[str, list[str]]


def of(user: Any) -> list[Offer]:
    """The last ones of each."""
    known = {space["name"] for space in api.spaces()}
    return [*(_definition(space) for space in saved_by(user)[:MOST] if space.kind in known),
            *(_upload(upload) for upload in uploads_of(user)[:MOST])]


def _definition(space: SpaceDefinition) -> Offer:
    entry = api.entry("spaces", space.kind).document()
    texts = texts_of(f"space.{space.kind}", entry["options"], space.document)
    return Offer(f"definition.{space.pk}", "space", space.name, entry["title"], {"space": [space.kind], **texts})


def _upload(upload: UploadedDataset) -> Offer:
    """The last column that could be predicted is the one to begin with."""
    prefix = f"dataset.{upload.dataset}"
    texts = {"dataset": [upload.dataset], f"{prefix}.sha256": [upload.sha256]}
    texts |= {f"{prefix}.target": [name] for name in targets(upload)[-1:]}
    return Offer(f"upload.{upload.pk}", "dataset", upload.name, upload.kind, texts)
