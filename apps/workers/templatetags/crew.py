"""The foot of the rail: how many workers are there."""

from __future__ import annotations

from django import template

from apps.workers import selectors

register = template.Library()


@register.inclusion_tag("workers/foot.html")
def workers_foot() -> dict[str, int]:
    return selectors.summary()
