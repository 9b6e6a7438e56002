"""From what is said, and when, to motion frames.

Speech is scheduled ahead (a voice knows its sounds before they are heard) and read frame by frame on the stage's
clock. Speech time stands still while the voice is paused or has run dry: the mouth holds its pose a moment, falls to
rest, and takes up again where it was.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.face.motion import timing
from mien.face.motion.audio_visemes import AudioMouth
from mien.face.motion.coarticulation import JAW, LOWER, MOUTH, PRESS, TONGUE, UPPER
from mien.face.motion.emotion import NEUTRAL, Feeling, of_text
from mien.face.motion.frame import FPS, INDEX, MotionVector, clamp, rest
from mien.face.motion.gestures import GestureName
from mien.face.motion.life import Life, StatusName
from mien.face.motion.loudness import UsualLevel
from mien.face.motion.phone_mouth import PhoneMouth
from mien.face.motion.visemes import Accent, Viseme, in_conversation, score
from mien.speech.phones import SpokenText

_COLUMNS = np.array([INDEX[name] for name in MOUTH])
_TAIL = timing.CLOSE_LATE + 0.1
"""How long after its audio a clip may still move the mouth."""
BEAT_AHEAD = 0.4
"""Beats are told this long before their sound: the head starts first."""


class _Source(Protocol):
    """Something that moves the mouth, on its own time (0 at the clip's first sample)."""

    def pose(self, time: float) -> NDArray[np.float32]: ...


@dataclass(slots=True)
class _Clip:
    source: _Source
    start: float
    end: float
    accents: deque[Accent]
    phrase_ends: deque[float] = field(default_factory=deque)
    feeling: Feeling | None = None


class MotionEngine:
    """Turns speech and status into motion frames for one face.

    Times are seconds on the stage's clock and must not go back from one `frame` to the next. Equal seeds and equal
    calls give equal frames.
    """

    def __init__(self, seed: int, fps: int = FPS) -> None:
        self.fps = fps
        self._life = Life(seed)
        self._clips: list[_Clip] = []
        self._listening: tuple[_Clip, AudioMouth] | None = None
        self._voiced: tuple[_Clip, PhoneMouth] | None = None
        self._usual_level = UsualLevel()
        self._delay = 0.0
        self._halted_at: float | None = None
        self._resumed_at: float | None = None
        self._resumed_from = 1.0
        self._cut_pose: NDArray[np.float32] | None = None
        self._cut_at = 0.0
        self._seen = float("-inf")
        self._busy = 0.0
        self._told: Feeling | None = None
        self._feels_with: _Clip | None = None
        self._feels_until: float | None = None

    @property
    def busy(self) -> bool:
        """Whether speech still moves the mouth or will."""
        return bool(self._clips)

    def speak(self, start: float, spoken: SpokenText, *, heard: float = 0.0) -> None:
        """A clip with phones whose first sample plays at `start`, as far as one can tell: a halt before moves it.

        While the voice is halted, `start` counts as if it had gone on at the moment of the halt. Clips without phones
        go to `hear`; where phones come late, its first `heard` seconds have.
        """
        at = start - self._delay
        mouth = PhoneMouth((), self._usual_level)
        clip = _Clip(mouth, at, at, deque(), feeling=None if heard else of_text(spoken.text))
        self._voiced = clip, mouth
        self._plan(spoken, heard)
        mouth.skip(heard)
        self._clips.append(clip)

    def speak_on(self, spoken: SpokenText) -> None:
        """More phones of the clip spoken last are known: `spoken` has all of them."""
        if self._voiced is not None:
            self._plan(spoken, self._to_speech(self._seen) - self._voiced[0].start)

    def _plan(self, spoken: SpokenText, past: float) -> None:
        """Schedules the phones of the clip spoken last; beats and ends up to `past` have been told."""
        assert self._voiced is not None
        clip, mouth = self._voiced
        plan = score(spoken.phones)
        end = max(spoken.duration, plan.spells[-1].end if plan.spells else 0.0)
        mouth.respell(plan.spells)
        pauses = [s.start for s in plan.spells if s.viseme is Viseme.SIL and s.end - s.start >= timing.REST_PAUSE]
        beats = (
            Accent(clip.start + a.time, a.strength) for a in plan.accents if not past or a.time > past + BEAT_AHEAD
        )
        clip.accents = deque(beats)
        clip.phrase_ends = deque(clip.start + pause for pause in pauses if pause > max(past, 0.2))
        clip.end = clip.start + end
        clip.phrase_ends.append(clip.end)

    def voice(self, pcm: NDArray[np.int16], rate: int) -> None:
        """The next audio of the clip spoken last, mono: it says how wide the mouth opens and where its stops burst.

        Optional, and best handed in before it is heard; without it every sound is opened alike.
        """
        if self._voiced is not None:
            clip, mouth = self._voiced
            mouth.push(pcm, rate, self._to_speech(self._seen) - clip.start)

    def hear(self, start: float, pcm: NDArray[np.int16], rate: int, text: str = "") -> None:
        """Audio of a clip without phones, mono; `start` is when its first sample plays, as in `speak`.

        Pieces that follow each other without a gap are one clip; a gap begins another. `text` is what it says, where
        that is known.
        """
        at = start - self._delay
        if self._listening is None or abs(at - self._listening[0].end) > 0.005:
            self.hear_end()
            mouth = AudioMouth(rate)
            self._listening = (_Clip(mouth, at, at, deque(), feeling=of_text(text)), mouth)
            self._clips.append(self._listening[0])
        clip, mouth = self._listening
        mouth.push(pcm)
        clip.end += len(pcm) / rate

    def hear_end(self) -> None:
        """The clip being heard is complete."""
        if self._listening is not None:
            clip, mouth = self._listening
            mouth.finish()
            clip.phrase_ends.append(clip.end)
            self._listening = None

    def cancel(self, at: float) -> None:
        """Everything scheduled is off; the mouth closes within `timing.CANCEL`."""
        pose = self._mouth(at)
        self._cut_pose = pose if bool(pose.any()) else None
        self._cut_at = at
        self._clips.clear()
        self._listening = self._voiced = None
        self._halted_at = self._resumed_at = None
        self._life.hush()
        self._feels_with = None
        if self._feels_until is not None:
            self._feels_until = min(self._feels_until, at + timing.EXPRESSION_STAYS)

    def halt(self, at: float) -> None:
        """The voice stands still from `at` on: paused, or nothing left to play although more will come."""
        if self._halted_at is None:
            self._resumed_from = self._presence(at)
            self._halted_at, self._resumed_at = at, None

    def resume(self, at: float) -> None:
        """The voice goes on at `at` where it stood."""
        if self._halted_at is not None:
            self._resumed_from = self._presence(at)
            self._delay += at - self._halted_at
            self._halted_at, self._resumed_at = None, at

    def set_status(self, name: StatusName, at: float) -> None:
        """Listening, thinking, speaking or idle posture, taken on smoothly from `at` on."""
        self._life.advance(at)
        self._life.set_status(name)

    def gesture(self, name: GestureName, at: float, strength: float = 1.0) -> float:
        """Head and brows make a named movement (`GESTURES`) from `at` on; returns the seconds it takes.

        `strength` 0..1.5. Raises ValueError for an unknown name.
        """
        self._life.advance(at)
        return self._life.gesture(name, at, strength)

    def express(self, feeling: Feeling | None, at: float) -> None:
        """Shows `feeling` from `at` on whatever is said; with None it fades and the words decide again."""
        self._life.advance(at)
        if feeling is not None:
            self._life.feel(feeling)
            self._feels_with = self._feels_until = None
        elif self._told is not None:
            self._feels_until = at + timing.EXPRESSION_STAYS
        self._told = feeling

    def frame(self, t: float) -> MotionVector:
        """The face at time `t`: finite, in range, smooth from frame to frame."""
        since, self._seen = max(t - self._seen, 0.0), t
        self._tell_life(t)
        mouth = self._mouth(t)
        life = self._life.advance(t)
        vector = rest()
        vector[_COLUMNS] = mouth
        # A smile is drawn over the closed mouth; a rounded or pressed one has none. It gives way slower than lips move,
        # or its corners would twitch with every sound.
        busy = float(min(1.0, mouth[1:4].max() * 1.2))
        self._busy += (busy - self._busy) * (1 - math.exp(-since / timing.SMILE_YIELDS))
        vector[INDEX["smile"]] = life.smile * (1 - 0.8 * self._busy)
        vector[INDEX["frown"]] = life.frown * (1 - 0.8 * self._busy)
        vector[INDEX["cheek"]] = life.cheek
        vector[INDEX["blink_l"]] = vector[INDEX["blink_r"]] = life.blink
        for name in ("brow_l", "brow_r", "gaze_x", "gaze_y", "yaw", "pitch", "roll", "tx", "ty", "breath", "sway"):
            vector[INDEX[name]] = getattr(life, name)
        return clamp(vector)

    def _to_speech(self, t: float) -> float:
        return t - self._delay - (t - self._halted_at if self._halted_at is not None and t > self._halted_at else 0.0)

    def _presence(self, t: float) -> float:
        """How much of the speech pose shows: 1, falling to 0 after a halt, rising again after it."""
        if self._halted_at is not None:
            since = (t - self._halted_at - timing.HOLD) / timing.DECAY
            return self._resumed_from * (1 - _ease(since))
        if self._resumed_at is not None:
            since = (t - self._resumed_at) / timing.RECOVER
            return self._resumed_from + (1 - self._resumed_from) * _ease(since)
        return 1.0

    def _mouth(self, t: float) -> NDArray[np.float32]:
        now = self._to_speech(t)
        self._clips = [clip for clip in self._clips if clip.end + _TAIL >= now or self._is_heard(clip)]
        pose = np.zeros(len(MOUTH), np.float32)
        for clip in self._clips:
            if clip.start - timing.OPEN_EARLY - 0.05 <= now:
                np.maximum(pose, clip.source.pose(now - clip.start), out=pose)
        pose[JAW] = in_conversation(pose[JAW])
        pose *= np.float32(self._presence(t))
        if self._cut_pose is not None:
            left = 1 - _ease((t - self._cut_at) / timing.CANCEL)
            if left <= 0:
                self._cut_pose = None
            else:
                np.maximum(pose, self._cut_pose * np.float32(left), out=pose)
        # Clips that touch may disagree for a frame; pressed lips are never open.
        shut = 1 - pose[PRESS]
        for column in (JAW, UPPER, LOWER, TONGUE):
            pose[column] = min(pose[column], shut)
        return pose

    def _is_heard(self, clip: _Clip) -> bool:
        return self._listening is not None and self._listening[0] is clip

    def _tell_life(self, t: float) -> None:
        now = self._to_speech(t)
        if self._feels_with is not None:
            # Where a clip ends may not be known when it begins.
            self._feels_until = t + self._feels_with.end - now + timing.EXPRESSION_STAYS
        if self._feels_until is not None and t > self._feels_until:
            self._feels_with = self._feels_until = None
            self._life.feel(NEUTRAL)
        for clip in self._clips:
            if clip.feeling is not None and clip.start - 0.2 <= now and self._told is None:
                if clip.feeling.intensity:
                    self._life.feel(clip.feeling)
                    self._feels_with = clip
                clip.feeling = None
            while clip.accents and clip.accents[0].time <= now + BEAT_AHEAD:
                accent = clip.accents.popleft()
                self._life.stress(Accent(accent.time + t - now, accent.strength))
            while clip.phrase_ends and clip.phrase_ends[0] <= now:
                clip.phrase_ends.popleft()
                self._life.phrase_end()


def _ease(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)
