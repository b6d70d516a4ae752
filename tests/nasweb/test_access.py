"""Every address and every method, found from the resolver itself, so that a new view is covered by being there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("get", "head", "options", "post", "put", "patch", "delete", "trace")
UNSAFE = ("post", "put", "patch", "delete")
PUBLIC = {"healthz", "accounts/login/", "accounts/enter/x/"}
HOSTILE = ["%00", "..%2f..%2fetc%2fpasswd", "%252e%252e%252f", "-1", "9" * 40, "..%5c", ";a=b", "<script>", "é", "a" * 2000]
QUERIES = ["?page=abc", "?page=" + "9" * 30, "?sort=owner__password", "?after=-1", "?after=1e5", "?from=%00", "?q=%00",
           "?state=__class__", "?next=//evil.example", "?limit=NaN", "?" + "&".join(f"k{n}=1" for n in range(1001))]
SAMPLE = {"search_id": str(uuid.UUID(int=1)), "arena_id": str(uuid.UUID(int=1)), "number": "0",
          "name": "aging_evolution", "kind": "chain", "token": "x"}


def patterns(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, route)
        else:
            yield route, entry


def filled(pattern: URLPattern, route: str, values: dict[str, str]) -> str:
    """The route with its parameters replaced."""
    for name in pattern.pattern.converters:
        converter = type(pattern.pattern.converters[name]).__name__
        shown = {"UUIDConverter": "uuid", "IntConverter": "int", "SlugConverter": "slug", "StringConverter": "str",
                 "PathConverter": "path"}[converter]
        route = route.replace(f"<{shown}:{name}>", values.get(name, "x")).replace(f"<{name}>", values.get(name, "x"))
    return route


ROUTES = [(route, pattern) for route, pattern in patterns(get_resolver())]
ADDRESSES = sorted({filled(pattern, route, SAMPLE) for route, pattern in ROUTES})


@pytest.fixture
def person(db: None) -> Any:
    return get_user_model().objects.create_user("ada", password="a long pass phrase")


def test_the_resolver_was_read() -> None:
    assert len(ADDRESSES) > 15 and not any("<" in address for address in ADDRESSES)


@pytest.mark.parametrize("address", [a for a in ADDRESSES if a not in PUBLIC])
def test_nobody_gets_in_without_signing_in(db: None, address: str) -> None:
    for method in METHODS:
        answer = getattr(Client(), method)(f"/{address}")
        assert answer.status_code in (302, 401, 403, 404, 405), (method, answer.status_code)
        if answer.status_code == 302:
            assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_method_breaks_any_address(person: Any, address: str) -> None:
    for method in METHODS:
        client = Client(raise_request_exception=False)
        client.force_login(person)
        assert getattr(client, method)(f"/{address}").status_code < 500, method


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_is_changed_without_its_token(person: Any, address: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    for method in UNSAFE:
        assert getattr(client, method)(f"/{address}").status_code in (403, 404, 405), method


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_parameters_find_nothing(person: Any, hostile: str) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(person)
    for route, pattern in ROUTES:
        for name in pattern.pattern.converters:
            answer = client.get("/" + filled(pattern, route, {**SAMPLE, name: hostile}))
            assert answer.status_code in (302, 400, 404, 405, 410, 414), (route, answer.status_code)


@pytest.mark.parametrize("query", QUERIES)
def test_hostile_queries_harm_nothing(person: Any, query: str) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(person)
    for address in ADDRESSES:
        answer = client.get(f"/{address}{query}")
        assert answer.status_code < 500, address
        assert "evil.example" not in answer.headers.get("Location", "").partition("?")[0]
