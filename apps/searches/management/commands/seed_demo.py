"""Puts two searches on the handwritten digits into the first owner's list. The worker runs them for real."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from apps.accounts.services import owner
from apps.searches import services
from apps.searches.models import Search

CPU = {"preset": "cpu"}
DIGITS = {"version": 1, "space": {"kind": "chain", **CPU}, "dataset": {"name": "digits"}}
DEMOS = {
    "demo-random": {**DIGITS, "name": "Demo: random search", "strategy": {"name": "random_search"},
                    "estimation": {"name": "scratch", **CPU, "epochs": 3}, "budget": {"trials": 6}, "seed": 1},
    "demo-evolution": {**DIGITS, "name": "Demo: aging evolution", "budget": {"trials": 200}, "seed": 2,
                       "estimation": {"name": "scratch", **CPU},
                       "strategy": {"name": "aging_evolution", "population": 10, "sample": 3}},
}


class Command(BaseCommand):
    help = "Start the demo searches: a short one that soon is finished, and a longer one. Those that are there stay."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="only where there is no search at all yet")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["if_empty"] and Search.objects.exists():
            return
        person = owner()
        there = set(Search.objects.filter(owner=person, idempotency_key__in=DEMOS).values_list("idempotency_key", flat=True))
        with transaction.atomic():
            for key in (key for key in DEMOS if key not in there):
                services.create(person, DEMOS[key], key)
        if len(there) < len(DEMOS):
            self.stdout.write("The demo searches are in the list; the worker runs them.")
