"""Who gets in, who hears what, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from mien.rtc import token04
from mien.rtc.client import Microphone, RoomClient
from mien.rtc.port import DuplicateStreamError, RoomMessage, RtcError, StreamInfo, VideoKind

from .rtc_support import APP, SECRET, Server, open_files, serving, token, until

pytestmark = pytest.mark.integration


async def test_presence_and_messages_to_one_and_to_all() -> None:
    async with serving() as server:
        agent = await server.agent(VideoKind.NONE, package_url="/a.zip", extra_info="hello")
        got: list[RoomMessage] = []
        joined: list[str] = []
        left: list[str] = []
        streams: list[StreamInfo] = []
        agent.events.message, agent.events.user_joined, agent.events.user_left = got.append, joined.append, left.append
        agent.events.stream_added = streams.append
        async with server.client("u1") as one, server.client("u2") as two:
            await one.wait_for(lambda room: room.users == {"agent", "u2"})
            assert one.streams["face"] == StreamInfo("face", "agent", "", "hello", VideoKind.NONE, "/a.zip")
            assert joined == ["u1", "u2"]
            assert agent.peer.users() == {"u1", "u2"}
            await agent.peer.send_message("to all")
            await agent.peer.send_message("to two", msg_type=22, to=["u2"])
            assert await one.messages.next(2) == RoomMessage("room", "agent", 1, "to all")
            assert await two.messages.next(2) == RoomMessage("room", "agent", 1, "to all")
            assert await two.messages.next(2) == RoomMessage("room", "agent", 22, "to two")
            await one.send('{"Action":"x"}', msg_type=20, to=["agent"])
            assert got == [RoomMessage("room", "u1", 20, '{"Action":"x"}')]
            assert not one.messages.take()
            with pytest.raises(RtcError, match="not in the room: nobody"):
                await one.send("x", to=["nobody"])
            with pytest.raises(RtcError, match="at most 16384 bytes"):
                await one.send("x" * 20_000)
            await one.publish("mic", Microphone())
            await two.wait_for(lambda room: "mic" in room.streams)
            assert [stream.stream_id for stream in streams] == ["mic"]
            assert [stream.stream_id for stream in agent.peer.streams()] == ["mic"]
            # A user's stream can be played by others, too.
            play = await two.play("mic", motion=False)
            assert len((await play.audio.next(2)).pcm) == 960
            await one.unpublish("mic")
            await two.wait_for(lambda room: "mic" not in room.streams)
        await until(lambda: sorted(left) == ["u1", "u2"])
        await agent.stop()


async def test_a_later_login_kicks_the_earlier() -> None:
    async with serving() as server:
        agent = await server.agent(VideoKind.NONE)
        async with server.client("u") as first:
            play = await first.play("face")
            await until(lambda: agent.peer.viewers == 1)
            async with server.client("u") as second:
                kinds = [(await first.events.next(2)).kind for _ in range(2)]
                assert kinds == ["kicked", "closed"]
                await until(lambda: agent.peer.viewers == 0)
                assert agent.peer.users() == {"u"}
                await until(lambda: play.pc.connectionState == "closed")
                await second.send("still here", to=["agent"])
        await agent.stop()


async def test_an_agent_is_kicked_by_another_and_stream_ids_are_unique_in_the_app() -> None:
    async with serving() as server:
        first = await server.agent(VideoKind.NONE)
        kicked: list[str] = []
        first.events.kicked = kicked.append
        with pytest.raises(DuplicateStreamError, match='already published by user "agent" in room "room"'):
            await server.agent(VideoKind.NONE, room_id="elsewhere", user_id="other")
        second = await server.agent(VideoKind.NONE)
        assert len(kicked) == 1
        async with server.client() as client:
            play = await client.play("face")
            await play.audio.next(2)
            assert (first.peer.viewers, second.peer.viewers) == (0, 1)
        await first.stop()
        await second.stop()
        assert server.rooms.members == 0


@pytest.mark.parametrize(
    ("text", "reason", "close"),
    [
        (lambda: "03abc", 'does not begin with "04"', 4001),
        (lambda: "04!", "not Base64", 4001),
        (lambda: token04.issue(APP, "user", "0" * 32, now=time.time()), "another project's ServerSecret", 4001),
        (lambda: token04.issue(APP, "user", SECRET, now=time.time() - 9000), "expired", 4001),
        (lambda: token04.issue(1, "user", SECRET, now=time.time()), "for app 1", 4001),
        (lambda: token("somebody"), 'for user "somebody"', 4001),
        (lambda: token("user", payload='{"room_id":"other"}'), 'for room "other"', 4003),
        (lambda: token("user", payload='{"room_id":"room","privilege":{"1":0}}'), "forbids logging in", 4003),
        (lambda: "", "token is missing", 4001),
    ],
)
async def test_wrong_tokens_are_refused_with_a_reason(text: object, reason: str, close: int) -> None:
    async with serving() as server:
        secret = text()  # type: ignore[operator]
        with pytest.raises(RtcError, match=reason):
            await RoomClient(server.url, APP, "user", "room", secret).login()
        ws = await connect(f"ws{server.url[4:]}/rtc/v1/ws?app_id={APP}&user_id=user&room_id=room&token={secret}")
        frame = json.loads(await ws.recv())
        assert frame["type"] == "error"
        with pytest.raises(ConnectionClosed):
            await ws.recv()
        assert ws.close_code == close
        answer = await post(server, "whep", secret or "x", {"app_id": str(APP), "user_id": "user"})
        assert answer.status_code == {4001: 401, 4003: 403}[close]
        assert server.rooms.members == 0


async def test_a_token_without_the_right_to_publish_plays_only() -> None:
    async with serving() as server:
        narrow = token("user", payload='{"room_id":"room","privilege":{"1":1,"2":0},"stream_id_list":null}')
        async with server.client(token=narrow) as client:
            with pytest.raises(RtcError, match="forbids publishing"):
                await client.publish("mic", Microphone())


async def post(server: Server, protocol: str, bearer: str, query: dict[str, str], body: str = "v=0") -> httpx.Response:
    async with httpx.AsyncClient() as http:
        return await http.post(
            f"{server.url}/rtc/v1/{protocol}/room/face",
            params=query,
            content=body,
            headers={"Authorization": f"Bearer {bearer}", "Content-Type": "application/sdp"},
        )


async def test_bad_requests_are_answered_in_words() -> None:
    async with serving() as server:
        agent = await server.agent(VideoKind.NONE)
        good = {"app_id": str(APP), "user_id": "u"}
        for bearer, query, body, status, words in (
            ("nonsense", {}, "v=0", 401, "session is over"),
            (token("u"), good, "", 400, "empty"),
            (token("u"), good, "hello", 400, "no media"),
            (token("u"), good, "v=0\r\nm=audio x UDP/TLS/RTP/SAVPF 111\r\n", 400, "not an SDP"),
            (token("u"), good, "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n", 400, "ICE"),
            (token("u"), {"app_id": "x", "user_id": "u"}, "v=0", 400, "app_id"),
            (token("u"), {"app_id": "999", "user_id": "u"}, "v=0", 401, "no app 999"),
            (token("u"), good, "x" * 70_000, 413, "more than"),
        ):
            answer = await post(server, "whep", bearer, query, body)
            assert (answer.status_code, answer.json()["message"]) == (status, answer.json()["message"])
            assert words in answer.json()["message"]
            assert isinstance(answer.json()["code"], int)
        async with server.client() as client:
            with pytest.raises(RtcError, match='nobody publishes stream "none"'):
                await client.play("none")
            with pytest.raises(RtcError, match="already published"):
                await client.publish("face", Microphone())
            async with httpx.AsyncClient() as http:
                session = f"{server.url}/rtc/v1/sessions/none"
                assert (await http.delete(session)).status_code == 404
        assert server.rooms.sessions == 0
        assert server.rooms.members == 1
        await agent.stop()


async def test_frames_of_the_websocket_that_make_no_sense() -> None:
    async with serving() as server:
        query = f"app_id={APP}&user_id=u&room_id=room&token={token('u').replace('+', '%2B')}"
        async with connect(f"ws{server.url[4:]}/rtc/v1/ws?{query}") as ws:
            assert json.loads(await ws.recv())["type"] == "welcome"
            for frame in (
                "no json",
                "[]",
                "{}",
                "[" * 100_000,
                '{"type":"dance"}',
                b"\0",
                '{"type":"message","content":1,"seq":1}',
                '{"type":"message","content":"\\ud800","msg_type":"1","seq":2}',
                '{"type":"message","content":"x","to":"all","seq":3}',
            ):
                await ws.send(frame)
                answer = json.loads(await ws.recv())
                assert answer["type"] == "error" or not answer["ok"]
                assert answer["reason"]
            await ws.send('{"type":"message","content":"\\ud800","seq":4}')
            assert json.loads(await ws.recv())["ok"]
            await ws.send('{"type":"ping"}')
            assert json.loads(await ws.recv()) == {"type": "pong"}


async def test_connections_leave_nothing_behind() -> None:
    async with serving() as server:
        agent = await server.agent()

        async def visit(n: int) -> None:
            async with server.client(f"u{n}") as client:
                await client.publish(f"mic{n}", Microphone())
                play = await client.play("face")
                if n % 2:
                    await play.motion.next(5)

        await visit(0)
        await until(lambda: server.rooms.sessions == 0)
        gc.collect()
        tasks, files, threads = len(asyncio.all_tasks()), open_files(), threading.active_count()
        for n in range(0, 50, 5):
            await asyncio.gather(*(visit(n + k) for k in range(5)))
        await until(lambda: server.rooms.sessions == 0 and server.rooms.members == 1)
        await until(lambda: len(asyncio.all_tasks()) <= tasks and threading.active_count() <= threads)
        gc.collect()
        await until(lambda: open_files() <= files)
        await agent.stop()


async def test_clients_that_vanish_leave_nothing_behind() -> None:
    async with serving() as server:
        agent = await server.agent()
        files = open_files()
        for n in range(5):
            client = server.client(f"u{n}")
            await client.login()
            play = await client.play("face")
            # Nothing is said to the server: the socket breaks, as when a laptop's lid closes.
            assert client._ws is not None
            client._ws.transport.abort()
            await until(lambda: server.rooms.members == 1)
            await until(lambda: server.rooms.sessions == 0)
            client._playing.clear()
            await play.close()
            await client.close()
        await until(lambda: open_files() <= files)
        await agent.stop()


async def test_closing_the_service_closes_everything() -> None:
    tasks = len(asyncio.all_tasks())
    async with serving() as server:
        agent = await server.agent()
        ear = agent.peer.listen("mic")
        client = server.client()
        await client.login()
        await client.play("face")
        await client.publish("mic", Microphone())
        await server.rooms.close()
        assert (server.rooms.sessions, server.rooms.members) == (0, 0)
        async with asyncio.timeout(2):
            _ = [block async for block in ear]
        with pytest.raises(RtcError, match="shutting down"):
            await server.agent()
        await client.close()
        await agent.stop()
    await until(lambda: len(asyncio.all_tasks()) <= tasks)
