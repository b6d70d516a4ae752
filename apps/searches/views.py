"""Home, the list, the form, the search page and what a person can do to a search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.searches import baselines, charts, listings, offers, selectors, services
from apps.searches.forms import NewSearch, Pasted
from apps.searches.models import Search
from apps.searches.states import TransitionError, Wish
from apps.spaces.answers import told
from apps.spaces.fields import meant
from engine import api


@never_cache
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "home.html", listings.home(request.user))


@never_cache
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    return render(request, "searches/list.html", listings.page(request.user, request.GET))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The form. A button named `fill` puts a preset or something saved in (`search`: the space of another page's form);
    `document` is a whole document instead of the fields."""
    pasted = Pasted(request.POST.get("document", ""))
    given, own = dict(request.POST.lists()), offers.of(request.user)
    form = NewSearch(given, own) if request.method == "POST" else NewSearch.blank(request.GET.dict(), own)
    if request.POST.get("fill") == "search":
        form = NewSearch.around(given, own)
    elif "fill" in request.POST:
        form = form.filled(request.POST["fill"])
    elif request.method == "POST" and (made := _made(request, form, pasted)):
        return redirect(made)
    shown = {"form": form, "pasted": pasted, "facts": _facts(form, request.user), "compatible": api.compatible(),
             "readable": api.readable(), "performed": api.performed()}
    return render(request, "searches/new.html", shown, status=422 if form.problems or pasted.problems else 200)


def _made(request: HttpRequest, form: NewSearch, pasted: Pasted) -> Search | None:
    """The search that was asked for; where there is none, what is wrong stands in the form or beside the document."""
    sent: NewSearch | Pasted = pasted if "document" in request.POST else form
    if not sent.valid() or "check" in request.POST:
        return None
    try:
        return services.create(request.user, sent.checked, form.key)
    except api.Invalid as error:
        sent.refuse(error)
    return None


def _facts(form: NewSearch, user: Any) -> dict[str, Any] | None:
    """The facts of the space as it stands, where it stands well."""
    try:
        return selectors.facts_on(user, form.document(), 0)
    except api.Invalid:
        return None


@require_POST
def facts(request: HttpRequest) -> JsonResponse:
    """A search document in, or only its space and dataset: the facts of the space on that dataset."""
    return told(request, lambda document, seed: selectors.facts_on(request.user, document, seed))


@never_cache
@require_safe
def detail(request: HttpRequest, search_id: UUID) -> HttpResponse:
    """The whole page from the database; the script goes on from its `seq`."""
    search = selectors.visible_search(request.user, search_id)
    return render(request, "searches/detail.html", charts.page(search))


def _act(request: HttpRequest, search_id: UUID, action: Callable[[Search], object]) -> HttpResponse:
    """Do it and go back to the page; what the search cannot grant is answered with the reason."""
    search = selectors.visible_search(request.user, search_id)
    try:
        action(search)
    except (TransitionError, api.Invalid) as error:
        return render(request, "searches/refused.html", {"search": search, "reason": str(error)}, status=409)
    except PermissionDenied as error:
        return render(request, "searches/refused.html", {"search": search, "reason": str(error)}, status=403)
    return redirect(search)


@require_POST
def pause(request: HttpRequest, search_id: UUID) -> HttpResponse:
    return _act(request, search_id, lambda search: services.wish(search, Wish.PAUSE, request.user))


@require_POST
def resume(request: HttpRequest, search_id: UUID) -> HttpResponse:
    return _act(request, search_id, lambda search: services.wish(search, Wish.RUN, request.user))


@require_POST
def stop(request: HttpRequest, search_id: UUID) -> HttpResponse:
    return _act(request, search_id, lambda search: services.wish(search, Wish.STOP, request.user))


@require_POST
def archive(request: HttpRequest, search_id: UUID) -> HttpResponse:
    return _act(request, search_id, lambda search: services.archive(search, request.user))


@require_POST
def extend(request: HttpRequest, search_id: UUID) -> HttpResponse:
    wanted = meant({"type": "integer", "bounds": []}, request.POST.getlist("trials"))
    if not isinstance(wanted, int) or not 1 <= wanted <= 1_000_000:
        search = selectors.visible_search(request.user, search_id)
        reason = "Say how many more trials: a whole number from 1 to 1,000,000."
        return render(request, "searches/refused.html", {"search": search, "reason": reason}, status=422)
    return _act(request, search_id, lambda search: services.extend(search, wanted, request.user))


@require_POST
def clone(request: HttpRequest, search_id: UUID) -> HttpResponse:
    copy = services.clone(selectors.visible_search(request.user, search_id), request.user)
    messages.success(request, "This is the copy; it has started.")
    return redirect(copy)


@require_POST
def compare(request: HttpRequest, search_id: UUID) -> HttpResponse:
    return _act(request, search_id, lambda search: services.compare(search, request.user))


@never_cache
@require_safe
def baselines_json(request: HttpRequest, search_id: UUID) -> JsonResponse:
    return JsonResponse({"baselines": baselines.table(selectors.visible_search(request.user, search_id))})


@require_POST
def delete(request: HttpRequest, search_id: UUID) -> HttpResponse:
    search = selectors.visible_search(request.user, search_id)
    try:
        services.delete(search, request.user)
    except TransitionError as error:
        return render(request, "searches/refused.html", {"search": search, "reason": str(error)}, status=409)
    messages.success(request, f"“{search.name}” is deleted.")
    return redirect("searches:list")


@require_safe
def leaderboard_csv(request: HttpRequest, search_id: UUID) -> HttpResponse:
    search = selectors.visible_search(request.user, search_id)
    named = {"Content-Disposition": f'attachment; filename="leaderboard-{search.id}.csv"'}
    return HttpResponse(charts.leaderboard_csv(search), content_type="text/csv; charset=utf-8", headers=named)


@require_safe
def leaderboard_json(request: HttpRequest, search_id: UUID) -> JsonResponse:
    return JsonResponse({"rows": charts.rows(selectors.visible_search(request.user, search_id))})


@require_safe
def ensemble_csv(request: HttpRequest, search_id: UUID) -> HttpResponse:
    search = selectors.visible_search(request.user, search_id)
    named = {"Content-Disposition": f'attachment; filename="ensemble-{search.id}.csv"'}
    return HttpResponse(charts.ensemble_csv(search), content_type="text/csv; charset=utf-8", headers=named)


@require_safe
def ensemble_json(request: HttpRequest, search_id: UUID) -> JsonResponse:
    return JsonResponse({"ensemble": charts.ensemble(selectors.visible_search(request.user, search_id))})
