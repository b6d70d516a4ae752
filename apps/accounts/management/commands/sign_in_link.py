"""Prints a link that signs in once: for the first run, and for a lost password."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from apps.accounts import services
from apps.accounts.models import User


def served_at(home: Path) -> str:
    """What the supervisor of this data folder left, else the default address."""
    try:
        return (home / "run" / "address").read_text().strip()
    except OSError:
        return "http://127.0.0.1:8000"


class Command(BaseCommand):
    help = "Print a one-time sign-in link (the user's older links end)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", help="whose link; by default the first member of staff, created if there is none")
        parser.add_argument("--base", help="where the pages are served; by default where `make up` serves them now")

    def handle(self, *args: Any, **options: Any) -> None:
        if name := options["user"]:
            user = User.objects.filter(username=name, is_active=True).first()
            if user is None:
                raise CommandError(f"nobody is called {name!r}")
        else:
            user = services.owner()
        base = options["base"] or served_at(settings.HOME)
        self.stdout.write(base.rstrip("/") + reverse("accounts:enter", args=[services.new_entry(user)]))
