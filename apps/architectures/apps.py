"""The architectures app: no models, it reads trials."""

from __future__ import annotations

from django.apps import AppConfig


class ArchitecturesConfig(AppConfig):
    name = "apps.architectures"
