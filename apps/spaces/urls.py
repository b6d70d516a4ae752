"""Addresses of spaces and strategies."""

from __future__ import annotations

from django.urls import path

from apps.spaces import strategy_views, views

app_name = "spaces"
urlpatterns = [
    path("spaces/", views.spaces, name="spaces"),
    path("spaces/facts", views.facts, name="facts"),
    path("spaces/new/", views.new, name="new"),
    path("spaces/import/", views.bring, name="import"),
    path("spaces/<uuid:space_id>/edit/", views.edit, name="edit"),
    path("spaces/<uuid:space_id>/history/", views.history, name="history"),
    path("spaces/<uuid:space_id>/history/<int:number>/restore/", views.restore, name="restore"),
    path("spaces/<uuid:space_id>/delete/", views.delete, name="delete"),
    path("spaces/<uuid:space_id>/space.json", views.document, name="document"),
    path("spaces/<slug:name>/", views.space, name="space"),
    path("strategies/", strategy_views.strategies, name="strategies"),
    path("strategies/<slug:name>/", strategy_views.strategy, name="strategy"),
]
