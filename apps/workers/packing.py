"""Downloads: the zip of a trained network, built and proved by a child of its own."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.searches import services as searches
from apps.searches.models import Download
from apps.searches.recorder import Superseded
from apps.workers import services
from apps.workers.children import Child, Lost

log = logging.getLogger(__name__)
_one_at_a_time = threading.Lock()


def pack(download_id: int) -> None:
    """Build a download that is still wanted, if nobody else does; one at a time in a process."""
    with _one_at_a_time:
        download = services.take_download(download_id)
        if download is None:
            return
        try:
            searches.download_made(download, _built(download))
        except Superseded as error:
            log.info("download %s dropped: %s", download_id, error)


def _built(download: Download) -> dict[str, Any]:
    """The child's result, the path made relative to the artifact store."""
    trial = download.trial
    child = Child("cpu")
    try:
        order = child.order("export", spec=trial.search.document, work=trial.work, outcome=trial.outcome, device="cpu",
                            data=str(settings.DATA), folder=str(trial.folder), out=str(trial.folder / "network.zip"))
        until = services.PACKING.total_seconds()
        for message in child.hear(order, until):
            if message is None:
                break
            if "result" in message:
                return _relative(message["result"])
        return {"kind": "error", "text": f"The export took more than {until:g} seconds."}
    except Lost as error:
        return {"kind": "error", "text": f"The export was cut off: {error}."}
    finally:
        child.kill()


def _relative(result: dict[str, Any]) -> dict[str, Any]:
    if result.get("kind") != "exported":
        return result
    return {**result, "path": str(Path(result["path"]).resolve().relative_to(Path(settings.ARTIFACTS).resolve()))}
