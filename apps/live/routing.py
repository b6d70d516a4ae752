"""Where sockets arrive."""

from __future__ import annotations

from django.urls import path

from apps.live.consumers import SearchConsumer

websocket_urlpatterns = [path("ws/searches/<uuid:search_id>/", SearchConsumer.as_asgi())]
