"""The Celery application: two queues, `advance` and `perform`."""

from __future__ import annotations

import os
import warnings

from celery import Celery
from celery.platforms import SecurityWarning

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nasweb.settings")

warnings.filterwarnings("ignore", category=SecurityWarning)     # about root and pickle: only JSON is accepted here
app = Celery("nasweb")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
