"""The list of arenas, the form, the page of one, its figures, and what its owner can do; the page of estimators."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.arena import charts, comparisons, correlations, selectors, services
from apps.arena.forms import NewArena, NewComparison
from apps.arena.models import Arena
from engine import api


@never_cache
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    page = selectors.page(request.user, request.GET)
    return render(request, "arena/list.html", {"page": page, "tables": correlations.links()})


@never_cache
@require_safe
def estimators(request: HttpRequest, table: str) -> HttpResponse:
    """How well estimators know the order of a table's networks, as it is kept beside the table."""
    return render(request, "arena/estimators.html", {**correlations.kept(table), "form": NewComparison(table, {})})


@require_POST
def measure(request: HttpRequest, table: str) -> HttpResponse:
    """Measure estimators anew: a worker does it, the page of the comparison follows."""
    page, form = correlations.kept(table), NewComparison(table, dict(request.POST.lists()))
    if form.valid() and (made := _made(request, form)):
        return redirect(made)
    return render(request, "arena/estimators.html", {**page, "form": form}, status=422)


@never_cache
@require_safe
def estimators_json(request: HttpRequest, table: str) -> JsonResponse:
    return JsonResponse(correlations.kept(table)["figures"])


@never_cache
@require_safe
def estimators_csv(request: HttpRequest, table: str) -> HttpResponse:
    found = correlations.kept(table)
    named = {"Content-Disposition": f'attachment; filename="estimators-{found["table"]}.csv"'}
    return HttpResponse(correlations.table_csv(found["figures"]), content_type="text/csv; charset=utf-8", headers=named)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The form; its address may fill it."""
    posted = request.method == "POST"
    form = NewArena(dict(request.POST.lists())) if posted else NewArena.blank(request.GET.dict())
    if posted and (made := _made(request, form)):
        return redirect(made)
    return render(request, "arena/new.html", {"form": form}, status=422 if form.problems else 200)


def _made(request: HttpRequest, form: NewArena | NewComparison) -> Arena | None:
    """The arena that was asked for; where there is none, what is wrong stands in the form."""
    if form.valid():
        try:
            return services.create(request.user, form.checked, form.key)
        except api.Invalid as error:
            form.refuse(error)
    return None


@never_cache
@require_safe
def detail(request: HttpRequest, arena_id: UUID) -> HttpResponse:
    arena = selectors.readable(request.user, arena_id)
    if arena.estimates:
        return render(request, "arena/comparison.html", comparisons.page(request.user, arena))
    return render(request, "arena/detail.html", charts.page(request.user, arena))


@never_cache
@require_safe
def figures(request: HttpRequest, arena_id: UUID) -> JsonResponse:
    """What the page draws, as data."""
    arena = selectors.readable(request.user, arena_id)
    return JsonResponse(comparisons.figures(arena) if arena.estimates else charts.figures(arena))


@never_cache
@require_safe
def results(request: HttpRequest, arena_id: UUID) -> HttpResponse:
    arena = selectors.readable(request.user, arena_id)
    named = {"Content-Disposition": f'attachment; filename="arena-{arena.pk}.csv"'}
    text = correlations.table_csv(comparisons.figures(arena)) if arena.estimates else charts.results_csv(arena)
    return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=named)


@require_POST
def stop(request: HttpRequest, arena_id: UUID) -> HttpResponse:
    arena = selectors.own(request.user, arena_id)
    try:
        services.stop(arena, request.user)
    except services.Ended as error:
        return render(request, "arena/refused.html", {"arena": arena, "reason": str(error)}, status=409)
    return redirect(arena)


@require_POST
def delete(request: HttpRequest, arena_id: UUID) -> HttpResponse:
    services.delete(selectors.own(request.user, arena_id), request.user)
    messages.success(request, "The arena is deleted.")
    return redirect("arena:list")
