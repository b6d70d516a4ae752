"""Downloads: the zip of a trained network, made and proved by a child."""

from __future__ import annotations

from django.conf import settings

from apps.searches import services
from apps.searches.models import Download
from apps.workers.children import Child, Lost

DEADLINE = 300.0


def pack(download_id: int) -> None:
    """Make a download that is still wanted. Two at once make the same file; the first one stored counts."""
    wanted = Download.objects.filter(pk=download_id, state=Download.State.WANTED).select_related("trial__search").first()
    if wanted is None:
        return
    trial = wanted.trial
    child = Child("cpu")
    try:
        order = child.order("export", spec=trial.search.document, work=trial.work, outcome=trial.outcome, folder=str(trial.folder),
                            data=str(settings.DATA), device="cpu", out=str(trial.folder / "network.zip"))
        result = child.result(order, DEADLINE)
    except Lost as error:
        result = {"kind": "error", "text": str(error)}
    finally:
        child.kill()
    services.download_made(wanted, result)
