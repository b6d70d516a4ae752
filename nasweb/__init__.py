"""Wiring of the web application: settings, addresses, ASGI and Celery."""

from nasweb.celery import app as celery_app  # tasks declared by apps bind to it in every process

__all__ = ["celery_app"]
