"""Two people, and a browser of each that is signed in."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from apps.accounts.models import User


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def person(db: None) -> User:
    return get_user_model().objects.create_user("ada", password="a long pass phrase")


@pytest.fixture
def stranger(db: None) -> User:
    return get_user_model().objects.create_user("bob", password="another pass phrase")


@pytest.fixture
def browser(person: User) -> Client:
    return signed_in(person)


@pytest.fixture
def visitor(stranger: User) -> Client:
    return signed_in(stranger)
