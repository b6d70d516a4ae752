"""Reading: which workers are there and what their slots do, as far as a person may know."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch
from django.utils import timezone

from apps.workers.models import Slot, Worker
from apps.workers.services import SILENCE


def cards(user: Any) -> list[dict[str, Any]]:
    """Workers, those that are there first; of other people's trials only that the slot is busy."""
    slots = Prefetch("slots", Slot.objects.select_related("trial__search").defer("trial__outcome", "trial__work"))
    found = [_card(worker, user) for worker in Worker.objects.prefetch_related(slots)]
    return sorted(found, key=lambda card: not card["here"])


def _card(worker: Worker, user: Any) -> dict[str, Any]:
    here = worker.ended_at is None and timezone.now() - worker.seen_at < SILENCE
    slots = [{"index": slot.index, "device": slot.device, "busy": slot.trial is not None,
              "trial": slot.trial if slot.trial and slot.trial.search.owner_id == user.pk else None}
             for slot in worker.slots.all()]
    return {"worker": worker, "here": here, "slots": slots, "busy": sum(slot["busy"] for slot in slots)}


def summary() -> dict[str, int]:
    """How many workers and slots are there, for the foot of the rail."""
    there = Worker.objects.filter(ended_at=None, seen_at__gte=timezone.now() - SILENCE)
    slots = list(Slot.objects.filter(worker__in=there).values_list("trial", flat=True))
    return {"workers": there.count(), "slots": len(slots), "busy": sum(trial is not None for trial in slots)}
