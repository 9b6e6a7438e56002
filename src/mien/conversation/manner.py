"""What the face shows while an answer is heard: expressions and gestures its metadata ask for, and the voice's emotion.

Metadata of a place in the text are told here when that place begins to be heard, so the face is never ahead of the
words. What cannot be done is said once and changes nothing.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from mien.conversation.agent import LEGACY_TTS_PATHS
from mien.conversation.parts import Media
from mien.conversation.text import Clause
from mien.speech.spec import TtsSpec

MEMBER: Final = "Mien"
"""Of a metadata object: what is meant for the face."""
EXPRESSION, INTENSITY, GESTURE = "Expression", "Intensity", "Gesture"
_MEMBERS: Final = (EXPRESSION, INTENSITY, GESTURE)
_USUAL_INTENSITY: Final = 0.8
_VOICE_INTENSITY: Final = 0.6
_STRONGEST_SCALE: Final = 5
"""Of `emotion_scale`, which vendors count from 1."""
_EMOTION: Final = ".emotion"
_VENDOR_EMOTIONS: Final = frozenset(paths["emotion"] for paths in LEGACY_TTS_PATHS.values())
MAX_PROBLEMS: Final = 16
"""Different ones told of one instance; a model that goes wrong goes wrong all the time."""


class Manner:
    """The manner of one agent. `paths` is TTSParamPaths."""

    def __init__(self, media: Media, paths: Mapping[str, str]) -> None:
        self._media = media
        self._paths = paths
        self._loop = asyncio.get_running_loop()
        self._told = False
        self._voiced = ""
        self._moves_until = -math.inf
        self._problems: set[str] = set()

    def show(self, clause: Clause, tts: TtsSpec, problem: Callable[[str], None]) -> None:
        """`clause`, spoken with `tts`, begins to be heard. `problem` is told what cannot be done, each thing once."""

        def tell(message: str) -> None:
            if message not in self._problems and len(self._problems) < MAX_PROBLEMS:
                self._problems.add(message)
                problem(message)

        if MEMBER in clause.meta:
            self._obey(clause.meta[MEMBER], tell)
        if not self._told:
            self._sound_like(clause.style, tts)

    def over(self) -> None:
        """The answer is over: the words decide about the face again."""
        if self._told or self._voiced:
            self._media.express(None)
        self._told, self._voiced = False, ""

    def _obey(self, wish: object, tell: Callable[[str], None]) -> None:
        if not isinstance(wish, dict):
            tell(f'metadata: {MEMBER} must be an object such as {{"{EXPRESSION}": "happy"}}, not {_short(wish)}')
            return
        for name in wish:
            if name not in _MEMBERS:
                tell(f"metadata: {MEMBER} has no member {_short(name)}; it has {', '.join(_MEMBERS)}")
        if EXPRESSION in wish:
            intensity = _number(wish.get(INTENSITY, _USUAL_INTENSITY))
            if intensity is None or not 0 <= intensity <= 1:
                tell(f"metadata: {INTENSITY} must be a number from 0 to 1, not {_short(wish[INTENSITY])}")
                intensity = _USUAL_INTENSITY
            try:
                self._media.express(str(wish[EXPRESSION]), intensity)
                self._told = True
            except ValueError as error:
                tell(f"metadata: {error}")
        if GESTURE in wish and self._loop.time() >= self._moves_until:
            try:
                self._moves_until = self._loop.time() + self._media.gesture(str(wish[GESTURE]))
            except ValueError as error:
                tell(f"metadata: {error}")

    def _sound_like(self, style: Mapping[str, Any], tts: TtsSpec) -> None:
        """The face goes with the emotion the voice was asked for, where it has an expression for it."""
        emotion, intensity = self._emotion(style, tts)
        if emotion == self._voiced:
            return
        self._voiced = ""
        try:
            self._media.express(emotion or None, intensity)
            self._voiced = emotion
        except ValueError:
            # The voice can do more than the face.
            self._media.express(None)

    def _emotion(self, style: Mapping[str, Any], tts: TtsSpec) -> tuple[str, float]:
        paths = self._paths or LEGACY_TTS_PATHS.get(tts.vendor.lower(), {})
        asked = {path: style[key] for key, path in paths.items() if key in style}
        found = {path: _at(tts.params, path) for path in {*paths.values(), *_VENDOR_EMOTIONS}} | asked
        emotion = next((value for path, value in sorted(found.items()) if path.endswith(_EMOTION) and value), "")
        scale = next((_number(value) for path, value in found.items() if path.endswith(f"{_EMOTION}_scale")), None)
        intensity = _VOICE_INTENSITY if scale is None else min(max(scale / _STRONGEST_SCALE, 0.0), 1.0)
        # A voice without emotion is no reason to hide what the words say.
        plain = not isinstance(emotion, str) or emotion in ("neutral", "calm")
        return "" if plain else str(emotion), intensity


def _at(params: Mapping[str, Any], path: str) -> object:
    place: object = params
    for name in path.split("."):
        place = place.get(name) if isinstance(place, dict) else None
    return place


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
