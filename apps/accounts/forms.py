"""Sign-in with a throttle, and the choice of a name and a password."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, SetPasswordMixin
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from apps.accounts import services
from apps.accounts.models import User


class SignInForm(AuthenticationForm):
    """Django's form; after too many wrong passwords it answers without trying."""

    request: HttpRequest

    def clean(self) -> dict[str, Any]:
        username = self.cleaned_data.get("username") or ""
        if services.throttled(self.request, username):
            raise ValidationError("Too many wrong passwords. Wait 15 minutes, or use a one-time link.", code="throttled")
        try:
            return super().clean()
        except ValidationError:
            services.failed(self.request, username)
            raise


class SetUpForm(SetPasswordMixin, forms.ModelForm):
    """Name and password for later visits."""

    password1, password2 = SetPasswordMixin.create_password_fields()

    class Meta:
        model = User
        fields = ("username",)

    def clean(self) -> dict[str, Any] | None:
        self.validate_passwords("password1", "password2")
        return super().clean()

    def _post_clean(self) -> None:
        super()._post_clean()               # type: ignore[misc]
        self.validate_password_for_user(self.instance, "password1")
