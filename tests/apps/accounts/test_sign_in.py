"""Sign-in, its throttle, sign-out, idle sessions, and the closed door."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts import middleware, services
from apps.accounts.models import FailedSignIn, User
from tests.apps.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"


def attempt(client: Client, password: str, name: str = "ada", **more: str) -> Any:
    return client.post(LOGIN, {"username": name, "password": password, **more})


def test_right_password_comes_in(person: User) -> None:
    client = Client()
    assert attempt(client, PASSWORD)["Location"] == "/"
    assert client.session["_auth_user_id"] == str(person.pk)


def test_wrong_password_stays_out_and_says_so(person: User) -> None:
    client = Client()
    answer = attempt(client, "wrong")
    assert answer.status_code == 200
    assert "correct username and password" in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_unknown_name_and_wrong_password_read_the_same(person: User) -> None:
    def alert(text: str) -> str:
        return text.split('role="alert">')[1].split("</div>")[0]

    known, unknown = attempt(Client(), "wrong"), attempt(Client(), "wrong", name="nobody")
    assert alert(known.content.decode()) == alert(unknown.content.decode())


def test_next_page_is_kept_but_never_another_host(person: User) -> None:
    assert attempt(Client(), PASSWORD, next="/datasets/")["Location"] == "/datasets/"
    for evil in ("https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil.example"):
        assert attempt(Client(), PASSWORD, next=evil)["Location"] == "/"


def test_too_many_wrong_passwords_close_the_door_even_for_the_right_one(person: User) -> None:
    for _ in range(services.MOST_FAILURES):
        attempt(Client(), "wrong")
    client = Client(REMOTE_ADDR="10.0.0.9")     # from elsewhere: the name is closed
    answer = attempt(client, PASSWORD)
    assert "Too many wrong passwords" in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_one_address_cannot_try_many_names(person: User) -> None:
    for number in range(services.MOST_FAILURES):
        attempt(Client(), "wrong", name=f"name{number}")
    assert "Too many" in attempt(Client(), PASSWORD).content.decode()
    assert attempt(Client(REMOTE_ADDR="10.0.0.9"), PASSWORD).status_code == 302


def test_door_opens_again_after_a_while(person: User) -> None:
    for _ in range(services.MOST_FAILURES):
        attempt(Client(), "wrong")
    FailedSignIn.objects.update(at=timezone.now() - services.WINDOW - timedelta(seconds=1))
    assert attempt(Client(), PASSWORD).status_code == 302


def test_coming_in_forgets_the_name_s_failures(person: User) -> None:
    attempt(Client(), "wrong")
    attempt(Client(), PASSWORD)
    assert FailedSignIn.objects.count() == 1    # the address's own stays


def test_failures_keep_neither_name_nor_address(person: User) -> None:
    attempt(Client(), "wrong")
    stored = str(list(FailedSignIn.objects.values_list("key", flat=True)))
    assert "ada" not in stored
    assert "127.0.0.1" not in stored


@pytest.mark.parametrize("name", ["", "a" * 10_000, "a\x00b", "💥", "' OR 1=1"])
def test_odd_names_are_answered(person: User, name: str) -> None:
    assert attempt(Client(), "x", name=name).status_code == 200


def test_first_visitor_is_told_about_the_link() -> None:
    assert "make up" in Client().get(LOGIN).content.decode()


def test_later_visitors_are_not(person: User) -> None:
    attempt(Client(), PASSWORD)
    assert "Nobody has signed in yet" not in Client().get(LOGIN).content.decode()


def test_signing_out_takes_a_post(signed_in: Client) -> None:
    assert signed_in.get(reverse("accounts:logout")).status_code == 405
    assert signed_in.post(reverse("accounts:logout"))["Location"] == LOGIN
    assert "_auth_user_id" not in signed_in.session


def test_sign_in_needs_the_token_of_the_form(person: User) -> None:
    answer = attempt(Client(enforce_csrf_checks=True), PASSWORD)
    assert answer.status_code == 403
    assert "Not allowed" in answer.content.decode()


@pytest.mark.parametrize("address", ["/accounts/setup/", "/", "/searches/"])
def test_strangers_are_sent_to_sign_in(address: str) -> None:
    answer = Client().get(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith(LOGIN)


def test_idle_session_ends(signed_in: Client, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    clock = [1_000_000]
    monkeypatch.setattr(middleware.time, "time", lambda: clock[0])
    assert signed_in.get("/accounts/setup/").status_code == 200
    clock[0] += settings.SESSION_IDLE_SECONDS + 1
    assert signed_in.get("/accounts/setup/").status_code == 302


def test_busy_session_goes_on(signed_in: Client, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    clock = [1_000_000]
    monkeypatch.setattr(middleware.time, "time", lambda: clock[0])
    for _ in range(4):
        assert signed_in.get("/accounts/setup/").status_code == 200
        clock[0] += settings.SESSION_IDLE_SECONDS - 10
    assert signed_in.get("/accounts/setup/").status_code == 200


def test_busy_session_is_not_written_each_time(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    signed_in.get("/accounts/setup/")
    first = signed_in.session[middleware.SEEN]
    monkeypatch.setattr(middleware.time, "time", lambda: first + middleware.STEP - 1)
    signed_in.get("/accounts/setup/")
    assert signed_in.session[middleware.SEEN] == first
