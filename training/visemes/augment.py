"""What happens to a voice on its way: level, colour, room, noise, codecs, the telephone. Seeded."""

from __future__ import annotations

import io
import math
import random

import av
import numpy as np
from scipy import signal

Sound = np.ndarray
"""Mono float64, about -1..1."""


def augment(sound: Sound, rate: int, rng: random.Random, babble: Sound | None) -> tuple[Sound, int, float]:
    """The sound as it may arrive, its rate, and the factor by which its time was stretched (0.9 .. 1.12)."""
    dice = np.random.default_rng(rng.getrandbits(32))
    stretch = 1.0
    if rng.random() < 0.5:
        # Played faster or slower: another pitch and another length of throat.
        stretch = rng.uniform(0.9, 1.12)
        sound = signal.resample_poly(sound, round(100 * stretch), 100)
        stretch = round(100 * stretch) / 100
    if rng.random() < 0.5:
        sound = _colour(sound, rate, rng)
    if rng.random() < 0.3:
        sound = _room(sound, rate, rng, dice)
    peak = float(np.abs(sound).max()) or 1.0
    sound = sound / peak * 10 ** (rng.uniform(-28, -0.5) / 20)
    if rng.random() < 0.55:
        sound = sound + _noise(len(sound), rate, rng, dice, babble) * _rms(sound) * 10 ** (-rng.uniform(6, 45) / 20)
    if rng.random() < 0.05:
        sound = np.clip(sound * 10 ** (rng.uniform(3, 12) / 20), -0.5, 0.5)
    if rng.random() < 0.05:
        sound = sound + rng.uniform(-0.1, 0.1)
    draw = rng.random()
    if draw < 0.2:
        sound = _opus(sound, rate, rng)
    elif draw < 0.35:
        sound, rate = _telephone(sound, rate, rng)
    elif draw < 0.5:
        target = rng.choice((16_000, 24_000, 48_000))
        sound, rate = _resample(sound, rate, target), target
    return sound, rate, stretch


def _resample(sound: Sound, rate: int, target: int) -> Sound:
    common = math.gcd(rate, target)
    return signal.resample_poly(sound, target // common, rate // common)


def _rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(sound**2))) + 1e-9


def _colour(sound: Sound, rate: int, rng: random.Random) -> Sound:
    """A tilt of up to 6 dB an octave and a resonance, as microphones and loudspeakers have."""
    frequency = np.fft.rfftfreq(len(sound), 1 / rate)
    octave = np.log2(np.maximum(frequency, 60) / 1000)
    gain = rng.uniform(-3, 3) * octave
    gain += rng.uniform(-8, 8) * np.exp(-((octave - rng.uniform(-2, 3)) ** 2) / rng.uniform(0.1, 1.0))
    return np.fft.irfft(np.fft.rfft(sound) * 10 ** (np.clip(gain, -20, 20) / 20), len(sound))


def _room(sound: Sound, rate: int, rng: random.Random, dice: np.random.Generator) -> Sound:
    length = int(rng.uniform(0.08, 0.35) * rate)
    tail = dice.normal(0, 1, length) * np.exp(-6.9 * np.arange(length) / length)
    tail[: int(0.003 * rate)] = 0
    tail *= rng.uniform(0.1, 0.6) / np.sqrt((tail**2).sum() + 1e-9)
    tail[0] = 1.0
    return signal.fftconvolve(sound, tail)[: len(sound)]


def _noise(size: int, rate: int, rng: random.Random, dice: np.random.Generator, babble: Sound | None) -> Sound:
    kind = rng.choice(("white", "pink", "brown", "hum", "babble"))
    if kind == "babble" and babble is not None and len(babble):
        noise = np.resize(babble, size)
    elif kind == "hum":
        t = np.arange(size) / rate
        base = rng.choice((50, 60, 100, 120))
        noise = sum(np.sin(2 * np.pi * base * k * t + k) / k for k in range(1, 8))
    else:
        spectrum = np.fft.rfft(dice.normal(0, 1, size))
        slope = {"pink": 0.5, "brown": 1.0}.get(kind, 0.0)
        noise = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 20) ** slope, size)
    return noise / _rms(noise)


def _opus(sound: Sound, rate: int, rng: random.Random) -> Sound:
    """Through Opus at 12 to 40 kbit/s and back at 48 kHz, without the codec's delay."""
    wide = _resample(sound, rate, 48_000)
    pcm = np.rint(np.clip(wide, -1, 1) * 32767).astype(np.int16)
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as out:
        stream = out.add_stream("libopus", rate=48_000, layout="mono")
        stream.bit_rate = rng.choice((12_000, 16_000, 24_000, 40_000))
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.rate = 48_000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    file.seek(0)
    with av.open(file) as back:
        heard = np.concatenate([f.to_ndarray().ravel() for f in back.decode(audio=0)]).astype(np.float64)
    if np.abs(heard).max() > 2:
        heard /= 32768
    # Whatever the container says about the codec's delay, line the two up by their sound.
    span = min(len(wide), len(heard), 96_000)
    lag = int(signal.correlate(heard[:span], wide[:span], "full", "fft").argmax()) - (span - 1)
    heard = heard[max(lag, 0) :] if lag >= 0 else np.concatenate([np.zeros(-lag), heard])
    heard = np.pad(heard, (0, max(0, len(wide) - len(heard))))[: len(wide)]
    return _resample(heard, 48_000, rate)[: len(sound)]


def _telephone(sound: Sound, rate: int, rng: random.Random) -> tuple[Sound, int]:
    """300 to 3400 Hz, 8 kHz, 8 bit mu-law; sometimes brought back to the old rate, as gateways do."""
    narrow = _resample(sound, rate, 8_000)
    narrow = signal.sosfilt(signal.butter(4, (300, 3400), "bandpass", fs=8_000, output="sos"), narrow)
    loud = np.clip(narrow, -1, 1)
    folded = np.sign(loud) * np.log1p(255 * np.abs(loud)) / np.log(256)
    folded = np.rint(folded * 127) / 127
    narrow = np.sign(folded) * (256 ** np.abs(folded) - 1) / 255
    if rng.random() < 0.5:
        return narrow, 8_000
    return _resample(narrow, 8_000, rate), rate
