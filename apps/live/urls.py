"""The HTTP twins of the sockets."""

from __future__ import annotations

from django.urls import path

from apps.live.views import arena_events, search_events

app_name = "live"
urlpatterns = [path("searches/<uuid:search_id>/events", search_events, name="events"),
               path("arena/<uuid:arena_id>/events", arena_events, name="arena_events")]
