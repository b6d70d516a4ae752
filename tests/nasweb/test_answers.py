"""Headers, health and error pages: on every answer, for everybody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from nasweb import headers, pages

LOGIN = "/accounts/login/"


def policy(answer: Any) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in answer["Content-Security-Policy"].split(";"))
    return {name: sources for name, _, sources in parts}


@pytest.mark.django_db
@pytest.mark.parametrize("address", [LOGIN, "/healthz", "/no/such/page", "/accounts/setup/"])
def test_every_answer_carries_the_headers(address: str) -> None:
    answer = Client().get(address)
    assert policy(answer)["default-src"] == "'none'"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]
    assert len(answer["X-Request-Id"]) == 12


@pytest.mark.django_db
def test_policy_lets_no_script_in_but_our_own_files() -> None:
    found = policy(Client().get(LOGIN))
    assert found["script-src"] == "'self'"
    assert found["frame-ancestors"] == "'none'"
    assert found["base-uri"] == "'none'"
    assert not any("http" in sources or "*" in sources or "eval" in sources for sources in found.values())


def test_a_view_may_be_stricter() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Content-Security-Policy": "sandbox"})

    assert headers.Headers(view)(RequestFactory().get("/"))["Content-Security-Policy"] == "sandbox"


@pytest.mark.django_db
def test_health_is_open_to_probes() -> None:
    answer = Client().get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"database": "ok", "redis": "none"}
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_health_fails_with_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> Any:
        raise DatabaseError("gone")

    monkeypatch.setattr(pages.connection, "cursor", down)
    answer = Client().get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "down"


@pytest.mark.django_db
def test_health_stays_up_without_redis(settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere.sock"
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()["redis"]) == (200, "down")


@pytest.mark.django_db
def test_unknown_address_gets_the_house_page() -> None:
    answer = Client().get("/no/such/page")
    assert answer.status_code == 404
    text = answer.content.decode()
    assert "Nothing here" in text
    assert answer["X-Request-Id"] in text
    assert "Traceback" not in text


@pytest.mark.django_db
def test_scripts_get_json() -> None:
    answer = Client().get("/no/such/page", headers={"accept": "application/json"})
    assert answer.status_code == 404
    assert json.loads(answer.content)["error"]["reason"] == "Nothing here"


def boom(error: Exception) -> Any:
    def view(*args: Any, **kwargs: Any) -> HttpResponse:
        raise error

    return view


@pytest.mark.django_db
@pytest.mark.parametrize(("error", "status", "title"), [
    (RuntimeError("secret detail"), 500, "Something broke"), (PermissionDenied("secret detail"), 403, "Not allowed"),
    (SuspiciousOperation("secret detail"), 400, "makes no sense")])
def test_errors_have_fixed_texts(monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, title: str) -> None:
    monkeypatch.setattr(pages, "_database", boom(error))
    answer = Client(raise_request_exception=False).get("/healthz")
    assert answer.status_code == status
    text = answer.content.decode()
    assert title in text
    assert "secret detail" not in text
    assert policy(answer)["default-src"] == "'none'"


@pytest.mark.django_db
def test_broken_frame_still_gives_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_database", boom(RuntimeError("secret detail")))
    monkeypatch.setattr(pages, "render_to_string", boom(RuntimeError("no template")))
    answer = Client(raise_request_exception=False).get("/healthz")
    assert (answer.status_code, answer["Content-Type"]) == (500, "text/plain")
    assert answer["X-Request-Id"] in answer.content.decode()


@pytest.mark.django_db
def test_wrong_host_is_refused() -> None:
    assert Client().get(LOGIN, headers={"host": "evil.example"}).status_code == 400


@pytest.mark.django_db
def test_huge_bodies_and_many_fields_are_refused() -> None:
    assert Client().post(LOGIN, "x" * (1024 * 1024 + 1), content_type="application/x-www-form-urlencoded").status_code == 400
    assert Client().post(LOGIN, {f"f{number}": "1" for number in range(1001)}).status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/static/../manage.py", "/static/%2e%2e/manage.py", "/static//etc/passwd", "/%00"])
def test_no_path_leads_out_of_the_static_files(address: str) -> None:
    assert Client().get(address).status_code == 404
