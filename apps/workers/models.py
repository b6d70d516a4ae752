"""Worker processes, their slots, and whose turn it is to reconcile."""

from __future__ import annotations

import uuid

from django.db import models

from apps.searches.models import Trial


class Worker(models.Model):
    """One worker process. It is gone when `seen_at` is old, or when it said so."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    facts = models.JSONField(default=dict)              # torch, device and threads, as its children said
    started_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class Slot(models.Model):
    """Where one trial at a time is performed: a share of the CPU, or a GPU."""

    worker = models.ForeignKey(Worker, on_delete=models.CASCADE, related_name="slots")
    index = models.PositiveIntegerField()
    device = models.CharField(max_length=32)            # "cpu" or "cuda:N"
    trial = models.ForeignKey(Trial, on_delete=models.SET_NULL, null=True, related_name="slots")
    token = models.BigIntegerField(default=0)           # of the lease under which the trial runs here

    class Meta:
        ordering = ["worker", "index"]
        constraints = [models.UniqueConstraint(fields=["worker", "index"], name="slot_index_once")]


class Turn(models.Model):
    """A chore that one process at a time does: whoever moves `due_at` on has the turn."""

    chore = models.CharField(max_length=32, primary_key=True)
    due_at = models.DateTimeField()
