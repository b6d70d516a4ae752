"""Searches, their trials, their event log and their downloads."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from apps.searches.states import ENDED, Delivery, State, Status, Wish


class Searches(models.QuerySet["Search"]):
    def visible_to(self, user: Any) -> Searches:
        """A person's own searches; a superuser sees everybody's."""
        there = self.filter(deleted_at=None).defer("strategy_state")       # may be large, and no page shows it
        return there if user.is_superuser else there.filter(owner=user)


class Search(models.Model):
    """One run. `document` is the parsed one, every default written out; `strategy_state` what rows cannot give back."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="searches")
    name = models.CharField(max_length=200, blank=True)
    document = models.JSONField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    wish = models.CharField(max_length=5, choices=Wish.choices, default=Wish.RUN)
    reason = models.TextField(blank=True)
    next_seq = models.BigIntegerField(default=1)
    state_version = models.BigIntegerField(default=0)
    strategy_state = models.JSONField(null=True)
    advance_token = models.BigIntegerField(default=0)
    thinking_until = models.DateTimeField(null=True)    # somebody thinks for it, and says so until then
    spent_seconds = models.FloatField(default=0.0)      # training time of all ended trials
    idempotency_key = models.CharField(max_length=100, null=True, default=None)
    upload = models.ForeignKey("datasets.UploadedDataset", on_delete=models.RESTRICT, null=True, related_name="searches")
    cloned_from = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="clones")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    archived_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)        # gone for people; the rows follow when nothing runs any more

    objects = Searches.as_manager()

    class Meta:
        verbose_name_plural = "searches"
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["owner", "-created_at"], name="search_owner_created"),
                   models.Index(fields=["state"], name="search_state")]
        constraints = [
            models.UniqueConstraint(fields=["owner", "idempotency_key"], name="search_once_per_key"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="search_state_known"),
            models.CheckConstraint(condition=Q(wish__in=Wish.values), name="search_wish_known"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)

    def get_absolute_url(self) -> str:
        return reverse("searches:detail", args=[self.id])

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def folder(self) -> Path:
        """Everything that its trials leave behind."""
        return Path(settings.ARTIFACTS) / str(self.id)


UNTRAINED = ("shared", "hypernetwork", "proxy")        # kinds of score of networks that nobody has trained by themselves


class Trial(models.Model):
    """One piece of work of a search, its lease while somebody does it, and its outcome."""

    Status = Status

    search = models.ForeignKey(Search, on_delete=models.CASCADE, related_name="trials")
    number = models.PositiveIntegerField()
    work = models.JSONField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    score = models.FloatField(null=True)
    score_kind = models.CharField(max_length=20, blank=True)
    encoding_id = models.CharField(max_length=64, blank=True)
    canonical_id = models.CharField(max_length=64, blank=True)
    parameters = models.BigIntegerField(null=True)
    flops = models.BigIntegerField(null=True)
    epochs = models.FloatField(null=True)
    seconds = models.FloatField(null=True)
    outcome = models.JSONField(null=True)
    final_of = models.PositiveIntegerField(null=True)
    parents = models.JSONField(default=list)
    attempt = models.PositiveIntegerField(default=0)    # how often it was lost
    lease_owner = models.UUIDField(null=True)
    lease_token = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    progress_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)           # when the search took the outcome
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["number"]
        indexes = [models.Index(fields=["status", "created_at"], name="trial_status_created")]
        constraints = [
            models.UniqueConstraint(fields=["search", "number"], name="trial_number_once"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="trial_status_known"),
            models.CheckConstraint(condition=Q(status=Status.RUNNING, lease_owner__isnull=False, lease_until__isnull=False)
                                   | (~Q(status=Status.RUNNING) & Q(lease_owner__isnull=True, lease_until__isnull=True)),
                                   name="trial_leased_while_running"),
            models.CheckConstraint(condition=~Q(status=Status.DONE) | Q(score__isnull=False, outcome__isnull=False),
                                   name="trial_done_has_score"),
        ]

    def __str__(self) -> str:
        return f"trial {self.number}"

    @property
    def trained(self) -> bool:
        """Whether it has weights of its own; no epoch of shared weights has, and no score that was read off them.
        An ensemble has those of its members."""
        return (self.encoding_id != "" or self.work["type"] == "ensemble") and self.score_kind not in UNTRAINED

    @property
    def folder(self) -> Path:
        """Checkpoints, weights and the download."""
        return Path(settings.ARTIFACTS) / str(self.search_id) / str(self.number)


class Event(models.Model):
    """The log of a search, gap-free by `seq`. Only the recorder writes it."""

    search = models.ForeignKey(Search, on_delete=models.CASCADE, related_name="events")
    seq = models.BigIntegerField()
    type = models.CharField(max_length=32)
    trial = models.PositiveIntegerField(null=True)
    data = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        ordering = ["seq"]
        constraints = [models.UniqueConstraint(fields=["search", "seq"], name="event_seq_once")]


class Download(models.Model):
    """The zip of a trained trial: offered once it was reloaded in a clean process and gave the logged score."""

    State = Delivery

    trial = models.OneToOneField(Trial, on_delete=models.CASCADE, related_name="download")
    state = models.CharField(max_length=10, choices=Delivery.choices, default=Delivery.WANTED)
    reason = models.TextField(blank=True)
    path = models.CharField(max_length=500, blank=True)         # below settings.ARTIFACTS
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.BigIntegerField(null=True)
    verified = models.JSONField(default=dict)
    token = models.BigIntegerField(default=0)                   # of whoever builds it, until `until`
    until = models.DateTimeField(null=True)
    requested_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(state__in=Delivery.values), name="download_state_known")]
