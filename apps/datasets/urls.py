"""Addresses of datasets."""

from __future__ import annotations

from django.urls import path

from apps.datasets import views

app_name = "datasets"
urlpatterns = [path("datasets/", views.datasets, name="datasets")]
