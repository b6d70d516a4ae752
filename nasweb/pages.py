"""Pages of the wiring itself: health, and errors with fixed texts."""

from __future__ import annotations

import logging

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

log = logging.getLogger(__name__)
TEXTS = {
    400: ("That request makes no sense here", "Something in it could not be read. Go back, reload the page and try again."),
    403: ("Not allowed", "The page may have been open for too long. Reload it, sign in again if asked, and retry."),
    404: ("Nothing here", "The address is wrong, the thing was deleted, or it belongs to somebody else."),
    500: ("Something broke on our side", "It has been logged. The searches themselves keep running."),
}


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the database answers. Redis is reported only: without it pages poll."""
    state = {"database": _database(), "redis": _redis()}
    return JsonResponse(state, status=200 if state["database"] == "ok" else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return "ok"
    except DatabaseError:
        return "down"


def _redis() -> str:
    if not settings.REDIS_URL:
        return "none"
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            client.ping()
        return "ok"
    except redis.RedisError:
        return "down"


def _page(request: HttpRequest, status: int) -> HttpResponse:
    title, text = TEXTS[status]
    number = getattr(request, "id", "")
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"error": {"path": "", "reason": title}, "request": number}, status=status)
    facts = {"status": status, "title": title, "text": text, "number": number}
    return HttpResponse(render_to_string("error.html", facts, request), status=status)


@login_not_required
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 400)


@login_not_required
def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 403)


@login_not_required
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 404)


@login_not_required
def broken(request: HttpRequest) -> HttpResponse:
    log.error("request %s broke", getattr(request, "id", "?"))
    try:
        return _page(request, 500)
    except Exception:                           # noqa: BLE001 - what broke may be the database or the page's frame itself
        return HttpResponse(" · ".join((*TEXTS[500], getattr(request, "id", ""))), status=500, content_type="text/plain")


@login_not_required
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _page(request, 403)
