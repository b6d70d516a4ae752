"""Strategies: what the engine declares, as pages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.spaces import selectors
from engine import api


@require_safe
def strategies(request: HttpRequest) -> HttpResponse:
    rows = [{**strategy, "fits": selectors.fits(strategy["name"])} for strategy in api.strategies()]
    return render(request, "strategies/list.html", {"strategies": rows})


@require_safe
def strategy(request: HttpRequest, name: str) -> HttpResponse:
    found = selectors.declared("strategies", name)
    shown = {"strategy": found, "fits": selectors.fits(name), "page": selectors.page(name)}
    return render(request, "strategies/strategy.html", shown)
