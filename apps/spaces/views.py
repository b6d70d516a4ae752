"""Spaces and strategies: what the engine declares, as pages; and the live facts of a space."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from apps.spaces import selectors
from engine import api


@require_safe
def spaces(request: HttpRequest) -> HttpResponse:
    rows = [{**space, "facts": api.facts({"kind": space["name"]})} for space in api.spaces()]
    return render(request, "spaces/list.html", {"spaces": rows})


@require_safe
def space(request: HttpRequest, name: str) -> HttpResponse:
    found = selectors.declared("spaces", name)
    shown = {"space": found, "facts": selectors.facts({"kind": name}), "page": selectors.page(name)}
    return render(request, "spaces/space.html", shown)


@require_safe
def strategies(request: HttpRequest) -> HttpResponse:
    rows = [{**strategy, "fits": selectors.fits(strategy["name"])} for strategy in api.strategies()]
    return render(request, "strategies/list.html", {"strategies": rows})


@require_safe
def strategy(request: HttpRequest, name: str) -> HttpResponse:
    found = selectors.declared("strategies", name)
    shown = {"strategy": found, "fits": selectors.fits(name), "page": selectors.page(name)}
    return render(request, "strategies/strategy.html", shown)


@require_POST
def facts(request: HttpRequest) -> JsonResponse:
    """A space document in, its facts out. `?dataset=` gives the input, `?seed=` the sample."""
    seed = request.GET.get("seed", "0")
    if not re.fullmatch(r"[0-9]{1,15}", seed):
        return JsonResponse({"error": {"path": "/seed", "reason": "is not a whole number from 0"}}, status=400)
    try:
        return JsonResponse(selectors.facts(api.parse_text(request.body), request.GET.get("dataset", ""), int(seed)))
    except api.Invalid as error:
        return JsonResponse({**error.document(), "errors": [problem.document() for problem in error.problems]}, status=400)
