"""The HTTP twin of the socket."""

from __future__ import annotations

from django.urls import path

from apps.live.views import events

app_name = "live"
urlpatterns = [path("searches/<uuid:search_id>/events", events, name="events")]
