"""Addresses of spaces and strategies."""

from __future__ import annotations

from django.urls import path

from apps.spaces import views

app_name = "spaces"
urlpatterns = [
    path("spaces/", views.spaces, name="spaces"),
    path("spaces/facts", views.facts, name="facts"),
    path("spaces/<slug:name>/", views.space, name="space"),
    path("strategies/", views.strategies, name="strategies"),
    path("strategies/<slug:name>/", views.strategy, name="strategy"),
]
