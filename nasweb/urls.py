"""Addresses: each app brings its own."""

from __future__ import annotations

from django.conf import settings
from django.urls import include, path

from nasweb.pages import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    *(path("", include(f"apps.{name}.urls")) for name in settings.APPS),
]
handler400 = "nasweb.pages.bad_request"
handler403 = "nasweb.pages.forbidden"
handler404 = "nasweb.pages.not_found"
handler500 = "nasweb.pages.broken"
