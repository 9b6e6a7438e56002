"""The stage: voice and face of one agent on one media clock.

Speech arrives from the conversation as it is made: in bursts, late, or many times faster than it is spoken. From the
stage it leaves paced, 20 ms of voice fifty times a second and a motion frame for every second block, all stamped from
one sample counter that is tied to the loop's clock by absolute deadlines, so that nothing drifts. Silence is sent when
there is nothing to say: the clock never stops.

The stage is the `AudioOutput` of the conversation's `AgentSession` (`session.output.audio`). It can be paused and
cleared, and says truthfully how far the voice got and which words were heard.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import structlog
from livekit import rtc
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities
from numpy.typing import NDArray

from mien.face.motion.emotion import Feeling
from mien.face.motion.engine import MotionEngine
from mien.face.motion.frame import FPS, MotionVector
from mien.face.motion.gestures import GestureName
from mien.face.motion.life import StatusName
from mien.face.playout import Clip, Segment
from mien.face.upsample import Doubler
from mien.speech.phones import VOICE_RATE, SpokenText, attached, attached_more

MEDIA_RATE: Final = 48_000
"""Hz of the media clock and of the voice that leaves."""

BLOCK: Final = 0.02
BLOCK_SAMPLES: Final = 960
"""Voice leaves in blocks of 20 ms, an Opus packet each."""

_VOICE_SAMPLES: Final = BLOCK_SAMPLES // 2
_FRAME_BLOCKS: Final = round(1 / FPS / BLOCK)

PREROLL: Final = 0.02
"""Speech starts at the first block this long after its first audio came: the mouth gets ready, and a second piece of
audio has time to arrive. Costs half a motion frame of latency."""

REBUFFER: Final = 0.06
"""After the voice ran dry it goes on when this much waits again, lest it stutter at every packet."""

MAX_BURST: Final = 0.1
"""A stall up to this long is made up for by sending the missed blocks at once, which a viewer's jitter buffer absorbs.
After a longer one the clock skips ahead: viewers hear a gap, and no burst."""

_FADE: Final = 120
"""Samples at 24 kHz (5 ms) over which voice is faded out when it is cut off, and in when it goes on: no click."""

logger = structlog.get_logger(__name__)


class StageSink(Protocol):
    """Where voice and motion leave to. Called on the loop, in order of time; must not block."""

    def voice(self, pcm: NDArray[np.int16], pts: int) -> None:
        """960 samples of 48 kHz mono; `pts` in 1/48000 s, growing by 960 unless the clock had to skip."""

    def motion(self, frame: MotionVector, pts: int, speaking: bool) -> None:
        """The face at `pts` (1/48000 s), given just before the voice block of the same time."""


@dataclass(slots=True)
class StageEvents:
    """Called on the loop while the voice plays. All optional; they must not block."""

    clause_started: Callable[[SpokenText], None] | None = None
    """The first sample of a clip that knows its text leaves now."""
    speech_started: Callable[[float], None] | None = None
    """The first sample of an answer leaves; its time on the loop's clock."""
    drive_measured: Callable[[float], None] | None = None
    """Milliseconds from an answer's first audio handed in to its first motion frame sent."""


class Stage(AudioOutput):
    """Plays speech and moves a face. `start` it on a running loop and `aclose` it.

    Audio must be 24 kHz, 16 bit (`VOICE_RATE`); AgentSession resamples what is not, but then loses phone timing.
    """

    def __init__(self, sink: StageSink, *, seed: int = 0, events: StageEvents | None = None) -> None:
        super().__init__(
            label="Stage", capabilities=AudioOutputCapabilities(pause=True), next_in_chain=None, sample_rate=VOICE_RATE
        )
        self._sink = sink
        self._reports = events or StageEvents()
        self._engine = MotionEngine(seed)
        self._double = Doubler()
        self._segments: deque[Segment] = deque()
        self._open: Segment | None = None
        self._dropping = False
        self._paused = False
        self._halted: float | None = None
        self._last_words: NDArray[np.int16] | None = None
        self._fade_in = False
        self._speaking = False
        self._block = 0
        self._origin = 0.0
        self._task: asyncio.Task[None] | None = None
        self._drive_ms: float | None = None

    # Life cycle

    async def start(self) -> None:
        """Starts the media clock at 0, now."""
        if self._task is not None:
            raise RuntimeError("this stage has been started already")
        self._origin = asyncio.get_running_loop().time()
        self._task = asyncio.create_task(self._run(), name="stage")
        self._task.add_done_callback(self._stopped)

    async def aclose(self) -> None:
        """Stops the clock. What waits counts as interrupted. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._end_all()

    @property
    def media_time(self) -> float:
        """Seconds of media sent so far."""
        return self._block * BLOCK

    @property
    def drive_ms(self) -> float | None:
        """Of the latest answer: milliseconds from its first audio handed in to its first motion frame sent."""
        return self._drive_ms

    @property
    def waiting(self) -> float:
        """Seconds of speech captured but not played yet."""
        return sum(segment.waiting for segment in self._segments) / VOICE_RATE

    @property
    def speaking(self) -> bool:
        """Whether the voice sounds now."""
        return self._speaking

    def set_status(self, name: StatusName) -> None:
        """Shows what the agent does: idle, listening, thinking, speaking."""
        self._engine.set_status(name, self.media_time)

    def gesture(self, name: GestureName, strength: float = 1.0) -> float:
        """Head and brows make a named movement now; returns its seconds. Raises ValueError for an unknown name."""
        return self._engine.gesture(name, self.media_time, strength)

    def express(self, feeling: Feeling | None) -> None:
        """Shows an expression from now on; with None the words decide again."""
        self._engine.express(feeling, self.media_time)

    # AudioOutput

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Takes speech, at any pace. Raises ValueError for another rate than `sample_rate`."""
        if frame.sample_rate != VOICE_RATE:
            raise ValueError(f"the stage takes speech at {VOICE_RATE} Hz, this is {frame.sample_rate} Hz; resample it")
        await super().capture_frame(frame)
        if self._dropping:
            return
        pcm = np.frombuffer(frame.data, np.int16)
        if frame.num_channels > 1:
            pcm = pcm.reshape(-1, frame.num_channels).mean(axis=1).astype(np.int16)
        if self._open is None:
            self._open = Segment(arrived=asyncio.get_running_loop().time())
            self._segments.append(self._open)
        segment = self._open
        known = len(segment.clips)
        start = self._start_of(segment)
        at = start + segment.pushed / VOICE_RATE
        clip = segment.push(pcm.copy(), attached(frame))
        if len(segment.clips) > known:
            self._engine.hear_end()
            if clip.spoken is not None and clip.has_phones:
                self._engine.speak(at, clip.spoken)
        elif (more := attached_more(frame)) is not None:
            self._learn(clip, more, at, len(pcm))
        if clip.has_phones:
            self._engine.voice(pcm, VOICE_RATE)
        else:
            self._engine.hear(at, pcm, VOICE_RATE, clip.spoken.text if clip.spoken is not None else "")

    def _learn(self, clip: Clip, more: SpokenText, at: float, samples: int) -> None:
        """More is known of the clip whose latest `samples` play from `at` on."""
        if clip.has_phones:
            self._engine.speak_on(more)
        elif more.phones:
            self._engine.hear_end()
            before = (clip.length - samples) / VOICE_RATE
            self._engine.speak(at - before, more, heard=before)
        clip.known = more

    def flush(self) -> None:
        """The answer is complete; what has been captured plays to its end."""
        super().flush()
        self._dropping = False
        if self._open is not None:
            self._open.complete = True
            self._open = None
            self._engine.hear_end()

    def clear_buffer(self) -> None:
        """Silence from the next block on; the mouth closes. Reports every answer that had not ended as interrupted."""
        if not self._segments:
            return
        if not self._paused and self._halted is None and self._segments[0].start_pts is not None:
            self._last_words = self._segments[0].chunks[0][:_FADE] if self._segments[0].chunks else None
        self._engine.cancel(self.media_time)
        self._halted = None
        # Whatever the interrupted maker still hands in before its flush belongs to the answer that was cleared.
        self._dropping = self._open is not None
        self._end_all()

    def pause(self) -> None:
        """Holds the voice where it is."""
        super().pause()
        if self._paused:
            return
        self._paused = True
        playing = self._halted is None and self._segments and self._segments[0].start_pts is not None
        if playing and self._segments[0].chunks:
            self._last_words = self._segments[0].chunks[0][:_FADE]

    def resume(self) -> None:
        """Goes on where the voice was paused."""
        super().resume()
        self._paused = False

    # The clock

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            ahead = self._origin + self._block * BLOCK - loop.time()
            if ahead > 0:
                await asyncio.sleep(ahead)
                continue
            if -ahead > MAX_BURST:
                self._skip(int(-ahead / BLOCK))
            self._play_block()

    def _skip(self, blocks: int) -> None:
        logger.warning("the media clock was held up and skips ahead", skipped_ms=round(blocks * BLOCK * 1000))
        if self._segments and self._segments[0].start_pts is not None:
            self._halt(self.media_time)
        self._block += blocks

    def _play_block(self) -> None:
        now, pts = self.media_time, self._block * BLOCK_SAMPLES
        voice, speech_began = self._next_voice(now, pts)
        self._speaking = voice is not None
        if self._block % _FRAME_BLOCKS == 0:
            self._sink.motion(self._engine.frame(now), pts, self._speaking)
            self._measure_drive(pts)
        pcm = voice if voice is not None else np.zeros(_VOICE_SAMPLES, np.int16)
        if self._last_words is not None and voice is None:
            # What was cut off dies away instead of stopping dead.
            pcm[: len(self._last_words)] = self._last_words * np.linspace(1, 0, len(self._last_words))
        self._last_words = None
        self._sink.voice(self._double(pcm), pts)
        self._block += 1
        self._tell(speech_began, now)

    def _next_voice(self, now: float, pts: int) -> tuple[NDArray[np.int16] | None, bool]:
        """The voice of this block, or None for silence; and whether an answer begins with it."""
        while self._segments and self._segments[0].complete and not self._segments[0].waiting:
            self._end(self._segments.popleft(), interrupted=False)
            self._go_on(now)
        if not self._segments:
            return None, False
        segment = self._segments[0]
        if self._paused or not self._ready(segment):
            # A start put off is a halt too: the mouth must not begin without the voice.
            if segment.start_pts is not None or self._planned_start(segment) <= now:
                self._halt(now)
            return None, False
        self._go_on(now)
        began = segment.start_pts is None
        if began:
            segment.start_pts = pts
        pcm = segment.take(_VOICE_SAMPLES)
        if self._fade_in:
            ramp = min(_FADE, len(pcm))
            pcm = pcm.copy()
            pcm[:ramp] = pcm[:ramp] * np.linspace(0, 1, ramp)
            self._fade_in = False
        if len(pcm) < _VOICE_SAMPLES:
            if not segment.complete:
                self._halt(now + len(pcm) / VOICE_RATE)
            pcm = np.pad(pcm, (0, _VOICE_SAMPLES - len(pcm)))
        return pcm.copy(), began

    def _ready(self, segment: Segment) -> bool:
        """Whether the segment can give a block now."""
        if segment.start_pts is None:
            enough = segment.waiting >= _VOICE_SAMPLES or segment.complete
            return enough and self.media_time >= self._planned_start(segment) - 1e-6
        if segment.complete:
            return True
        return segment.waiting >= (VOICE_RATE * REBUFFER if self._halted is not None else 1)

    def _halt(self, at: float) -> None:
        if self._halted is None:
            self._halted = at
            self._engine.halt(at)

    def _go_on(self, now: float) -> None:
        if self._halted is not None:
            self._halted = None
            self._fade_in = True
            self._engine.resume(now)

    # Where things are on the media clock

    def _planned_start(self, segment: Segment) -> float:
        """Media time at which a segment that waits first in line starts."""
        earliest = segment.arrived - self._origin + PREROLL
        return float(np.ceil(earliest / BLOCK - 1e-6)) * BLOCK

    def _start_of(self, segment: Segment) -> float:
        """Media time of the segment's first sample as the engine counts: while halted, as if the voice went on then."""
        now = self.media_time if self._halted is None else self._halted
        at = max(now, self._planned_start(self._segments[0])) if self._segments[0].start_pts is None else now
        for earlier in self._segments:
            if earlier is segment:
                break
            at += np.ceil(earlier.waiting / _VOICE_SAMPLES) * BLOCK
        return float(at - segment.played / VOICE_RATE)

    # What is told

    def _tell(self, speech_began: bool, now: float) -> None:
        if not self._speaking:
            return
        segment = self._segments[0]
        if speech_began:
            self.on_playback_started(created_at=time.time())
            if self._reports.speech_started is not None:
                self._reports.speech_started(self._origin + now)
        for clip in segment.begun_clips():
            self._tell_clause(clip)

    def _tell_clause(self, clip: Clip) -> None:
        if clip.spoken is not None and self._reports.clause_started is not None:
            self._reports.clause_started(clip.spoken)

    def _measure_drive(self, pts: int) -> None:
        segment = self._segments[0] if self._segments else None
        if segment is None or segment.drive_ms is not None or segment.start_pts is None or segment.start_pts > pts:
            return
        segment.drive_ms = self._drive_ms = (asyncio.get_running_loop().time() - segment.arrived) * 1000
        if self._reports.drive_measured is not None:
            self._reports.drive_measured(segment.drive_ms)

    def _end_all(self) -> None:
        segments, self._open = list(self._segments), None
        self._segments.clear()
        self._speaking = False
        for segment in segments:
            # An answer whose last sample has left is complete, however shortly ago.
            self._end(segment, interrupted=not segment.complete or segment.waiting > 0)

    def _end(self, segment: Segment, *, interrupted: bool) -> None:
        self.on_playback_finished(
            playback_position=segment.position,
            interrupted=interrupted,
            synchronized_transcript=segment.transcript(),
        )

    def _stopped(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.critical("the stage stopped: this agent neither speaks nor moves any more", exc_info=error)
            self._end_all()
