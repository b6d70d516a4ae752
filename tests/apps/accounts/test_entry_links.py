"""The one-time link: lets in once, soon, and only whom it was made for."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts import services
from apps.accounts.models import EntryLink, User

pytestmark = pytest.mark.django_db


def link(**options: Any) -> str:
    out = StringIO()
    call_command("sign_in_link", stdout=out, **options)
    return out.getvalue().strip()


def path(text: str) -> str:
    return "/" + text.split("://", 1)[1].split("/", 1)[1]


def user_of(client: Client) -> str | None:
    return client.session.get("_auth_user_id")


def test_first_link_makes_the_owner_without_a_password() -> None:
    assert link(base="http://there:1").startswith("http://there:1/accounts/enter/")
    owner = User.objects.get()
    assert owner.is_staff
    assert not owner.is_superuser
    assert not owner.has_usable_password()


def test_link_signs_in_and_leads_home() -> None:
    client = Client()
    answer = client.get(path(link()))
    assert answer.status_code == 302
    assert answer["Location"] == "/"
    assert user_of(client) == str(User.objects.get().pk)


def test_link_works_once() -> None:
    address = path(link())
    assert Client().get(address).status_code == 302
    second = Client()
    assert second.get(address).status_code == 410
    assert user_of(second) is None


def test_looking_at_a_link_does_not_use_it_up() -> None:
    address = path(link())
    preview = Client()
    assert preview.head(address).status_code == 200
    assert user_of(preview) is None
    assert Client().get(address).status_code == 302


def test_whoever_is_in_already_is_sent_home_and_the_link_stays_good(signed_in: Client) -> None:
    address = path(link())
    assert signed_in.get(address).status_code == 302
    assert EntryLink.objects.count() == 1


def test_old_link_is_refused() -> None:
    address = path(link())
    EntryLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert Client().get(address).status_code == 410


def test_new_link_ends_the_older_one() -> None:
    older, newer = path(link()), path(link())
    assert Client().get(older).status_code == 410
    assert Client().get(newer).status_code == 302


def test_link_of_a_closed_account_is_refused(person: User) -> None:
    address = path(link(user="ada"))
    User.objects.update(is_active=False)
    assert Client().get(address).status_code == 410


@pytest.mark.parametrize("token", ["x", "a" * 5000, "%00", "..%2f..", "💥", "' OR 1=1 --"])
def test_made_up_tokens_are_refused(token: str) -> None:
    assert Client().get(f"/accounts/enter/{token}/").status_code in (404, 410)


def test_token_itself_is_not_stored() -> None:
    token = path(link()).split("/")[-2]
    assert token not in str(EntryLink.objects.values_list().get())


def test_signing_in_by_link_changes_the_session_key() -> None:
    client = Client()
    before = client.session.session_key         # the client's first look makes one, cookie and all
    client.get(path(link()))
    assert before
    assert client.session.session_key != before


def test_link_for_a_named_user(person: User) -> None:
    client = Client()
    client.get(path(link(user="ada")))
    assert user_of(client) == str(person.pk)


def test_link_for_nobody_is_an_error() -> None:
    with pytest.raises(CommandError, match="nobody is called"):
        link(user="nobody")


def test_link_names_the_address_that_is_served_now(settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path
    assert link().startswith("http://127.0.0.1:8000/")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "address").write_text("http://127.0.0.1:8123")
    assert link().startswith("http://127.0.0.1:8123/")


def test_owner_is_the_first_member_of_staff(person: User) -> None:
    person.is_staff = True
    person.save()
    assert services.owner() == person
    assert User.objects.count() == 1


def test_post_is_not_a_way_in() -> None:
    assert Client().post(reverse("accounts:enter", args=["x"])).status_code == 405
