"""A browser that is signed in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client


@pytest.fixture
def browser(db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_user("ada", password="a long pass phrase"))
    return client


@pytest.fixture
def person(browser: Client) -> object:
    """Who `browser` is."""
    return get_user_model().objects.get(username="ada")


@pytest.fixture
def stranger(db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_user("eve", password="another long phrase"))
    return client


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Path) -> Path:
    """Uploads of a test lie in a folder of its own."""
    settings.DATA = tmp_path
    return tmp_path / "uploads"
