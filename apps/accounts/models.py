"""People, the one-time links that let them in, and failed sign-ins (for the throttle)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person. The first one is staff; nobody has a password until they choose one."""


class EntryLink(models.Model):
    """A link that signs its user in, once. Only the hash of its token is kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="entry_links")
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()


class FailedSignIn(models.Model):
    """One wrong password. `key` is a hash of who was tried, or of where from."""

    key = models.CharField(max_length=64)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["key", "at"], name="failed_sign_in_key_at")]
