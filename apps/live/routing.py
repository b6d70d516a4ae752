"""Where sockets arrive."""

from __future__ import annotations

from django.urls import path

from apps.live.consumers import ArenaConsumer, SearchConsumer

websocket_urlpatterns = [path("ws/searches/<uuid:search_id>/", SearchConsumer.as_asgi()),
                         path("ws/arena/<uuid:arena_id>/", ArenaConsumer.as_asgi())]
