"""Where sound comes from: files from the web, PCM of any kind, a voice shaped in pitch and loudness."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import Callable
from dataclasses import replace

import av
import httpx
import numpy as np
import pytest
from livekit import rtc
from numpy.typing import NDArray

from mien.face.background import before
from mien.speech.phones import VOICE_RATE, Phone, SpokenText, attach, attached
from mien.streams import download
from mien.streams.download import Downloader
from mien.streams.port import DriveError
from mien.streams.sound import ToVoice, frame_of, samples_of
from mien.streams.speaking import speak
from mien.streams.spec import Voice, VoiceChannel
from tests.support.face_package import tiny_package


def tone(hertz: float, seconds: float, rate: int) -> NDArray[np.int16]:
    t = np.arange(round(seconds * rate)) / rate
    return (8000 * np.sin(2 * np.pi * hertz * t)).astype(np.int16)


def pitch(samples: NDArray[np.int16]) -> float:
    """The strongest frequency, Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * VOICE_RATE / len(samples))


def as_wav(samples: NDArray[np.int16], rate: int, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((channels, 2, rate, 0, "NONE", ""))
        out.writeframes(samples.tobytes())
    return file.getvalue()


def as_mp3(samples: NDArray[np.int16], rate: int) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as out:
        stream = out.add_stream("libmp3lame", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.rate = rate
        out.mux([*stream.encode(frame), *stream.encode(None)])
    return file.getvalue()


async def fetched(
    answer: Callable[[httpx.Request], httpx.Response] | bytes,
    channel: VoiceChannel = VoiceChannel.MIXED,
    url: str = "http://h.test/a",
    **bounds: int,
) -> NDArray[np.int16]:
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=answer) if isinstance(answer, bytes) else answer(request)

    downloader = Downloader(transport=httpx.MockTransport(handle), **bounds)
    try:
        frames = [frame async for frame in downloader.frames(url, channel)]
        assert all(frame is not None and frame.sample_rate == VOICE_RATE for frame in frames)
        return np.concatenate([samples_of(frame) for frame in frames if frame is not None])
    finally:
        await downloader.aclose()


@pytest.mark.parametrize("rate", [8000, 24_000, 44_100])
async def test_wav(rate: int) -> None:
    heard = await fetched(as_wav(tone(440, 2.0, rate), rate))
    assert len(heard) == pytest.approx(2 * VOICE_RATE, abs=30)
    assert pitch(heard) == pytest.approx(440, abs=1)
    assert np.abs(heard).max() == pytest.approx(8000, rel=0.03)


async def test_mp3() -> None:
    heard = await fetched(as_mp3(tone(440, 2.0, 44_100), 44_100))
    assert len(heard) == pytest.approx(2 * VOICE_RATE, abs=3000)
    assert pitch(heard) == pytest.approx(440, abs=1)


async def test_channels_of_a_file() -> None:
    stereo = np.stack([tone(440, 1.0, 24_000), tone(880, 1.0, 24_000)], 1)
    file = as_wav(stereo, 24_000, 2)
    assert pitch(await fetched(file, VoiceChannel.LEFT)) == pytest.approx(440, abs=2)
    assert pitch(await fetched(file, VoiceChannel.RIGHT)) == pytest.approx(880, abs=2)
    mixed = await fetched(file)
    assert np.abs(mixed - stereo.mean(axis=1)).max() <= 1
    mono = as_wav(tone(440, 1.0, 24_000), 24_000)
    assert pitch(await fetched(mono, VoiceChannel.RIGHT)) == pytest.approx(440, abs=2), "mono has one channel"


def refusing(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda _: httpx.Response(404), "HTTP 404"),
        (refusing, "connection refused"),
        (b"<html>not found</html>", "neither MP3 nor WAV"),
        (b"#EXTM3U\nfile:///etc/passwd\n", "neither MP3 nor WAV"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "neither MP3 nor WAV"),
        (b"", "neither MP3 nor WAV"),
        (b"RIFF\x24\0\0\0WAVE", "is damaged"),
        (b"ID3" + bytes(500), "is damaged|holds no sound"),
        (as_wav(np.zeros(0, np.int16), 16_000), "holds no sound"),
        (lambda _: httpx.Response(302, headers={"Location": "http://h.test/again"}), "redirects"),
        (lambda _: httpx.Response(302, headers={"Location": "file:///etc/passwd"}), "cannot be fetched"),
    ],
)
async def test_files_that_will_not_do(answer: Callable[[httpx.Request], httpx.Response] | bytes, words: str) -> None:
    with pytest.raises(DriveError, match=words):
        await fetched(answer)


async def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    file = as_wav(tone(440, 3.0, 24_000), 24_000)
    with pytest.raises(DriveError, match="longer than 0 MiB"):
        await fetched(file, most_bytes=1000)
    monkeypatch.setattr(download, "LONGEST_S", 1)
    with pytest.raises(DriveError, match="longer than"):
        await fetched(file)

    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(download, "FETCHED_WITHIN_S", 0.0)
    downloader = Downloader(transport=httpx.MockTransport(never))
    with pytest.raises(DriveError, match="did not come within"):
        await anext(downloader.frames("http://h.test/a", VoiceChannel.MIXED))
    await downloader.aclose()


def test_pcm_cut_anywhere() -> None:
    convert = ToVoice(48_000, 2, VoiceChannel.LEFT)
    data = np.stack([tone(440, 1.0, 48_000), np.zeros(48_000, np.int16)], 1).tobytes()
    frames = [frame for at in range(0, len(data), 1003) for frame in convert.push(data[at : at + 1003])]
    heard = np.concatenate([samples_of(frame) for frame in [*frames, *convert.flush()]])
    assert len(heard) == pytest.approx(VOICE_RATE, abs=30)
    assert pitch(heard) == pytest.approx(440, abs=1)


# The voice


class OneTone:
    """A voice that says one clip of a second: a tone with two phones."""

    def __init__(self) -> None:
        self.asked: list[dict[str, object]] = []
        self.closed = False

    def tts(self, spec: object) -> OneTone:
        self.asked.append(dict(spec.params))  # type: ignore[attr-defined]
        return self

    def timbres(self) -> list[str]:
        return ["one"]

    def synthesize(self, text: str) -> OneTone:
        return self

    async def __aenter__(self) -> OneTone:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def __aiter__(self):  # type: ignore[no-untyped-def]
        samples = tone(300, 1.0, VOICE_RATE)
        for clip in range(2):
            spoken = SpokenText(f"clip {clip}", "en", 1.0, (Phone("a", 0.0, 0.5), Phone("b", 0.5, 1.0)))
            for at in range(0, VOICE_RATE, 2400):
                frame = frame_of(samples[at : at + 2400])
                yield type("Piece", (), {"frame": attach(frame, spoken) if at == 0 else frame})

    async def aclose(self) -> None:
        self.closed = True


async def said(voice: Voice) -> tuple[list[rtc.AudioFrame], OneTone]:
    voices = OneTone()
    frames = [frame async for frame in speak(voices, "x", voice) if frame is not None]  # type: ignore[arg-type]
    assert voices.closed
    return frames, voices


@pytest.mark.parametrize("rate", [-500, -120, 333, 500])
async def test_pitch(rate: int) -> None:
    factor = 2 ** (rate / 1000)
    frames, voices = await said(Voice("one", pitch_rate=rate))
    assert voices.asked[0]["speed"] == pytest.approx(1 / factor), "made slower by what it is played faster"
    heard = np.concatenate([samples_of(frame) for frame in frames])
    assert len(heard) == pytest.approx(2 * VOICE_RATE / factor, abs=100)
    assert pitch(heard[2000 : VOICE_RATE // 2]) == pytest.approx(300 * factor, abs=5)
    starts = [(index, spoken) for index, frame in enumerate(frames) if (spoken := attached(frame)) is not None]
    assert [spoken.text for _, spoken in starts] == ["clip 0", "clip 1"]
    assert starts[1][1].phones[1].start == pytest.approx(0.5 / factor, abs=0.001)
    assert starts[1][1].duration == pytest.approx(1 / factor, abs=0.001)
    before_second = sum(frame.samples_per_channel for frame in frames[: starts[1][0]])
    assert before_second == pytest.approx(VOICE_RATE / factor, abs=50), "where the second clip begins"


@pytest.mark.parametrize(("volume", "gain"), [(50, 1.0), (100, 2.0), (25, 0.5), (1, 0.02)])
async def test_volume(volume: int, gain: float) -> None:
    frames, _ = await said(Voice("one", volume=volume))
    assert np.abs(samples_of(frames[3])).max() == pytest.approx(8000 * gain, rel=0.02)
    assert attached(frames[0]) is not None


async def test_interrupting_a_download_leaves_nothing() -> None:
    file = as_wav(tone(440, 9.0, 24_000), 24_000)
    downloader = Downloader(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=file)))
    frames = downloader.frames("http://h.test/a", VoiceChannel.MIXED)
    await anext(frames)
    await frames.aclose()
    await downloader.aclose()
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert left == []


# Before a colour


def test_a_background_colour_needs_layers() -> None:
    package = tiny_package()
    assert before(package, 0x00FF00) is package


def test_a_background_colour() -> None:
    package = tiny_package()
    matte = np.zeros(package.picture.shape[:2], np.uint8)
    matte[20:60, 30:70] = 255
    layered = replace(package, plate=np.zeros_like(package.picture), matte=matte)
    green = before(layered, 0x10F020)
    assert green.plate is not None
    assert tuple(green.plate[0, 0]) == (0x10, 0xF0, 0x20)
    assert tuple(green.picture[5, 5]) == (0x10, 0xF0, 0x20)
    assert np.array_equal(green.picture[20:60, 30:70], package.picture[20:60, 30:70])
    assert np.array_equal(layered.picture, package.picture), "the shared package stays"
