"""Two people and their browsers."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from apps.accounts.models import User

PASSWORD = "a long pass phrase"


@pytest.fixture
def person(db: None) -> User:
    return get_user_model().objects.create_user("ada", password=PASSWORD)


@pytest.fixture
def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client
