"""The datasets, whether they are here already, and what people uploaded."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.datasets import selectors, services
from apps.datasets.receiving import received, too_large
from engine import api


@never_cache
@require_safe
def datasets(request: HttpRequest) -> HttpResponse:
    return _page(request)


def _page(request: HttpRequest, problems: tuple[str, ...] = (), status: int = 200) -> HttpResponse:
    uploads = [{"upload": upload, "preview": selectors.preview(upload)} for upload in selectors.uploads_of(request.user)]
    shown = {"datasets": [found for found in api.datasets() if not _needs_upload(found)], "uploads": uploads,
             "problems": problems, "limit": settings.UPLOAD_LIMIT // 1024**2}
    return render(request, "datasets/list.html", shown, status=status)


def _needs_upload(dataset: dict[str, list[dict[str, str]]]) -> bool:
    return any(option["name"] == "sha256" for option in dataset["options"])


@never_cache
@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """A .txt or .csv file; what the engine cannot read is refused with its row and column."""
    file = received(request)
    if too_large(request):
        return _page(request, (f"The file is larger than {settings.UPLOAD_LIMIT // 1024**2} MiB.",), 413)
    if file is None:
        return _page(request, ("Choose a file that is not empty.",), 422)
    try:
        made = services.store(request.user, file)
    except api.Invalid as error:
        told = [f"{p.reason}; allowed: {p.allowed}" if p.allowed else p.reason for p in error.problems[:10]]
        return _page(request, tuple(f"{text[:1].upper()}{text[1:]}." for text in told), 422)
    messages.success(request, f"“{made.name}” is uploaded and can be searched on.")
    return redirect("datasets:datasets")


@never_cache
@require_safe
def one(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    found = selectors.visible(request.user, upload_id)
    return render(request, "datasets/upload.html", {"upload": found, "preview": selectors.preview(found)})


@require_POST
def delete(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    found = selectors.visible(request.user, upload_id)
    try:
        services.delete(found, request.user)
    except services.InUse as error:
        return _page(request, (f"“{found.name}” was not deleted: {error}",), 409)
    messages.success(request, f"“{found.name}” is deleted.")
    return redirect("datasets:datasets")
