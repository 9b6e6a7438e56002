"""espeak-ng through its C library, with the phoneme events it reports. Robotic, quick, and its timing is exact."""

from __future__ import annotations

import ctypes
import itertools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mien.speech.phones import Phone

_SYNCHRONOUS: Final = 2
_PHONEME_EVENTS_IN_IPA: Final = 1 | 2
_PHONEME: Final = 7
_UTF8: Final = 1
_IPA: Final = 2
_RATE, _PITCH = 1, 3
"""Numbers of `espeak_ng/speak_lib.h`."""


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """One synthesiser per process: the library keeps its state in globals. Not for several threads."""

    def __init__(self) -> None:
        """Raises OSError when the library cannot be loaded or finds no data."""
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self.rate: int = self._library.espeak_Initialize(
            _SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), _PHONEME_EVENTS_IN_IPA
        )
        """Hz."""
        if self.rate <= 0:
            raise OSError("espeak-ng found no voice data; reinstall the package espeakng-loader")
        self._sound: list[NDArray[np.int16]] = []
        self._events: list[tuple[int, str]] = []
        # The library calls it from C, so somebody has to keep it alive.
        self._callback = _Callback(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    def say(
        self, text: str, voice: str, words_a_minute: int = 170, pitch: int = 50
    ) -> tuple[NDArray[np.int16], tuple[Phone, ...]]:
        """Sound at `rate` and its phones. `voice` like "en-us+f2" or "cmn"; `pitch` 0..100. Raises ValueError."""
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"espeak-ng has no voice {voice!r}; try en-us or cmn")
        self._library.espeak_SetParameter(_RATE, words_a_minute, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        self._sound.clear()
        self._events.clear()
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 0, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        pcm = np.concatenate(self._sound) if self._sound else np.zeros(0, np.int16)
        ends = [*(sample for sample, _ in self._events[1:]), len(pcm)]
        phones = tuple(
            Phone(_symbol(name), begin / self.rate, end / self.rate)
            for (begin, name), end in zip(self._events, ends, strict=False)
        )
        return pcm, phones

    def pronounce(self, text: str, voice: str) -> str:
        """`text` as IPA, without saying it. Raises ValueError for an unknown voice."""
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"espeak-ng has no voice {voice!r}; try en-us or cmn")
        to_phonemes = self._library.espeak_TextToPhonemes
        to_phonemes.restype = ctypes.c_char_p
        rest = ctypes.c_char_p(text.encode())
        spoken: list[str] = []
        while rest.value:
            spoken.append((to_phonemes(ctypes.byref(rest), _UTF8, _IPA) or b"").decode())
        return " ".join(spoken)

    def _receive(self, samples: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]) -> int:
        if samples and count > 0:
            self._sound.append(np.ctypeslib.as_array(samples, (count,)).astype(np.int16))
        for i in itertools.count():
            event = events[i]
            if event.type == 0:
                return 0
            if event.type == _PHONEME:
                name = bytes(event.id.string).split(b"\0")[0].decode("utf-8", "ignore")
                self._events.append((event.sample, name))
        return 0


_SPELLINGS: Final = {"ts.": "ʈʂ", "tsh": "ts", "s.": "ʂ", "i.": "ɨ", "i̪": "ɨ", "yæ": "yɛ"}
"""What the Chinese voice writes in a way of its own."""


def _symbol(name: str) -> str:
    if name.startswith("("):
        return ""
    symbol = name.strip("ˈˌ_:|-,;%=12345˥˦˧˨˩")
    for written, meant in _SPELLINGS.items():
        symbol = symbol.replace(written, meant)
    return symbol
