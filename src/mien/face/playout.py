"""The voice that waits to be played: segments (one answer each) made of clips (one clause each) made of samples.

No time in here: the stage decides when samples leave, this says which, and how far each text got.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mien.face.heard import heard_text, joined
from mien.speech.phones import VOICE_RATE, SpokenText


@dataclass(slots=True)
class Clip:
    """A stretch of a segment that says one text, or says nothing about itself. Samples count within the segment."""

    start: int
    spoken: SpokenText | None
    """As it began."""
    known: SpokenText | None = None
    """With what was learnt of it since."""
    length: int = 0
    begun: bool = False

    @property
    def has_phones(self) -> bool:
        return self.known is not None and bool(self.known.phones)


@dataclass(slots=True)
class Segment:
    """One answer: everything captured up to a flush."""

    arrived: float
    """Loop time of its first audio."""
    chunks: deque[NDArray[np.int16]] = field(default_factory=deque)
    clips: list[Clip] = field(default_factory=list)
    pushed: int = 0
    played: int = 0
    complete: bool = False
    start_pts: int | None = None
    """Media time of its first sample, once played."""
    drive_ms: float | None = None

    @property
    def waiting(self) -> int:
        """Samples not yet played."""
        return self.pushed - self.played

    def push(self, pcm: NDArray[np.int16], spoken: SpokenText | None) -> Clip:
        """Adds audio; `spoken` begins a new clip. Returns the clip it belongs to."""
        if spoken is not None or not self.clips:
            self.clips.append(Clip(self.pushed, spoken, spoken))
        self.clips[-1].length += len(pcm)
        self.chunks.append(pcm)
        self.pushed += len(pcm)
        return self.clips[-1]

    def take(self, count: int) -> NDArray[np.int16]:
        """The next `count` samples, fewer when there are fewer."""
        parts: list[NDArray[np.int16]] = []
        wanted = count
        while wanted and self.chunks:
            chunk = self.chunks.popleft()
            if len(chunk) > wanted:
                self.chunks.appendleft(chunk[wanted:])
                chunk = chunk[:wanted]
            parts.append(chunk)
            wanted -= len(chunk)
        pcm = np.concatenate(parts) if parts else np.zeros(0, np.int16)
        self.played += len(pcm)
        return pcm

    def begun_clips(self) -> list[Clip]:
        """Clips whose first sample has been played since the last call."""
        begun = [clip for clip in self.clips if not clip.begun and clip.start < self.played]
        for clip in begun:
            clip.begun = True
        return begun

    @property
    def position(self) -> float:
        """Seconds played."""
        return self.played / VOICE_RATE

    def transcript(self) -> str | None:
        """The text heard so far; None when some clip does not know its text."""
        if any(clip.known is None for clip in self.clips):
            return None
        texts: list[str] = []
        for clip in self.clips:
            assert clip.known is not None
            done = self.played - clip.start
            if done <= 0:
                break
            whole = done >= clip.length and (self.complete or clip is not self.clips[-1])
            texts.append(clip.known.text if whole else heard_text(clip.known, done / VOICE_RATE))
        return joined(texts)
