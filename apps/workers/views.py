"""The workers: who is there, on what, doing what."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.workers import selectors


@never_cache
@require_safe
def workers(request: HttpRequest) -> HttpResponse:
    return render(request, "workers/list.html", {"cards": selectors.cards(request.user)})
