"""Arenas, their runs (one strategy with one seed), and their event log."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse


class State(models.TextChoices):
    """An arena is queued until its first run is taken, and running until the last one has ended."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


class Status(models.TextChoices):
    """Where one run stands."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


ACTIVE = frozenset({State.QUEUED, State.RUNNING})


class Arena(models.Model):
    """One comparison. `document` is the checked one: field, strategies, seeds, first_seed, evaluations, measured; one that
    `asks` for estimators has those in the place of strategies, and epochs."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="arenas")
    document = models.JSONField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    reason = models.TextField(blank=True)
    next_seq = models.BigIntegerField(default=1)
    idempotency_key = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["owner", "-created_at"], name="arena_owner_created")]
        constraints = [models.UniqueConstraint(fields=["owner", "idempotency_key"], name="arena_once_per_key"),
                       models.CheckConstraint(condition=Q(state__in=State.values), name="arena_state_known")]

    def __str__(self) -> str:
        return str(self.id)

    def get_absolute_url(self) -> str:
        return reverse("arena:detail", args=[self.id])

    @property
    def ended(self) -> bool:
        return self.state not in ACTIVE

    @property
    def place(self) -> dict[str, Any]:
        """The field as the engine takes it: a table or a landscape."""
        return {"table": None, "landscape": None, self.document["field"].partition(":")[0]: self.name}

    @property
    def name(self) -> str:
        """Of the field."""
        return str(self.document["field"].partition(":")[2])

    @property
    def estimates(self) -> bool:
        """Whether its runs are estimators, not strategies."""
        return "asks" in self.document

    @property
    def title(self) -> str:
        kind = "estimator" if self.estimates else "strategies"
        count = len(self.document["strategies"])
        return f"{count} {kind}{'s' * (self.estimates and count > 1)} on {self.name}"

    @property
    def seeds(self) -> range:
        first: int = self.document["first_seed"]
        return range(first, first + self.document["seeds"])


class Run(models.Model):
    """One strategy with one seed: its lease while somebody plays it, and its track when it is done."""

    arena = models.ForeignKey(Arena, on_delete=models.CASCADE, related_name="runs")
    number = models.PositiveIntegerField()              # all strategies with the first seed, then with the second, …
    strategy = models.CharField(max_length=100)
    seed = models.BigIntegerField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    track = models.JSONField(null=True)
    error = models.TextField(blank=True)
    seconds = models.FloatField(null=True)              # that the playing took
    attempt = models.PositiveIntegerField(default=0)    # how often it was lost
    lease_owner = models.UUIDField(null=True)
    lease_token = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ["number"]
        indexes = [models.Index(fields=["status", "number"], name="run_status_number")]
        constraints = [models.UniqueConstraint(fields=["arena", "number"], name="run_number_once"),
                       models.CheckConstraint(condition=Q(status__in=Status.values), name="run_status_known"),
                       models.CheckConstraint(condition=~Q(status=Status.DONE) | Q(track__isnull=False),
                                              name="run_done_has_its_track")]


class Event(models.Model):
    """The log of an arena, gap-free by `seq`. Only the recorder writes it."""

    arena = models.ForeignKey(Arena, on_delete=models.CASCADE, related_name="events")
    seq = models.BigIntegerField()
    type = models.CharField(max_length=32)
    data = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        ordering = ["seq"]
        constraints = [models.UniqueConstraint(fields=["arena", "seq"], name="arena_event_seq_once")]
