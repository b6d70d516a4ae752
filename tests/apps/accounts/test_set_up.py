"""First-run set-up: a name and a password, chosen by whoever came in by a link."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.accounts import services
from apps.accounts.models import User
from tests.apps.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db
SETUP = "/accounts/setup/"
NEW = "quite another phrase"


@pytest.fixture
def owner() -> User:
    return services.owner()


@pytest.fixture
def client(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


def choose(client: Client, username: str = "grace", password1: str = NEW, password2: str | None = None) -> Any:
    again = password1 if password2 is None else password2
    return client.post(SETUP, {"username": username, "password1": password1, "password2": again})


def test_page_asks_for_a_name_and_a_password(client: Client) -> None:
    text = client.get(SETUP).content.decode()
    assert "Choose a name and a password" in text
    assert text.count('type="password"') == 2


def test_chosen_name_and_password_let_in_later(client: Client) -> None:
    assert choose(client).status_code == 302
    later = Client()
    assert later.post("/accounts/login/", {"username": "grace", "password": NEW}).status_code == 302
    assert "_auth_user_id" in later.session


def test_chooser_stays_signed_in_and_other_browsers_do_not(client: Client, owner: User) -> None:
    other = Client()
    other.force_login(owner)
    choose(client)
    assert client.get(SETUP).status_code == 200
    assert other.get(SETUP).status_code == 302


@pytest.mark.parametrize(("fields", "complaint"), [
    ({"password1": "short"}, "too short"),
    ({"password1": "passwordpassword1", "password2": "passwordpassword2"}, "match"),
    ({"password1": "grace-hopper", "username": "grace-hopper"}, "too similar"),
    ({"username": ""}, "required"),
    ({"username": "with space and <b>"}, "valid username"),
    ({"username": "g" * 151}, "at most 150"),
    ({"password1": ""}, "required"),
])
def test_bad_choices_are_named(client: Client, owner: User, fields: dict[str, str], complaint: str) -> None:
    answer = choose(client, **fields)
    assert answer.status_code == 200
    assert complaint in answer.content.decode()
    owner.refresh_from_db()
    assert not owner.has_usable_password()
    assert owner.username == "owner"


def test_common_password_is_refused(client: Client) -> None:
    assert "too common" in choose(client, password1="qwertyuiop123").content.decode()


def test_name_of_somebody_else_is_refused(client: Client, person: User) -> None:
    assert "already exists" in choose(client, username="ada").content.decode()
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


def test_what_was_typed_is_escaped(client: Client) -> None:
    text = choose(client, username='"><script>alert(1)</script>').content.decode()
    assert "<script>alert" not in text


def test_passwords_are_not_sent_back(client: Client) -> None:
    assert "a wrong one" not in choose(client, password1="a wrong one", password2="other").content.decode()


def test_stranger_is_sent_to_sign_in() -> None:
    assert Client().get(SETUP)["Location"].startswith("/accounts/login/")


def test_form_needs_its_token(owner: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert choose(client).status_code == 403
