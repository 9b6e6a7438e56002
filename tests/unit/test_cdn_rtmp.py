"""RTMP as a publisher speaks it: addresses, AMF0, chunks, tag bodies, and the dialogue with a server."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mien.rtc.cdn import amf, flv
from mien.rtc.cdn.address import AddressError, RtmpAddress
from mien.rtc.cdn.chunks import ChunkError, ChunkReader, Message, MessageType, chunks_of
from mien.rtc.cdn.link import LinkError, RtmpLink, open_link
from mien.rtc.codec import AacEncoder, H264Encoder
from mien.rtc.codec.aac import AUDIO_SPECIFIC_CONFIG
from mien.rtc.port import PeerFailure
from tests.support import virtual_time

# Addresses


@pytest.mark.parametrize(
    ("url", "server", "port", "app", "key"),
    [
        ("rtmp://a.example/live/k1", "rtmp://a.example", 1935, "live", "k1"),
        ("rtmps://a.example/app/sk_1?x=1/2", "rtmps://a.example", 443, "app", "sk_1?x=1/2"),
        ("RTMP://A.example:1936/live/room/k1", "rtmp://a.example:1936", 1936, "live/room", "k1"),
        ("rtmp://a.example/live-bvc/?streamname=s&key=k", "rtmp://a.example", 1935, "live-bvc", "?streamname=s&key=k"),
        ("rtmp://[::1]:1935/live/k1", "rtmp://[::1]", 1935, "live", "k1"),
    ],
)
def test_addresses(url: str, server: str, port: int, app: str, key: str) -> None:
    address = RtmpAddress.parse(url)
    assert (address.server, address.port, address.app, address.key) == (server, port, app, key)
    assert address.application_url == f"{server}/{app}"


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/live/secret",
        "rtmp:///live/secret",
        "rtmp://a.example/secret",
        "rtmp://a.example/live/",
        "rtmp://a.example:port/live/secret",
        "rtmp://user:secret@a.example/live/secret",
        "rtmp://a.example/live/sec ret",
        "rtmp://[::1/live/secret",
        "secret",
    ],
)
def test_an_address_that_is_none_is_refused_without_its_key(url: str) -> None:
    with pytest.raises(AddressError, match="expected rtmp://host/application/stream-key") as refused:
        RtmpAddress.parse(url)
    assert "secret" not in str(refused.value)


def test_an_address_never_shows_its_key() -> None:
    address = RtmpAddress.parse("rtmp://a.example/live/topsecret/key-1234?sign=abcd")
    assert str(address) == "rtmp://a.example/live/***"
    assert not any(secret in repr(address) for secret in ("key-1234", "abcd"))
    assert address.redacted("no key-1234?sign=abcd or key-1234 in topsecret") == "no *** or *** in ***"


# AMF0


def test_amf_values() -> None:
    """The bytes of the specification's types, both ways."""
    assert amf.encode("connect", 1.0) == b"\x02\x00\x07connect\x00\x3f\xf0\0\0\0\0\0\0"
    assert amf.encode(None, True, {"a": "b"}) == b"\x05\x01\x01\x03\x00\x01a\x02\x00\x01b\x00\x00\x09"
    values: list[amf.Value] = ["x" * 70000, -2.5, False, None, {"level": "status", "list": [1.0, {"deep": None}]}, ""]
    assert amf.decode(amf.encode(*values)) == values
    assert amf.decode(amf.encode_array({"width": 720.0})) == [{"width": 720.0}]
    assert amf.decode(b"\x0b" + struct.pack(">dh", 5.0, 0) + b"\x06") == [5.0, None]


@pytest.mark.parametrize("data", [b"\x00\x01", b"\x02\x00\x05ab", b"\x03\x00\x01a", b"\x77", b"\x0a\xff\xff\xff\xff"])
def test_damaged_amf_is_an_error(data: bytes) -> None:
    with pytest.raises(amf.AmfError):
        amf.decode(data)
    with pytest.raises(amf.AmfError):
        amf.decode(b"\x0a\0\0\0\1" * 30)


# Chunks


def test_a_message_as_chunks() -> None:
    """Header bytes as the specification numbers them: absolute time, length, type, little-endian stream id."""
    data = chunks_of(Message(MessageType.VIDEO, bytes(300), 0x010203, 1), 6, 128)
    assert data[:12] == b"\x06\x01\x02\x03\x00\x01\x2c\x09\x01\x00\x00\x00"
    assert len(data) == 12 + 300 + 2
    assert (data[12 + 128], data[12 + 128 + 129]) == (0xC6, 0xC6)
    late = chunks_of(Message(MessageType.AUDIO, bytes(130), 0x01000000, 1), 4, 128)
    assert late[:4] == b"\x04\xff\xff\xff"
    assert late[12:16] == b"\x01\0\0\0"
    assert late[16 + 128 : 16 + 133] == b"\xc4\x01\0\0\0"


def test_messages_come_together_from_any_pieces() -> None:
    messages = [
        Message(MessageType.COMMAND, bytes(range(200)), 5),
        Message(MessageType.DATA, b"", 6, 1),
        Message(MessageType.VIDEO, bytes(1000), 0xFFFFFFFE, 1),
    ]
    data = b"".join(chunks_of(message, 3 + at, 128) for at, message in enumerate(messages))
    for size in (1, 7, len(data)):
        reader, seen = ChunkReader(), []
        for at in range(0, len(data), size):
            reader.feed(data[at : at + size])
            while (message := reader.next()) is not None:
                seen.append(message)
        assert seen == messages


def test_compressed_headers_of_a_server() -> None:
    """Header forms 1, 2 and 3, interleaved chunk streams, long chunk stream ids, and an aborted message."""
    reader = ChunkReader()
    reader.feed(b"\x03\0\0\x64\0\0\x02\x14\x01\0\0\0ab")  # time 100
    reader.feed(b"\x43\0\0\x0a\0\0\x01\x12c")  # 10 later, type 18, one byte
    reader.feed(b"\x83\0\0\x05d")  # 5 later
    reader.feed(b"\xc3e")  # 5 later again
    reader.feed(b"\x00\x06\0\0\x01\0\0\x01\x14\0\0\0\0f\x01\x00\x01\0\0\x02\0\0\x01\x14\0\0\0\0g")  # ids 70 and 320
    seen = [reader.next() for _ in range(6)]
    assert [(m.type, m.payload, m.timestamp, m.stream_id) for m in seen if m] == [
        (20, b"ab", 100, 1),
        (18, b"c", 110, 1),
        (18, b"d", 115, 1),
        (18, b"e", 120, 1),
        (20, b"f", 1, 0),
        (20, b"g", 2, 0),
    ]
    reader.chunk_size = 4
    reader.feed(b"\x05\0\0\0\0\0\x06\x14\0\0\0\0abcd")
    assert reader.next() is None
    reader.abort(5)
    reader.feed(b"\x05\0\0\x09\0\0\x02\x14\0\0\0\0xy")
    assert reader.next() == Message(20, b"xy", 9)


def test_what_is_no_chunk_stream_is_refused() -> None:
    begins_in_the_middle, too_long = ChunkReader(), ChunkReader()
    begins_in_the_middle.feed(b"\xc3abc")
    with pytest.raises(ChunkError):
        begins_in_the_middle.next()
    too_long.feed(b"\x03\0\0\0\xff\xff\xff\x14\0\0\0\0")
    with pytest.raises(ChunkError):
        too_long.next()
    many = ChunkReader()
    for number in range(3, 3 + 64):
        first = bytes([number]) if number < 64 else bytes([0, number - 64])
        many.feed(first + b"\0\0\0\0\0\x01\x14\0\0\0\0a")
        assert many.next() is not None
    many.feed(b"\x00\xff\0\0\0\0\0\x01\x14\0\0\0\0a")
    with pytest.raises(ChunkError, match="too many"):
        many.next()


# Tag bodies


def test_video_tags_decode_to_the_picture() -> None:
    """What the tags hold is what a player makes its decoder of: the record, then pictures with their lengths."""
    encoder = H264Encoder(64, 96, 25, 300_000)
    picture = np.full((144, 64), 128, np.uint8)
    picture[:96] = 200
    unit, keyframe = encoder.encode(picture)
    config = flv.video_config(unit)
    assert config is not None
    assert config[:6] == b"\x17\0\0\0\0\x01"
    body = flv.video_tag(unit, keyframe)
    assert body[:5] == b"\x17\x01\0\0\0"
    assert flv.video_tag(encoder.encode(picture)[0], keyframe=False)[:2] == b"\x27\x01"
    assert flv.video_config(encoder.encode(picture)[0]) is None
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = config[5:]
    frames = [*decoder.decode(av.Packet(body[5:])), *decoder.decode(None)]
    assert frames[0].to_ndarray()[:96].mean() == pytest.approx(200, abs=4)
    assert flv.picture_size(unit) == (64, 96)
    members = amf.decode(flv.metadata("Mien", 64, 96))
    assert members[:2] == ["@setDataFrame", "onMetaData"]
    assert isinstance(members[2], dict)
    assert (members[2]["width"], members[2]["height"], members[2]["videocodecid"]) == (64.0, 96.0, 7.0)


def test_aac_is_in_time_and_goes_on_over_gaps() -> None:
    encoder = AacEncoder()
    rate, begin, silent_until = 48_000, 5_000, 24_000
    t = np.arange(2 * rate)
    voice = (np.where(t < silent_until, 0, 9000) * np.sin(2 * np.pi * 300 * t / rate)).astype(np.int16)
    packets: list[tuple[bytes, int]] = []
    for at in range(0, len(voice), 960):
        if at != 9600:  # a block that never came
            packets += encoder.encode(voice[at : at + 960], begin + at)
    stamps = [pts for _, pts in packets]
    assert stamps[0] == begin - 1024
    assert set(np.diff(stamps)) == {1024}
    decoder = av.CodecContext.create("aac", "r")
    decoder.extradata = AUDIO_SPECIFIC_CONFIG
    sound = np.concatenate([f.to_ndarray()[0] for data, _ in packets for f in decoder.decode(av.Packet(data))])
    assert (decoder.sample_rate, decoder.layout.name) == (rate, "mono")
    heard_at = int(np.argmax(np.abs(sound) > 0.1)) + stamps[0] - begin
    assert heard_at == pytest.approx(silent_until, abs=100)
    anew = encoder.encode(voice[:2048], 10 * rate)
    assert [pts for _, pts in anew] == [10 * rate - 1024]
    assert flv.AUDIO_CONFIG == b"\xaf\x00\x11\x88"
    assert flv.audio_tag(b"x") == b"\xaf\x01x"


# The dialogue with a server

Script = Callable[["Server"], Awaitable[None]]


class Server:
    """One connection of an RTMP server, played by the test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.chunks = ChunkReader()
        self.seen: list[Message] = []

    async def shake_hands(self) -> None:
        hello = await self.reader.readexactly(1537)
        self.writer.write(b"\x03" + bytes(1536) + hello[1:])
        await self.reader.readexactly(1536)

    async def message(self) -> Message:
        while (message := self.chunks.next()) is None:
            data = await self.reader.read(65536)
            if not data:
                raise EOFError
            self.chunks.feed(data)
        if message.type == MessageType.SET_CHUNK_SIZE:
            self.chunks.chunk_size = int.from_bytes(message.payload, "big")
        self.seen.append(message)
        return message

    async def command(self, wanted: str) -> list[amf.Value]:
        while True:
            message = await self.message()
            if message.type == MessageType.COMMAND and (values := amf.decode(message.payload))[0] == wanted:
                return values

    def send(self, type_: int, payload: bytes, chunk_stream: int = 3) -> None:
        self.writer.write(chunks_of(Message(type_, payload), chunk_stream, 128))

    def say(self, *values: amf.Value) -> None:
        self.send(MessageType.COMMAND, amf.encode(*values))

    def status(self, code: str, level: str, words: str = "") -> None:
        self.say("onStatus", 0.0, None, {"level": level, "code": code, "description": words})

    async def accept(self) -> list[list[amf.Value]]:
        """Consents to everything; the commands it was given."""
        await self.shake_hands()
        connect = await self.command("connect")
        self.send(MessageType.WINDOW_SIZE, (2_500_000).to_bytes(4, "big"), 2)
        self.send(MessageType.PEER_BANDWIDTH, (2_500_000).to_bytes(4, "big") + b"\x02", 2)
        self.say("_result", 1.0, {"fmsVer": "FMS/3"}, {"level": "status", "code": "NetConnection.Connect.Success"})
        release = await self.command("releaseStream")
        self.say("_error", release[1], None, {"level": "error", "code": "NetConnection.Call.Failed"})
        create = await self.command("createStream")
        self.say("_result", create[1], None, 7.0)
        publish = await self.command("publish")
        self.status("NetStream.Publish.Start", "status")
        return [connect, publish]


@asynccontextmanager
async def server(
    script: Script, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[RtmpAddress, asyncio.Future[None]]]:
    """A server that follows `script` with its first client; the future is done when the script is."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(Server(reader, writer))
            done.set_result(None)
        except EOFError:
            done.cancel()
        except Exception as error:  # noqa: BLE001 - the test shall see it
            done.set_exception(error)
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield RtmpAddress.parse(f"rtmp{'s' if tls else ''}://127.0.0.1:{port}/live/key-1234"), done
    finally:
        listening.close()


async def test_publishing_from_hello_to_goodbye() -> None:
    said: list[list[amf.Value]] = []
    media: list[Message] = []

    async def script(s: Server) -> None:
        said.extend(await s.accept())
        s.send(MessageType.USER_CONTROL, b"\x00\x06\0\0\0\x05", 2)  # ping
        await s.command("deleteStream")
        media.extend(m for m in s.seen if m.type in (MessageType.AUDIO, MessageType.VIDEO, MessageType.DATA))
        assert Message(MessageType.USER_CONTROL, b"\x00\x07\0\0\0\x05") in s.seen

    async with server(script) as (address, done):
        link = await open_link(address)
        await link.metadata(b"meta")
        await link.video(bytes(10_000), 40)
        await link.audio(b"voice", 2**32 + 61)
        await asyncio.sleep(0.05)
        await link.aclose()
        await done
    connect, publish = said
    assert isinstance(connect[2], dict)
    assert connect[2]["app"] == "live"
    assert connect[2]["tcUrl"] == address.application_url
    assert publish[3:] == ["key-1234", "live"]
    assert [(m.type, len(m.payload), m.timestamp, m.stream_id) for m in media] == [
        (MessageType.DATA, 4, 0, 7),
        (MessageType.VIDEO, 10_000, 40, 7),
        (MessageType.AUDIO, 5, 61, 7),
    ]


async def refused(script: Script) -> LinkError:
    async with server(script) as (address, _):
        with pytest.raises(LinkError) as caught:
            await open_link(address)
        assert "key-1234" not in str(caught.value)
        return caught.value


async def test_a_stream_key_in_use() -> None:
    async def script(s: Server) -> None:
        await s.shake_hands()
        await s.command("connect")
        s.say("_result", 1.0, None, None)
        s.say("_result", (await s.command("createStream"))[1], None, 1.0)
        await s.command("publish")
        s.status("NetStream.Publish.BadName", "error", "key-1234 is busy")
        await s.message()

    error = await refused(script)
    assert error.failure is PeerFailure.REFUSED
    assert "NetStream.Publish.BadName: *** is busy" in str(error)
    assert "somebody publishes with it already" in str(error)


async def test_an_application_that_is_not_there() -> None:
    async def script(s: Server) -> None:
        await s.shake_hands()
        await s.command("connect")
        s.say("_error", 1.0, None, {"level": "error", "code": "NetConnection.Connect.InvalidApp"})
        await s.message()

    async def hang_up(s: Server) -> None:
        await s.shake_hands()
        await s.command("connect")

    for error in (await refused(script), await refused(hang_up)):
        assert error.failure is PeerFailure.REFUSED
        assert "check the application and the stream key" in str(error)


async def test_a_server_that_consents_and_thinks_better_of_it() -> None:
    async def hang_up(s: Server) -> None:
        await s.accept()

    async def say_no(s: Server) -> None:
        await s.accept()
        s.status("NetStream.Publish.Denied", "error", "not from there")
        await s.message()

    error = await refused(hang_up)
    assert error.failure is PeerFailure.REFUSED
    assert "that the server lets this machine publish" in str(error)
    error = await refused(say_no)
    assert error.failure is PeerFailure.REFUSED
    assert "not from there" in str(error)


async def test_a_server_of_something_else() -> None:
    async def http(s: Server) -> None:
        s.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(2000))
        await s.reader.read(2000)

    error = await refused(http)
    assert "does not speak RTMP: check scheme, host and port" in str(error)


async def test_nobody_listens_or_the_name_is_unknown() -> None:
    async with server(lambda s: s.shake_hands()) as (address, _):
        pass
    with pytest.raises(LinkError, match="refused the connection: check host and port") as caught:
        await open_link(address)
    assert caught.value.failure is PeerFailure.DISCONNECTED
    with pytest.raises(LinkError, match=r"host 'no-such-host\.invalid' is not known: check its name"):
        await open_link(RtmpAddress.parse("rtmp://no-such-host.invalid/live/k"))


async def test_tls_is_asked_for_and_checked() -> None:
    async def script(s: Server) -> None:
        await s.reader.read(100)
        s.writer.write(b"not TLS at all, whatever you say")

    async with server(script) as (address, _):
        secure = RtmpAddress.parse(f"rtmps://127.0.0.1:{address.port}/live/k")
        with pytest.raises(LinkError, match="does not speak TLS"):
            await open_link(secure)


def certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody but itself vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Mien's tests")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(secret + made.public_bytes(Encoding.PEM))
    return folder / "server.pem"


async def test_a_server_with_tls_must_be_who_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    async def script(s: Server) -> None:
        await s.accept()
        await s.command("deleteStream")

    async with server(script, context) as (address, _):
        with pytest.raises(LinkError, match="has no valid certificate for its name"):
            await open_link(address)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    async with server(script, context) as (address, done):
        link = await open_link(address)
        await link.aclose()
        await done


def test_a_server_that_says_nothing_is_given_up() -> None:
    async def main() -> None:
        async def silent(s: Server) -> None:
            await asyncio.sleep(1e6)

        async with server(silent) as (address, done):
            with pytest.raises(LinkError, match="did not answer within 6 s"):
                await open_link(address)
            done.cancel()

    virtual_time.run(main)


def test_a_server_that_stops_reading_is_given_up() -> None:
    async def main() -> None:
        async def stop_reading(s: Server) -> None:
            await s.accept()
            s.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.sleep(1e6)

        async with server(stop_reading) as (address, done):
            link = await open_link(address)
            with pytest.raises(LinkError, match="has taken next to nothing for 8 s") as caught:
                await flood(link)
            assert caught.value.failure is PeerFailure.DISCONNECTED
            with pytest.raises(LinkError, match="next to nothing"):
                await link.audio(b"x", 0)
            await link.aclose()
            done.cancel()

    virtual_time.run(main)


async def flood(link: RtmpLink) -> None:
    for _ in range(100):
        await link.video(bytes(1_000_000), 0)


async def send_on(link: RtmpLink) -> None:
    while True:
        await link.audio(b"x", 0)
        await asyncio.sleep(0.01)


async def test_a_server_that_ends_the_stream_is_noticed() -> None:
    async def consent(s: Server) -> None:
        await s.accept()
        while (await s.message()).type != MessageType.AUDIO:
            pass

    async def hang_up(s: Server) -> None:
        await consent(s)

    async def revoke(s: Server) -> None:
        await consent(s)
        s.status("NetStream.Publish.Rejected", "error", "stream key-1234 expired")
        await s.reader.read()

    for script, failure, words in (
        (hang_up, PeerFailure.DISCONNECTED, "broke"),
        (revoke, PeerFailure.REFUSED, r"\*\*\* expired"),
    ):
        async with server(script) as (address, _):
            link = await open_link(address)
            with pytest.raises(LinkError, match=words) as caught:
                await asyncio.wait_for(send_on(link), 5)
            assert caught.value.failure is failure
            await link.aclose()
