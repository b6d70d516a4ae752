"""Dockerfile and docker-compose.yml: valid, hardened, without secrets, and with the commands of `make up`.

`compose-spec.json` is the schema of the Compose Specification (Apache-2.0).
"""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from nasweb.up import __main__ as up
from nasweb.up import commands, generate
from tests.house.sources import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_compose_file_follows_the_schema() -> None:
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
    jsonschema.Draft7Validator(schema).validate(COMPOSE)


def test_all_services_are_there() -> None:
    assert {"web", "worker", "worker-gpu", "redis", "postgres", "migrate", "init"} <= SERVICES.keys()
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    assert "docker.sock" not in json.dumps(service)


@pytest.mark.parametrize("name", SERVICES)
def test_service_runs_as_an_ordinary_user(name: str) -> None:
    service = SERVICES[name]
    user = service.get("user") or re.findall(r"^USER (\w+)$", DOCKERFILE, re.M)[-1]
    assert user not in ("root", "0")


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if service["restart"] != "no"])
def test_lasting_service_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


def test_no_secret_is_written_down() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search("SECRET|PASSWORD|URL", key):
                assert key.endswith("_FILE"), f"{name}: {key}"
                assert str(value).startswith("/secrets/")
    assert not re.search("SECRET|PASSWORD", (ROOT / ".env.example").read_text())


def test_only_pages_are_published_and_only_here() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"web"}
    assert all(port.startswith("127.0.0.1:") for port in published["web"])


def test_every_dependency_and_volume_exists() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= SERVICES.keys()
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"]


@pytest.mark.parametrize(("role", "expected"), [("web", lambda: commands.web("0.0.0.0", 8000)), ("worker", commands.worker)])
def test_containers_run_the_commands_of_make_up(role: str, expected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SERVICES[role]["command"] == ["python", "-m", "nasweb.up", role]
    for name, value in {**SERVICES[role]["environment"], "NASWEB_HOST": "0.0.0.0", "NASWEB_PORT": "8000"}.items():
        if name in ("NASWEB_HOST", "NASWEB_PORT"):
            monkeypatch.setenv(name, value)
    became: list[list[str]] = []
    monkeypatch.setattr(up, "become", lambda role, command: became.append(command) or 0)
    up.main([role])
    assert became == [expected()]


def test_image_takes_only_what_runs() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert ignored[0] == "*"
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.M)
    assert {f"!{name}" for name in copied} == {line for line in ignored if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)


def test_secrets_are_generated_once(tmp_path: Path) -> None:
    assert generate.generate(tmp_path) == ["secret_key", "postgres_password", "redis_password"]
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert generate.generate(tmp_path) == []
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before
    assert before["postgres_password"] in before["database_url"]
    assert before["redis_password"] in before["redis_url"]
    assert len(before["secret_key"]) >= 32
    assert all(not path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH) for path in tmp_path.iterdir())
