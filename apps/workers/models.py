"""Rows: worker processes, their slots, and the turn of the reconciler."""

from __future__ import annotations

import uuid

from django.db import models


class Worker(models.Model):
    """A worker process that beats; it is gone when its row is."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    host = models.CharField(max_length=200)
    pid = models.IntegerField()
    facts = models.JSONField(default=dict)                  # device, cores, memory
    started_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["started_at"]


class Slot(models.Model):
    """Room for one trial on one device."""

    worker = models.ForeignKey(Worker, on_delete=models.CASCADE, related_name="slots")
    number = models.IntegerField()
    device = models.CharField(max_length=32)
    trial = models.OneToOneField("searches.Trial", null=True, on_delete=models.SET_NULL, related_name="slot")

    class Meta:
        ordering = ["worker", "number"]
        constraints = [models.UniqueConstraint(fields=["worker", "number"], name="one_slot_per_number")]


class Turn(models.Model):
    """Whose turn it is to reconcile: one row, taken by a conditional update."""

    name = models.CharField(max_length=32, primary_key=True)
    until = models.DateTimeField()
