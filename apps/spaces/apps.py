"""The spaces app: no models, all of it is declared in the engine."""

from __future__ import annotations

from django.apps import AppConfig


class SpacesConfig(AppConfig):
    name = "apps.spaces"
