"""Wiring of the web application: settings, addresses, ASGI and Celery."""
