"""The echo guard on recorded voices, a room and delays; time is counted in blocks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.bench.recordings import CLIPS
from mien.conversation.echo import EchoGuard
from mien.conversation.spec import EchoGuardMode
from mien.rtc.port import AUDIO_CLOCK, LISTEN_RATE
from mien.viewer.mp4 import read_audio

BLOCK_S = 0.02
Sound = NDArray[np.int16]


def agent_voice(rate: int) -> Sound:
    return np.concatenate([read_audio(CLIPS / f"en-question-{n}.ogg", rate) for n in (2, 4)])


def echo_of(voice: Sound, delay_s: float, gain: float = 0.3) -> NDArray[np.float64]:
    """`voice` (16 kHz) as a microphone in the room hears it."""
    room = np.random.default_rng(1).normal(0, 0.3, 1600) * np.exp(-np.arange(1600) / 300)
    room[0] = 1.0
    late = np.concatenate([np.zeros(int(delay_s * LISTEN_RATE)), voice.astype(float)])
    return np.convolve(late, room)[: len(voice)] * gain


class Call:
    def __init__(self, mode: EchoGuardMode = "auto") -> None:
        self.now = 0.0
        self.guard = EchoGuard(lambda: self.now, mode=mode)

    def hear(self, microphone: NDArray[np.float64], voice: Sound) -> Sound:
        """Plays `voice` (48 kHz) while the microphone (16 kHz) runs; what is left of the microphone."""
        out = []
        for number in range(int(len(microphone) / LISTEN_RATE / BLOCK_S)):
            wide, narrow = int(BLOCK_S * AUDIO_CLOCK), int(BLOCK_S * LISTEN_RATE)
            self.guard.played(voice[number * wide : (number + 1) * wide])
            block = np.clip(microphone[number * narrow : (number + 1) * narrow], -32768, 32767).astype(np.int16)
            out += self.guard.clean(block)
            self.now += BLOCK_S
        return np.concatenate(out)


def level(sound: NDArray[np.float64] | Sound) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(np.square(sound.astype(float)))) + 1e-3))


def in_time(heard: Sound, microphone: NDArray[np.float64]) -> Sound:
    """`heard` with silence for what was held back in the beginning, and found to be an echo."""
    return np.concatenate([np.zeros(len(microphone) // 320 * 320 - len(heard), np.int16), heard])


def talking(language: str) -> NDArray[np.float64]:
    """Somebody who talks all the time, into a microphone with a little noise."""
    voice = np.concatenate([read_audio(CLIPS / f"{language}-question-{n}.ogg", LISTEN_RATE) for n in (1, 2, 3)])
    return (voice + np.random.default_rng(5).normal(0, 10, len(voice)))[: len(agent_voice(LISTEN_RATE))]


@pytest.mark.parametrize("delay_s", [0.05, 0.15, 0.3])
@pytest.mark.parametrize("gain", [0.3, 0.03])
def test_the_agents_own_voice_is_removed(delay_s: float, gain: float) -> None:
    call = Call()
    echo = echo_of(agent_voice(LISTEN_RATE), delay_s, gain)
    left = call.hear(echo, agent_voice(AUDIO_CLOCK))
    assert call.guard.echo
    assert level(echo) - level(left) > 25
    # None of it is loud enough to be taken for speech, in the beginning of the call either.
    assert max(level(left[at : at + 1600]) for at in range(0, len(left) - 1600, 1600)) < level(echo) - 15


def test_a_very_late_echo_is_found_within_two_seconds() -> None:
    call = Call()
    echo = echo_of(agent_voice(LISTEN_RATE), 0.5)
    left = in_time(call.hear(echo, agent_voice(AUDIO_CLOCK)), echo)
    assert level(echo[2 * LISTEN_RATE :]) - level(left[2 * LISTEN_RATE :]) > 25


def test_a_user_who_talks_over_the_echo_is_still_heard() -> None:
    call = Call()
    echo = echo_of(agent_voice(LISTEN_RATE), 0.12)
    user = read_audio(CLIPS / "en-interrupt.ogg", LISTEN_RATE).astype(float)
    at = 4 * LISTEN_RATE
    mixed = echo + np.random.default_rng(2).normal(0, 5, len(echo))
    mixed[at : at + len(user)] += user
    left = in_time(call.hear(mixed, agent_voice(AUDIO_CLOCK)), mixed)
    during = left[at + LISTEN_RATE // 2 : at + len(user) - LISTEN_RATE // 2]
    assert level(during) > level(left[2 * LISTEN_RATE : 4 * LISTEN_RATE]) + 20


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_user_without_echo_is_passed_on_untouched(language: str) -> None:
    call = Call()
    user = talking(language)
    heard = call.hear(user, agent_voice(AUDIO_CLOCK))
    assert not call.guard.echo
    # Who begins together with the agent is heard late, when an echo is ruled out, but heard whole.
    assert len(heard) == len(user) // 320 * 320
    assert np.array_equal(heard, np.clip(user, -32768, 32767).astype(np.int16)[: len(heard)])


def test_who_interrupts_the_first_words_is_heard_at_once() -> None:
    call = Call()
    user = np.random.default_rng(6).normal(0, 10, len(agent_voice(LISTEN_RATE)))
    at = int(0.7 * LISTEN_RATE)
    words = read_audio(CLIPS / "zh-interrupt.ogg", LISTEN_RATE)
    user[at : at + len(words)] += words
    heard = call.hear(user, agent_voice(AUDIO_CLOCK))
    assert np.array_equal(heard, np.clip(user, -32768, 32767).astype(np.int16)[: len(heard)])


def test_another_microphone_is_judged_anew() -> None:
    call = Call()
    call.hear(echo_of(agent_voice(LISTEN_RATE), 0.1), agent_voice(AUDIO_CLOCK))
    assert call.guard.echo
    call.guard.restart()
    assert not call.guard.echo
    heard = call.hear(talking("zh"), agent_voice(AUDIO_CLOCK))
    assert not call.guard.echo
    assert np.array_equal(heard, talking("zh")[: len(heard)].astype(np.int16))


def test_an_echo_of_a_few_words_is_not_heard_late_either() -> None:
    call = Call()
    voice = np.zeros_like(agent_voice(AUDIO_CLOCK))
    first = slice(int(0.3 * AUDIO_CLOCK), int(0.65 * AUDIO_CLOCK))
    voice[first] = agent_voice(AUDIO_CLOCK)[first]
    heard = voice.reshape(-1, 3).mean(axis=1).astype(np.int16)
    left = call.hear(echo_of(heard, 0.1), voice)
    assert level(left) < 20


def test_nothing_is_touched_while_the_agent_is_silent() -> None:
    call = Call("on")
    user = np.random.default_rng(4).normal(0, 2000, LISTEN_RATE)
    assert np.array_equal(call.hear(user, np.zeros(AUDIO_CLOCK, np.int16)), user.astype(np.int16))


def test_it_can_be_turned_off() -> None:
    call = Call("off")
    echo = echo_of(agent_voice(LISTEN_RATE), 0.1)
    assert np.array_equal(call.hear(echo, agent_voice(AUDIO_CLOCK)), echo[: len(echo) // 320 * 320].astype(np.int16))
