"""Uploaded datasets: whose they are and what the engine found in them. The file itself lies under its SHA-256."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse


class Uploads(models.QuerySet["UploadedDataset"]):
    def visible_to(self, user: Any) -> Uploads:
        """A person's own; a superuser sees everybody's."""
        return self if user.is_superuser else self.filter(owner=user)


class UploadedDataset(models.Model):
    class Kind(models.TextChoices):
        TEXT = "text"
        TABLE = "table"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=5, choices=Kind.choices)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    facts = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = Uploads.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["owner", "kind", "sha256"], name="upload_once")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("datasets:upload", args=[self.pk])

    @property
    def dataset(self) -> str:
        """The engine's dataset that reads it."""
        return f"{self.kind}_file"

    @property
    def path(self) -> Path:
        return Path(settings.DATA) / "uploads" / self.sha256
