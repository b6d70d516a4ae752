"""Addresses of the ways in and out."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from apps.accounts import views

app_name = "accounts"
urlpatterns = [
    path("accounts/enter/<str:token>/", views.enter, name="enter"),
    path("accounts/setup/", views.set_up, name="setup"),
    path("accounts/login/", views.SignIn.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
]
