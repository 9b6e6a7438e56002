"""Sound files from the web: fetched within bounds, decoded piece by piece.

The bytes are treated as hostile: only MP3 and WAV are opened, recognised by their first bytes and not by what the
decoder would guess (other formats can name further files and addresses to open).
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Final
from urllib.parse import urlsplit

import av
import httpx
import numpy as np
from av.error import FFmpegError

from mien.streams.port import DriveError
from mien.streams.sound import Pcm, Sound, ToVoice
from mien.streams.spec import VoiceChannel

MOST_BYTES: Final = 50 * 2**20
"""Ten minutes of stereo WAV at 44.1 kHz, or an hour of MP3."""
FETCHED_WITHIN_S: Final = 60.0
ANSWERED_WITHIN_S: Final = 10.0
LONGEST_S: Final = 3600
_CHUNK_S: Final = 0.5
"""Decoded at a time: the loop and other drives get their turn in between."""


class Downloader:
    """`mien.streams.port.Sounds`. `aclose` it."""

    def __init__(self, *, transport: httpx.AsyncBaseTransport | None = None, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._transport = transport
        self._clients: dict[bool, httpx.AsyncClient] = {}
        self._decoders = ThreadPoolExecutor(2, thread_name_prefix="decode")

    async def frames(self, url: str, channel: VoiceChannel) -> Sound:
        """The sound at `url` as 24 kHz mono. Raises DriveError."""
        data = await self._fetch(url)
        loop = asyncio.get_running_loop()
        convert: ToVoice | None = None
        with closing(_decode(data, url)) as pieces:
            while (piece := await loop.run_in_executor(self._decoders, next, pieces, None)) is not None:
                rate, samples = piece
                convert = convert or ToVoice(rate, samples.shape[1], channel)
                for frame in convert.push_samples(samples):
                    yield frame
        for frame in convert.flush() if convert is not None else ():
            yield frame

    async def aclose(self) -> None:
        """Closes connections and threads."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()
        self._decoders.shutdown(wait=False, cancel_futures=True)

    async def _fetch(self, url: str) -> bytes:
        data = bytearray()
        try:
            async with asyncio.timeout(FETCHED_WITHIN_S), self._client(url).stream("GET", url) as answer:
                if not answer.is_success:
                    raise DriveError(f"AudioUrl {url} answered HTTP {answer.status_code}")
                async for chunk in answer.aiter_bytes():
                    data += chunk
                    if len(data) > self._most_bytes:
                        raise DriveError(f"the sound at {url} is longer than {self._most_bytes / 2**20:.0f} MiB")
        except TimeoutError:
            raise DriveError(f"the sound at {url} did not come within {FETCHED_WITHIN_S:.0f} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise DriveError(f"AudioUrl {url} cannot be fetched: {error or type(error).__name__}") from error
        return bytes(data)

    def _client(self, url: str) -> httpx.AsyncClient:
        """A shared client; a proxy from the environment is not used for this machine itself."""
        here = urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}
        if here not in self._clients:
            self._clients[here] = httpx.AsyncClient(
                trust_env=not here,
                follow_redirects=True,
                max_redirects=3,
                timeout=ANSWERED_WITHIN_S,
                transport=self._transport,
            )
        return self._clients[here]


def _format(data: bytes) -> str | None:
    if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE":
        return "wav"
    if data[:3] == b"ID3" or (len(data) > 1 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2):
        return "mp3"
    return None


def _decode(data: bytes, url: str) -> Generator[tuple[int, Pcm], None, None]:
    """Pieces of about half a second, each with its rate; shape (n, channels)."""
    name = _format(data)
    if name is None:
        raise DriveError(f"the sound at {url} is neither MP3 nor WAV")
    try:
        with av.open(io.BytesIO(data), mode="r", format=name) as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None:
                raise DriveError(f"the file at {url} holds no sound")
            rate = stream.codec_context.sample_rate
            layout = "mono" if stream.codec_context.channels == 1 else "stereo"
            resampler = av.AudioResampler(format="s16", layout=layout, rate=rate)
            channels = 1 if layout == "mono" else 2
            waiting: list[Pcm] = []
            count = decoded = 0
            for frame in container.decode(stream):
                for ready in resampler.resample(frame):
                    waiting.append(_samples(ready, channels))
                    count += len(waiting[-1])
                if count >= rate * _CHUNK_S:
                    yield rate, np.concatenate(waiting)
                    decoded += count
                    waiting, count = [], 0
                if decoded > LONGEST_S * rate:
                    raise DriveError(f"the sound at {url} is longer than {LONGEST_S // 60} minutes")
            waiting += [_samples(ready, channels) for ready in resampler.resample(None)]
            if waiting:
                yield rate, np.concatenate(waiting)
            elif not decoded:
                raise DriveError(f"the file at {url} holds no sound")
    except (FFmpegError, ValueError) as error:
        raise DriveError(f"the sound at {url} is damaged: {error}") from error


def _samples(frame: av.AudioFrame, channels: int) -> Pcm:
    return frame.to_ndarray().astype(np.int16, copy=False).reshape(-1, channels)
