"""Addresses of the home page and of searches."""

from __future__ import annotations

from django.urls import path

from apps.searches import views

app_name = "searches"
urlpatterns = [
    path("", views.home, name="home"),
    path("searches/", views.listing, name="list"),
    path("searches/facts", views.facts, name="facts"),
    path("searches/new/", views.new, name="new"),
    path("searches/<uuid:search_id>/", views.detail, name="detail"),
    path("searches/<uuid:search_id>/pause/", views.pause, name="pause"),
    path("searches/<uuid:search_id>/resume/", views.resume, name="resume"),
    path("searches/<uuid:search_id>/stop/", views.stop, name="stop"),
    path("searches/<uuid:search_id>/clone/", views.clone, name="clone"),
    path("searches/<uuid:search_id>/compare/", views.compare, name="compare"),
    path("searches/<uuid:search_id>/baselines.json", views.baselines_json, name="baselines_json"),
    path("searches/<uuid:search_id>/extend/", views.extend, name="extend"),
    path("searches/<uuid:search_id>/archive/", views.archive, name="archive"),
    path("searches/<uuid:search_id>/delete/", views.delete, name="delete"),
    path("searches/<uuid:search_id>/leaderboard.csv", views.leaderboard_csv, name="leaderboard_csv"),
    path("searches/<uuid:search_id>/leaderboard.json", views.leaderboard_json, name="leaderboard_json"),
    path("searches/<uuid:search_id>/ensemble.csv", views.ensemble_csv, name="ensemble_csv"),
    path("searches/<uuid:search_id>/ensemble.json", views.ensemble_json, name="ensemble_json"),
]
