"""Files on their way in: streamed to disk, and dropped at once where they grow too large."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.core.files.uploadhandler import SkipFile, TemporaryFileUploadHandler
from django.http import HttpRequest


class Limited(TemporaryFileUploadHandler):
    """What is dropped is no file of the request; `too_large` tells why."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> Any:
        if start + len(raw_data) > settings.UPLOAD_LIMIT:
            self.file.close()
            self.request.too_large = True       # type: ignore[union-attr]
            raise SkipFile
        return super().receive_data_chunk(raw_data, start)


def received(request: HttpRequest) -> TemporaryUploadedFile | None:
    """The file that came with a form, if one did."""
    found = request.FILES.get("file")
    return found if isinstance(found, TemporaryUploadedFile) else None


def too_large(request: HttpRequest) -> bool:
    """Known once the form was read."""
    return getattr(request, "too_large", False)
