"""The socket: join then replay, nothing lost, nothing for strangers, only downwards."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async
from django.test import Client

from apps.arena import services
from apps.live import consumers, feed
from apps.searches import broadcast
from apps.searches.models import Search
from tests.apps.live.conftest import Dial, collect, later

ARENA = {"field": "landscape:L2", "strategies": ["aging_evolution"], "seeds": 2, "first_seed": 0, "evaluations": 20}
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


def numbers(frames: list[dict[str, Any]]) -> list[int]:
    return [event["seq"] for frame in frames for event in frame["events"]]


@pytest.mark.parametrize("known", [0, 1, 6])
async def test_replays_what_is_newer_than_the_cursor(search: Search, browser: Client, dial: Dial, known: int) -> None:
    last = await later(search, 7)
    socket = dial(browser, f"from={known}")
    assert (await socket.connect())[0]
    frames = await collect(socket, last)
    assert numbers(frames) == list(range(known + 1, last + 1))
    assert frames[-1]["seq"] == last
    assert frames[0]["events"][0].keys() == {"seq", "type", "trial", "data", "at"}
    await socket.disconnect()


async def test_without_a_cursor_the_whole_log_comes(search: Search, browser: Client, dial: Dial) -> None:
    last = await later(search, 3)
    socket = dial(browser, "")
    assert (await socket.connect())[0]
    assert numbers(await collect(socket, last)) == [1, 2, 3]
    await socket.disconnect()


async def test_long_replay_comes_in_pages(search: Search, browser: Client, dial: Dial) -> None:
    last = await later(search, 2 * feed.PAGE + 50)
    socket = dial(browser)
    assert (await socket.connect())[0]
    frames = await collect(socket, last)
    assert [len(frame["events"]) for frame in frames] == [feed.PAGE, feed.PAGE, 50]
    await socket.disconnect()


async def test_no_gap_while_somebody_writes(search: Search, browser: Client, dial: Dial) -> None:
    async def writer() -> None:
        for i in range(20):
            await later(search, 3, 3 * i)

    task = asyncio.create_task(writer())
    await asyncio.sleep(0.02)
    socket = dial(browser)
    assert (await socket.connect())[0]
    frames = await collect(socket, 60)
    await task
    assert numbers(frames) == list(range(1, 61))
    await socket.disconnect()


async def test_news_arrives_by_hint_at_once(search: Search, browser: Client, dial: Dial, monkeypatch: Any) -> None:
    monkeypatch.setattr(consumers, "HINT_WAIT", 60.0)
    socket = dial(browser)
    assert (await socket.connect())[0]
    await asyncio.sleep(0.2)
    await later(search, 1)
    assert numbers([await socket.receive_json_from(1)]) == [1]
    await socket.disconnect()


async def test_news_arrives_without_any_hint(search: Search, browser: Client, dial: Dial, monkeypatch: Any) -> None:
    monkeypatch.setattr(broadcast, "hint", lambda *args, **kwargs: None)
    socket = dial(browser)
    assert (await socket.connect())[0]
    await asyncio.sleep(0.2)
    await later(search, 1)
    assert numbers([await socket.receive_json_from(consumers.HINT_WAIT + 1)]) == [1]
    await socket.disconnect()


async def test_a_burst_is_joined_after_its_first_event(search: Search, browser: Client, dial: Dial,
                                                       monkeypatch: Any) -> None:
    monkeypatch.setattr(consumers, "JOIN_WAIT", 1.0)
    socket = dial(browser)
    assert (await socket.connect())[0]
    await asyncio.sleep(0.1)
    for i in range(10):
        await later(search, 1, i)
    frames = await collect(socket, 10)
    assert numbers(frames) == list(range(1, 11))
    assert len(frames) <= 3
    await socket.disconnect()


async def test_a_dead_layer_does_not_hold_the_page_back(search: Search, browser: Client, dial: Dial,
                                                        monkeypatch: Any) -> None:
    async def broken(*args: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr("channels.layers.InMemoryChannelLayer.group_add", broken)
    last = await later(search, 2)
    socket = dial(browser)
    assert (await socket.connect())[0]
    assert numbers(await collect(socket, last)) == [1, 2]
    await socket.disconnect()


async def test_refused_before_the_handshake(search: Search, browser: Client, dial: Dial, stranger: Any) -> None:
    foreign = Client()
    await database_sync_to_async(foreign.force_login)(stranger)
    missing = dial(browser, path=f"/ws/searches/{uuid4()}/?from=0")
    answers = [await socket.connect() for socket in (dial(None), dial(foreign), missing)]
    assert [accepted for accepted, _ in answers] == [False, False, False]
    assert answers[1] == answers[2], "not yours and not there must look the same"


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "null"])
async def test_other_origins_are_refused(browser: Client, dial: Dial, origin: str) -> None:
    assert not (await dial(browser, origin=origin).connect())[0]


@pytest.mark.parametrize("text", ["-1", "abc", str(10**30), "", "1.5", "null", "1e3", "%00", "１"])
async def test_a_broken_cursor_gets_one_error_frame(browser: Client, dial: Dial, text: str) -> None:
    socket = dial(browser, f"from={text}")
    assert (await socket.connect())[0]
    assert (await socket.receive_json_from())["error"]["code"] == "bad_cursor"
    assert await socket.receive_output() == {"type": "websocket.close", "code": consumers.BAD_CURSOR}


async def test_a_cursor_from_the_future_is_told_to_load_anew(search: Search, browser: Client, dial: Dial) -> None:
    last = await later(search, 2)
    socket = dial(browser, f"from={last + 1}")
    assert (await socket.connect())[0]
    assert (await socket.receive_json_from())["error"]["code"] == "ahead"
    assert (await socket.receive_output())["code"] == consumers.AHEAD


@pytest.mark.parametrize("frame", [{"text_data": "{}"}, {"text_data": "[" * 5000}, {"text_data": "NaN"},
                                   {"bytes_data": b"\xff\x00"}])
async def test_a_frame_from_the_client_is_answered_once_and_ends_it(browser: Client, dial: Dial,
                                                                    frame: dict[str, Any]) -> None:
    socket = dial(browser)
    assert (await socket.connect())[0]
    await socket.send_to(**frame)
    assert (await socket.receive_json_from())["error"]["code"] == "only_down"
    assert (await socket.receive_output()) == {"type": "websocket.close", "code": consumers.ONLY_DOWN}


async def test_closed_after_sign_out(browser: Client, dial: Dial, monkeypatch: Any) -> None:
    monkeypatch.setattr(consumers, "RECHECK", 0.1)
    monkeypatch.setattr(consumers, "HINT_WAIT", 0.1)
    socket = dial(browser)
    assert (await socket.connect())[0]
    await database_sync_to_async(browser.logout)()
    assert (await socket.receive_output(3))["code"] == 4401


async def test_closed_when_the_search_is_no_longer_visible(search: Search, browser: Client, dial: Dial, monkeypatch: Any,
                                                           stranger: Any) -> None:
    monkeypatch.setattr(consumers, "RECHECK", 0.1)
    monkeypatch.setattr(consumers, "HINT_WAIT", 0.1)
    socket = dial(browser)
    assert (await socket.connect())[0]
    await Search.objects.filter(id=search.id).aupdate(owner=stranger)
    assert (await socket.receive_output(3))["code"] == 4403


async def test_the_socket_of_an_arena_tells_its_log_to_whoever_is_signed_in(browser: Client, dial: Dial, person: Any,
                                                                            stranger: Any) -> None:
    made = await database_sync_to_async(services.create)(person, ARENA)
    foreign = Client()
    await database_sync_to_async(foreign.force_login)(stranger)
    for viewer in (browser, foreign):
        socket = dial(viewer, path=f"/ws/arena/{made.pk}/?from=0")
        assert (await socket.connect())[0]
        assert [event["type"] for event in (await socket.receive_json_from())["events"]] == ["arena_state"]
        if viewer is browser:
            await database_sync_to_async(services.stop)(made, person)
            assert (await socket.receive_json_from())["events"][0]["data"]["state"] == "stopped"
            made = await database_sync_to_async(services.create)(person, ARENA)
        await socket.disconnect()
    for path in (f"/ws/arena/{made.pk}/?from=0", f"/ws/arena/{uuid4()}/?from=0"):
        answer = await dial(None if str(made.pk) in path else browser, path=path).connect()
        assert not answer[0]
