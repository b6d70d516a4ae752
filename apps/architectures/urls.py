"""Addresses of trained networks."""

from __future__ import annotations

from django.urls import path

from apps.architectures import views

app_name = "architectures"
urlpatterns = [
    path("searches/<uuid:search_id>/trials/<int:number>/", views.trial, name="trial"),
    path("searches/<uuid:search_id>/trials/<int:number>/drawing.json", views.drawing, name="drawing"),
    path("searches/<uuid:search_id>/trials/<int:number>/download.zip", views.download, name="download"),
]
