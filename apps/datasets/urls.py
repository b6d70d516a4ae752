"""Addresses of datasets."""

from __future__ import annotations

from django.urls import path

from apps.datasets import views

app_name = "datasets"
urlpatterns = [
    path("datasets/", views.datasets, name="datasets"),
    path("datasets/uploads/", views.upload, name="uploads"),
    path("datasets/uploads/<uuid:upload_id>/", views.one, name="upload"),
    path("datasets/uploads/<uuid:upload_id>/delete/", views.delete, name="delete"),
]
