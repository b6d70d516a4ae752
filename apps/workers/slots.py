"""This process as a worker: its row, its slots, its writer, and one warm child a slot."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass, field
from uuid import UUID

import psutil
from django.conf import settings
from django.db.models.functions import Now

from apps.workers.children import Child
from apps.workers.models import Slot, Worker
from apps.workers.writer import Writer


@dataclass
class Here:
    """What this process holds. `closing` is set when it is asked to end."""

    worker_id: UUID
    writer: Writer = field(default_factory=Writer)
    children: dict[int, Child] = field(default_factory=dict)
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)


_here: list[Here] = []
_register_lock = threading.Lock()


def here() -> Here:
    """This process's worker, registered at first use."""
    with _register_lock:
        if not _here:
            worker = Worker.objects.create(host=socket.gethostname(), pid=os.getpid(), facts=facts())
            Slot.objects.bulk_create([Slot(worker=worker, number=n, device=d) for n, d in enumerate(devices())])
            _here.append(Here(worker.pk))
        return _here[0]


def devices() -> list[str]:
    """One slot a GPU; without GPUs NASWEB_SLOTS slots on the CPU, one a core up to two by default."""
    visible = gpus()
    count = settings.SLOTS or (len(visible) if visible else min(2, os.cpu_count() or 1))
    return [visible[n % len(visible)] if visible else "cpu" for n in range(count)]


def gpus() -> list[str]:
    """The NVIDIA devices of this machine, without asking torch."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [f"cuda:{name.strip()}" for name in chosen.split(",") if name.strip().isdigit()]
    try:
        return [f"cuda:{n}" for n in range(len(os.listdir("/proc/driver/nvidia/gpus")))]
    except OSError:
        return []


def facts() -> dict[str, object]:
    memory = psutil.virtual_memory()
    return {"cores": os.cpu_count(), "memory": memory.total, "gpus": len(gpus())}


def free() -> Slot | None:
    return Slot.objects.filter(worker_id=here().worker_id, trial=None).order_by("number").first()


def child_of(slot: Slot) -> Child:
    """The slot's warm child; a new one where there is none or it died."""
    mine = here()
    with mine.lock:
        child = mine.children.get(slot.pk)
        if child is None or not child.alive:
            child = mine.children[slot.pk] = Child(slot.device)
        return child


def beat() -> None:
    """A worker whose row was swept while it slept registers again."""
    if not Worker.objects.filter(pk=here().worker_id).update(beat_at=Now()):
        with _register_lock:
            _here.clear()
        here()
