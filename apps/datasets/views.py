"""The datasets and whether they are here already."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from engine import api


@require_safe
def datasets(request: HttpRequest) -> HttpResponse:
    return render(request, "datasets/list.html", {"datasets": api.datasets()})
