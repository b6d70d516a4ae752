"""Prints a link that signs in once: for the first run, and for a lost password."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from apps.accounts import services
from apps.accounts.models import User


class Command(BaseCommand):
    help = "Print a one-time sign-in link (the user's older links end)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", help="whose link; by default the first member of staff, created if there is none")
        parser.add_argument("--base", default="http://127.0.0.1:8000", help="where the pages are served")

    def handle(self, *args: Any, **options: Any) -> None:
        if name := options["user"]:
            user = User.objects.filter(username=name, is_active=True).first()
            if user is None:
                raise CommandError(f"nobody is called {name!r}")
        else:
            user = services.owner()
        self.stdout.write(options["base"].rstrip("/") + reverse("accounts:enter", args=[services.new_entry(user)]))
