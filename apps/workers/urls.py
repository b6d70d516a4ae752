"""Addresses of workers."""

from __future__ import annotations

from django.urls import path

from apps.workers import views

app_name = "workers"
urlpatterns = [path("workers/", views.workers, name="workers")]
