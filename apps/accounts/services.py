"""The only writer of accounts: first owner, entry links, sign-in attempts, passwords."""

from __future__ import annotations

import hashlib
import logging
import secrets
from datetime import timedelta

from django.contrib.auth import login, update_session_auth_hash
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from apps.accounts.models import EntryLink, FailedSignIn, User

audit = logging.getLogger("nasweb.audit")
BACKEND = "django.contrib.auth.backends.ModelBackend"
LINK_LIFE = timedelta(hours=12)
WINDOW = timedelta(minutes=15)
MOST_FAILURES = 10


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def owner() -> User:
    """The first person, created without a password where nobody is there yet."""
    first = User.objects.filter(is_staff=True, is_active=True).order_by("pk").first()
    if first is not None:
        return first
    first, created = User.objects.get_or_create(username="owner", defaults={"is_staff": True})
    if created:
        first.set_unusable_password()
        first.save(update_fields=["password"])
    return first


@transaction.atomic
def new_entry(user: User) -> str:
    """The token of a fresh link; the user's older links end."""
    token = secrets.token_urlsafe(24)
    EntryLink.objects.filter(user=user).delete()
    EntryLink.objects.create(user=user, token_hash=_hash(token), expires_at=timezone.now() + LINK_LIFE)
    return token


def enter(request: HttpRequest, token: str) -> User | None:
    """Sign in by a link's token and burn it; None if it is unknown, used or too old."""
    link = EntryLink.objects.select_related("user").filter(token_hash=_hash(token), expires_at__gt=timezone.now()).first()
    if link is None or not link.user.is_active:
        audit.warning("entry link refused from %s", address(request))
        return None
    burned, _ = EntryLink.objects.filter(pk=link.pk).delete()
    if not burned:                              # somebody else was faster
        return None
    login(request, link.user, backend=BACKEND)
    audit.info("user %s signed in by link from %s", link.user.pk, address(request))
    return link.user


def address(request: HttpRequest) -> str:
    return request.META.get("REMOTE_ADDR") or "unknown"


def _keys(request: HttpRequest, username: str) -> tuple[str, str]:
    return _hash(f"name:{username.casefold()}"), _hash(f"address:{address(request)}")


def throttled(request: HttpRequest, username: str) -> bool:
    """Too many wrong passwords of late, for this name or from this address."""
    recent = FailedSignIn.objects.filter(at__gt=timezone.now() - WINDOW)
    return any(recent.filter(key=key).count() >= MOST_FAILURES for key in _keys(request, username))


def failed(request: HttpRequest, username: str) -> None:
    FailedSignIn.objects.filter(at__lt=timezone.now() - WINDOW).delete()
    FailedSignIn.objects.bulk_create([FailedSignIn(key=key) for key in _keys(request, username)])
    audit.warning("sign-in failed from %s", address(request))


def signed_in(request: HttpRequest, user: User) -> None:
    FailedSignIn.objects.filter(key=_keys(request, user.get_username())[0]).delete()
    audit.info("user %s signed in from %s", user.pk, address(request))


def set_up(request: HttpRequest, user: User, username: str, password: str) -> None:
    """Name and password of a person who came in by a link; they stay signed in, other sessions end."""
    user.username = username
    user.set_password(password)
    user.save(update_fields=["username", "password"])
    update_session_auth_hash(request, user)
    audit.info("user %s chose a password", user.pk)
