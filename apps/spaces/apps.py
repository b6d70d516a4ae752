"""The spaces app: kinds are declared in the engine, saved spaces are rows."""

from __future__ import annotations

from django.apps import AppConfig


class SpacesConfig(AppConfig):
    name = "apps.spaces"
