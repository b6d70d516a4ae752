"""Puts two searches on the handwritten digits and an arena into the first owner's lists. The worker runs them for real."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from apps.accounts.services import owner
from apps.arena import services as arenas
from apps.arena.models import Arena
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
ARENA_KEY = "demo-arena"
ARENA = {"field": "landscape:L2", "strategies": ["aging_evolution", "reinforce"], "seeds": 10, "first_seed": 0,
         "evaluations": 200}


class Command(BaseCommand):
    help = "Start two demo searches, and an arena of evolution, RL and random search. What is there stays."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="only where there is no search and no arena yet")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["if_empty"] and (Search.objects.exists() or Arena.objects.exists()):
            return
        person = owner()
        there = set(Search.objects.filter(owner=person, idempotency_key__in=DEMOS).values_list("idempotency_key", flat=True))
        with transaction.atomic():
            for key in (key for key in DEMOS if key not in there):
                services.create(person, DEMOS[key], key)
            begun = not Arena.objects.filter(owner=person, idempotency_key=ARENA_KEY).exists()
            if begun:
                arenas.create(person, ARENA, ARENA_KEY)
        if begun or len(there) < len(DEMOS):
            self.stdout.write("The demo searches and the demo arena are in their lists; the worker runs them.")
