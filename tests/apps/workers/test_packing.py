"""Downloads are built once, and offered only when the child has verified them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apps.searches import services
from apps.searches.models import Download
from apps.workers import packing
from apps.workers import services as workers
from apps.workers.models import Slot
from tests.apps.workers.conftest import Make, proposed
from tests.apps.workers.test_leases import OUTCOME, finish, held

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def download(make: Make, slot: Slot, request: pytest.FixtureRequest) -> Download:
    search = make()
    proposed(search, 1)
    score = getattr(request, "param", 0.6)
    finish(search, held(slot), packing_outcome(score))
    return services.request_download(search.trials.get())


def packing_outcome(score: float) -> Any:
    return type(OUTCOME)("done", score, metrics=OUTCOME.metrics, spend=OUTCOME.spend)


def test_a_download_is_built_below_the_artifacts(download: Download, settings: Any) -> None:
    packing.pack(download.pk)
    download.refresh_from_db()
    assert (download.state, download.size, download.verified) == ("ready", 3, {"score": 0.5})
    assert (Path(settings.ARTIFACTS) / download.path).read_bytes() == b"zip"
    assert Path(download.path).parts == (str(download.trial.search_id), "0", "network.zip")


@pytest.mark.parametrize("download", [0.5], indirect=True)
def test_what_was_not_reproduced_is_not_offered(download: Download) -> None:
    packing.pack(download.pk)
    download.refresh_from_db()
    assert download.state == "failed" and "did not reproduce" in download.reason


def test_somebody_elses_build_is_left_alone(download: Download) -> None:
    assert workers.take_download(download.pk) is not None
    packing.pack(download.pk)
    download.refresh_from_db()
    assert download.state == "wanted"


def test_a_download_that_is_gone_is_nothing_to_do(download: Download) -> None:
    download.delete()
    packing.pack(1)
    assert not Download.objects.exists()


def test_a_lost_child_is_told(download: Download, settings: Any) -> None:
    settings.NASWEB_CHILD_COMMAND = ["/bin/false"]
    packing.pack(download.pk)
    download.refresh_from_db()
    assert download.state == "failed" and "cut off" in download.reason
