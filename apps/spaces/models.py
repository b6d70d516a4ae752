"""Saved spaces: a definition and the history of its document."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse


class Definitions(models.QuerySet["SpaceDefinition"]):
    def visible_to(self, user: Any) -> Definitions:
        """A person's own; a superuser sees everybody's."""
        return self if user.is_superuser else self.filter(owner=user)


class SpaceDefinition(models.Model):
    """A space under a name. `document` is the latest version's, every option written out."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="spaces")
    name = models.CharField(max_length=200)
    document = models.JSONField()
    number = models.PositiveIntegerField(default=1)     # of the latest version
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now_add=True)

    objects = Definitions.as_manager()

    class Meta:
        ordering = ["-changed_at"]
        indexes = [models.Index(fields=["owner", "-changed_at"], name="space_owner_changed")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("spaces:edit", args=[self.pk])

    @property
    def kind(self) -> str:
        return str(self.document["kind"])


class SpaceVersion(models.Model):
    """One saved state. Versions are only ever added."""

    definition = models.ForeignKey(SpaceDefinition, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    document = models.JSONField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    note = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["definition", "number"], name="space_version_once")]

    def __str__(self) -> str:
        return f"{self.name}, version {self.number}"
