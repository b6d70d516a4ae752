"""Addresses of arenas."""

from __future__ import annotations

from django.urls import path

from apps.arena import views

app_name = "arena"
urlpatterns = [
    path("arena/", views.listing, name="list"),
    path("arena/new/", views.new, name="new"),
    path("arena/tables/<slug:table>/", views.estimators, name="estimators"),
    path("arena/tables/<slug:table>/measure/", views.measure, name="measure"),
    path("arena/tables/<slug:table>/estimators.json", views.estimators_json, name="estimators_json"),
    path("arena/tables/<slug:table>/estimators.csv", views.estimators_csv, name="estimators_csv"),
    path("arena/<uuid:arena_id>/", views.detail, name="detail"),
    path("arena/<uuid:arena_id>/figures.json", views.figures, name="figures"),
    path("arena/<uuid:arena_id>/results.csv", views.results, name="results"),
    path("arena/<uuid:arena_id>/stop/", views.stop, name="stop"),
    path("arena/<uuid:arena_id>/delete/", views.delete, name="delete"),
]
