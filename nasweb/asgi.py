"""Requests go to Django, sockets to the live layer; a socket to anywhere else is refused."""

from __future__ import annotations

import os
from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nasweb.settings")
django = get_asgi_application()

from apps.live.routing import websocket_urlpatterns  # noqa: E402 - models need the line above


async def nowhere(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """No such socket: the handshake ends with 403."""
    await receive()
    await send({"type": "websocket.close", "code": 4404})


sockets = URLRouter([*websocket_urlpatterns, re_path(r"", nowhere)])     # type: ignore[arg-type]
application = ProtocolTypeRouter({"http": django, "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(sockets))})
