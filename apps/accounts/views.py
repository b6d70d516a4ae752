"""The ways in and out."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts import services
from apps.accounts.forms import SetUpForm, SignInForm
from apps.accounts.models import User


@login_not_required
@never_cache
@require_safe
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """The one-time link. Looking (HEAD, as link previews do) does not use it up."""
    if request.method == "HEAD":
        return HttpResponse()
    if request.user.is_authenticated or services.enter(request, token):
        return redirect("/")
    return render(request, "accounts/link_used.html", status=410)


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """Name and password. Where nobody has chosen a password yet, the page says how to get a link."""

    template_name = "accounts/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        return super().get_context_data(first_run=not User.objects.filter(last_login__isnull=False).exists(), **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        services.signed_in(self.request, form.get_user())
        return super().form_valid(form)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def set_up(request: HttpRequest) -> HttpResponse:
    """First-run set-up: a name and a password for later visits. Later on, the same page changes them."""
    person = get_object_or_404(User, pk=request.user.pk)
    form = SetUpForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid():
        services.set_up(request, person, form.cleaned_data["username"], form.cleaned_data["password1"])
        messages.success(request, "Saved. From now on you can sign in with this name and password.")
        return redirect("/")
    return render(request, "accounts/setup.html", {"form": form, "first": not person.has_usable_password()})
