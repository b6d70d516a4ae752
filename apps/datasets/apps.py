"""The datasets app: sources are declared in the engine, uploads are rows and files."""

from __future__ import annotations

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    name = "apps.datasets"
