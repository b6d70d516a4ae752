"""One architecture: what it is, where it comes from, how it scored, and its download."""

from __future__ import annotations

from uuid import UUID

from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from apps.architectures import selectors
from apps.searches import selectors as searches
from apps.searches import services
from apps.searches.models import Download
from apps.searches.states import TransitionError


@require_safe
def trial(request: HttpRequest, search_id: UUID, number: int) -> HttpResponse:
    found = searches.visible_trial(request.user, search_id, number)
    if found.work["type"] == "ensemble":
        return redirect(f"{found.search.get_absolute_url()}#ensemble")
    if not found.encoding_id:
        return render(request, "architectures/epoch.html", selectors.epoch_page(found))
    return render(request, "architectures/trial.html", selectors.page(found))


@require_safe
def drawing(request: HttpRequest, search_id: UUID, number: int) -> JsonResponse:
    """What the diagram is drawn from. A trial's architecture never changes."""
    found = searches.visible_trial(request.user, search_id, number)
    return JsonResponse(selectors.drawing(found), headers={"Cache-Control": "private, max-age=3600"})


@require_safe
def download(request: HttpRequest, search_id: UUID, number: int) -> HttpResponse | FileResponse:
    """The zip; while a worker makes and checks it, a page that asks again by itself. `?again=1` retries one that failed."""
    found = searches.visible_trial(request.user, search_id, number)
    if (failed := selectors.failed_download(found)) and request.GET.get("again") != "1":
        shown = {"trial": found, "reason": failed.reason, "again": True}
        return render(request, "architectures/download.html", shown, status=409)
    try:
        made = services.request_download(found)
    except TransitionError as error:
        return render(request, "architectures/download.html", {"trial": found, "reason": str(error)}, status=409)
    if made.state == Download.State.READY and (file := selectors.file(made)):
        return FileResponse(file.open("rb"), as_attachment=True, filename=selectors.file_name(found))
    if made.state == Download.State.WANTED:
        waiting = render(request, "architectures/download.html", {"trial": found}, status=202)
        waiting.headers["Refresh"] = f"2; url={request.path}"
        return waiting
    reason = "The file is no longer there."
    return render(request, "architectures/download.html", {"trial": found, "reason": reason}, status=409)
