"""Spaces: every kind, what a person saved, the editor with its live facts, its history, import and export."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.spaces import imports, library, selectors, services
from apps.spaces.answers import told
from apps.spaces.fields import sentence
from apps.spaces.forms import SpaceForm, form_of
from apps.spaces.inner import inner_forms
from apps.spaces.models import SpaceDefinition
from engine import api

OWN = {"csrfmiddlewaretoken", "key", "seen", "space", "view", "name", "note", "document", "edit", "fill", "kept"}


@never_cache
@require_safe
def spaces(request: HttpRequest) -> HttpResponse:
    shown = {"spaces": library.kinds(), "saved": library.cards(request.user), "sources": imports.SOURCES}
    return render(request, "spaces/list.html", shown)


@require_safe
def space(request: HttpRequest, name: str) -> HttpResponse:
    found = selectors.declared("spaces", name)
    shown = {"space": found, "facts": selectors.facts({"kind": name}), "page": selectors.page(name)}
    return render(request, "spaces/space.html", shown)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """A space of a kind (`?kind=`), with its defaults or a preset's values; `edit` comes from the form of a new search."""
    kind = request.GET.get("kind", "")
    selectors.declared("spaces", kind)
    if request.method != "POST":
        preset = {"preset": request.GET["preset"]} if "preset" in request.GET else {}
        try:
            return _editor(request, SpaceForm.of(api.space_document({"kind": kind, **preset})))
        except api.Invalid:
            raise Http404("There is no such preset.") from None
    form = SpaceForm(kind, dict(request.POST.lists()))
    if "fill" in request.POST:
        return _filled(request, form, None)
    if not form.valid() or "edit" in request.POST:
        return _editor(request, form, status=422 if form.problems else 200, dirty=True)
    made = services.create(request.user, form.heads["name"], form.checked, form.heads["note"], form.key)
    messages.success(request, f"“{made.name}” is saved.")
    return redirect(made)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, space_id: UUID) -> HttpResponse:
    found = library.visible(request.user, space_id)
    selectors.declared("spaces", found.kind)
    if request.method != "POST":
        return _opened(request, found)
    form = SpaceForm(found.kind, dict(request.POST.lists()))
    if "fill" in request.POST:
        return _filled(request, form, found)
    if not form.valid():
        return _editor(request, form, found, status=422)
    try:
        saved = services.save(found, form.heads["name"], form.checked, request.user, seen=form.seen, note=form.heads["note"])
    except services.Stale as error:
        form.seen = error.number
        form.problems.append((None, f"{error} Look at its history first; saving again puts yours on top of it."))
        return _editor(request, form, found, status=409)
    messages.success(request, f"Version {saved.number} of “{saved.name}” is saved.")
    return redirect(saved)


def _opened(request: HttpRequest, found: SpaceDefinition) -> HttpResponse:
    """A saved document; one that the engine no longer accepts is shown with what is wrong with it."""
    form = form_of(found)
    return _editor(request, form, found, status=200 if form.valid() else 422)


def _filled(request: HttpRequest, form: SpaceForm, found: SpaceDefinition | None) -> HttpResponse:
    try:
        return _editor(request, form.filled(request.POST["fill"]), found, dirty=True)
    except api.Invalid:
        raise Http404("There is no such preset.") from None


def _editor(request: HttpRequest, form: SpaceForm, found: SpaceDefinition | None = None, *, status: int = 200,
            point: Any = None, dirty: bool = False) -> HttpResponse:
    try:
        facts = selectors.facts(form.document(), point=point)
    except api.Invalid:
        facts = None
    inner = inner_forms(form.entry, form.prefix, request.user)
    shown = {"form": form, "space": found, "facts": facts, "dirty": dirty or status != 200,
             "inner": inner, "parts": inner.parts() if inner else None, "kept": _kept(request, form),
             "datasets": selectors.readable(form.kind), "faults": [problem.document() for problem in form.faults]}
    return render(request, "spaces/editor.html", shown, status=status)


def _kept(request: HttpRequest, form: SpaceForm) -> list[tuple[str, str]]:
    """What else the form of a new search holds: it goes through the editor unseen and comes back with the space."""
    if not {"edit", "kept"} & set(request.POST):
        return []
    return [(name, text) for name, texts in request.POST.lists() for text in texts
            if name not in OWN and not name.startswith(f"{form.prefix}.")]


@never_cache
@require_safe
def history(request: HttpRequest, space_id: UUID) -> HttpResponse:
    """Every version with what it changed; `?from=` and `?to=` compare any two."""
    found = library.visible(request.user, space_id)
    shown: dict[str, Any] = {"space": found, "rows": library.history(found)}
    asked = [request.GET.get(name, "") for name in ("from", "to")]
    if all(re.fullmatch("[0-9]{1,9}", text) for text in asked):
        older, newer = (library.version(found, int(text)) for text in asked)
        shown |= {"older": older, "newer": newer, "compared": library.compared(older, newer)}
    return render(request, "spaces/history.html", shown)


@require_POST
def restore(request: HttpRequest, space_id: UUID, number: int) -> HttpResponse:
    found = library.visible(request.user, space_id)
    version = library.version(found, number)
    try:
        saved = services.restore(version, request.user)
    except api.Invalid as error:
        messages.error(request, f"Version {number} was not restored: {error.problems[0].path} {error.problems[0].reason}.")
    except services.Stale as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Version {number} is restored as version {saved.number}.")
    return redirect("spaces:history", space_id)


@require_POST
def delete(request: HttpRequest, space_id: UUID) -> HttpResponse:
    found = library.visible(request.user, space_id)
    services.delete(found, request.user)
    messages.success(request, f"“{found.name}” is deleted.")
    return redirect("spaces:spaces")


@require_safe
def document(request: HttpRequest, space_id: UUID) -> HttpResponse:
    """The saved document as a file."""
    found = library.visible(request.user, space_id)
    named = {"Content-Disposition": f'attachment; filename="{slugify(found.name)[:60] or "space"}.json"'}
    text = json.dumps(found.document, indent=2, ensure_ascii=False) + "\n"
    return HttpResponse(text, content_type="application/json; charset=utf-8", headers=named)


@never_cache
@require_POST
def bring(request: HttpRequest) -> HttpResponse:
    """A text or a file to a space that is not saved yet, in the editor."""
    file = request.FILES.get("file")
    text = file.read(imports.MOST_BYTES + 1) if file else request.POST.get("text", "")
    source = request.POST.get("source", "")
    try:
        found = imports.read(text, source)
    except api.Invalid as error:
        faults = [sentence(problem.path or "The text", problem) for problem in error.problems]
        shown = {"sources": imports.SOURCES, "source": source, "text": "" if file else text, "problems": faults}
        return render(request, "spaces/import.html", shown, status=422)
    return _editor(request, SpaceForm.of(found.document), point=found.genotype, dirty=True)


@require_POST
def facts(request: HttpRequest) -> JsonResponse:
    """A space document in, its facts out. `?dataset=` gives the input, `?seed=` the sample."""
    dataset = request.GET.get("dataset", "")
    return told(request, lambda document, seed: selectors.facts(document, dataset, seed))
