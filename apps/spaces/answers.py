"""Facts as an answer to a page's script."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, JsonResponse

from engine import api


def told(request: HttpRequest, facts: Callable[[Any, int], dict[str, Any]]) -> JsonResponse:
    """What `facts` finds for the JSON that was sent and the sample's `?seed=`, or what is wrong with it."""
    seed = request.GET.get("seed", "0")
    if not re.fullmatch(r"[0-9]{1,15}", seed):
        return JsonResponse({"error": {"path": "/seed", "reason": "is not a whole number from 0"}}, status=400)
    try:
        return JsonResponse(facts(api.parse_text(request.body), int(seed)))
    except api.Invalid as error:
        return JsonResponse({**error.document(), "errors": [problem.document() for problem in error.problems]}, status=400)
