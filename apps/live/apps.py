"""The live app: no models, only the way from the event log to the browser."""

from __future__ import annotations

from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = "apps.live"
