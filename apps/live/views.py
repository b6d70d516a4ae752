"""The HTTP twins of the sockets: the same events, for whoever polls."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.live import cursor, feed


@never_cache
@require_GET
@login_required
def search_events(request: HttpRequest, search_id: UUID) -> JsonResponse:
    return _after(request, feed.SEARCHES, search_id)


@never_cache
@require_GET
@login_required
def arena_events(request: HttpRequest, arena_id: UUID) -> JsonResponse:
    return _after(request, feed.ARENAS, arena_id)


def _after(request: HttpRequest, source: feed.Source, wanted: UUID) -> JsonResponse:
    """`?after=N`: the events that follow N, oldest first, at most a page of them; `seq` is the next N."""
    found = source.find(request.user, wanted)
    after = cursor.parse(request.GET.get("after"))
    if after is None:
        return JsonResponse({"error": {"path": "/after", "reason": "is not a whole number from 0"}}, status=400)
    return JsonResponse(feed.frame(source, found, after))
