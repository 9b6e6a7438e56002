"""Speakable text to the phoneme symbols Kokoro was trained on (misaki's), Chinese and English mixed.

The language of a word is taken from its script, so an English name inside a Chinese sentence is pronounced as English
and the other way round.
"""

from __future__ import annotations

import functools
import logging
import re
import threading
from types import SimpleNamespace
from typing import Any

from mien.speech.normalise import Language, language_of

_LATIN = r"[A-Za-z\u00c0-\u024f][A-Za-z0-9\u00c0-\u024f'’.\-]*"
_RUNS = re.compile(rf"([\u3400-\u9fff]+)|({_LATIN}(?:[ ,]+{_LATIN})*)|([^\w\s]+)|(\s+)")
_PUNCTUATION = str.maketrans(
    {
        "，": ",", "、": ",", "。": ".", "．": ".", "！": "!", "？": "?", "：": ":", "；": ";", "（": "(", "）": ")",
        "「": "“", "」": "”", "『": "“", "』": "”", "《": "“", "》": "”", "〈": "“", "〉": "”", "【": "“", "】": "”",
        "‘": "“", "～": "—", "~": "—", "–": "—", "-": "—",
    }
)  # fmt: skip
_KNOWN_PUNCTUATION = frozenset(';:,.!?—…"()“” ')
_INNER_NAME = re.compile(r"([A-Za-z][a-z]+)([A-Z]{2,5})$")
"""An abbreviation at the end of a name, as in ChatGPT."""
_SPELLED = re.compile(r"^(?:[A-Z]{2,5}s?|[A-Z])$")
_SAID_AS_WORDS = frozenset(
    """
    OK NASA NATO UNESCO UNICEF OPEC COVID SARS AIDS LASER RADAR JAVA ASAP YOLO LOL PIN SIM RAM ROM LAN WAN GIF
    JPEG WIFI TED IKEA ASUS SONY FIFA OPPO VIVO ZARA KIA NO YES HI HELLO WOW SO GO UP IN ON AT IT IS AM AN AS BE
    BY DO HE IF ME MY OF OH OR TO WE THE AND FOR BUT NOT YOU ALL ANY CAN HAS HAD HIS HER ITS NOW NEW ONE OUT SEE
    TWO WAY WHO BIG BAD GOOD VERY STOP HELP LOVE THIS THAT WHAT WHEN WITH YOUR FROM HAVE
    """.split()  # noqa: SIM905 - a list of words reads better
)
_LETTERS = {
    "A": "ˈA", "B": "bˈi", "C": "sˈi", "D": "dˈi", "E": "ˈi", "F": "ˈɛf", "G": "ʤˈi", "H": "ˈAʧ", "I": "ˈI",
    "J": "ʤˈA", "K": "kˈA", "L": "ˈɛl", "M": "ˈɛm", "N": "ˈɛn", "O": "ˈO", "P": "pˈi", "Q": "kjˈu", "R": "ˈɑɹ",
    "S": "ˈɛs", "T": "tˈi", "U": "jˈu", "V": "vˈi", "W": "dˈʌbᵊljˌu", "X": "ˈɛks", "Y": "wˈI", "Z": "zˈi",
}  # fmt: skip

_CHINESE_LETTERS = {
    "A": "ei→", "B": "pi↘", "C": "sei→", "D": "ti↘", "E": "i→", "F": "ai↗fu", "G": "ʨi↘", "H": "ei↗ꭧʰɨ", "I": "ai↘",
    "J": "ʨje↘", "K": "kʰei↘", "L": "ai↗lə", "M": "ai↗mu", "N": "ə→n", "O": "ou→", "P": "pʰi→", "Q": "kʰjou→",
    "R": "a↗ɚ", "S": "ai↗sɨ", "T": "tʰi→", "U": "jou→", "V": "wei→", "W": "ta↗pu ljou", "X": "ai↗kʰɤ sɨ", "Y": "wai→",
    "Z": "ʦei↘",
}  # fmt: skip
"""Letters as they are named in Chinese speech. English ones are misheard there: they run into the toned syllables."""
_CHINESE_WORDS = {
    "wifi": "wai↗fai→", "iphone": "ai↘fə→ŋ", "ipad": "ai↘pʰai↘tə", "nasa": "na↘sa→", "python": "pʰai↘sə→n",
    "android": "a→nꭧwo→",
}  # fmt: skip
"""Names everybody says in the Chinese way, without hyphens."""
_CHINESE_SPELLED = frozenset({"app", "apps", "ppt", "pdf", "usb", "vip", "api", "gpt", "id", "ios", "it"})
"""Spelled in Chinese however they are written."""


class G2P:
    """Loads its dictionaries when a language is first needed (about two seconds each). Blocking; safe to share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._chinese: Any = None
        self._english: dict[bool, Any] = {}

    def __call__(self, text: str, *, british: bool = False, language: Language | None = None) -> str:
        """Phoneme symbols of `text`, one character each; characters it cannot pronounce are left out.

        `language` is that of the sentence, for how letters are named in it; None: that of most of `text`.
        """
        chinese_sentence = (language or language_of(text)) == "zh"
        with self._lock:
            out: list[str] = []
            for chinese, latin, marks, _space in _RUNS.findall(text):
                if chinese:
                    _join(out, self._pronounce_chinese(chinese))
                elif latin:
                    _join(out, self._pronounce_latin(latin, british, chinese_sentence))
                elif marks:
                    punctuation = "".join(
                        mark for mark in marks.translate(_PUNCTUATION).replace("……", "…") if mark in _KNOWN_PUNCTUATION
                    )
                    if punctuation and punctuation[0] in "(“":
                        out.append(" ")
                    out.append(punctuation)
            return re.sub(r"\s+", " ", re.sub(r"\s+([,.!?;:…)”])", r"\1", "".join(out))).strip()

    def warm(self) -> None:
        """Loads everything now."""
        self("你好 hello")

    def _pronounce_chinese(self, text: str) -> str:
        if self._chinese is None:
            import jieba
            from misaki.zh import ZHG2P

            jieba.setLogLevel(logging.WARNING)
            self._chinese = ZHG2P
        return str(self._chinese.legacy_call(text))

    def _pronounce_latin(self, text: str, british: bool, chinese_sentence: bool) -> str:
        out: list[str] = []
        plain: list[str] = []

        def flush() -> None:
            if plain:
                out.append(self._espeak(" ".join(plain), british))
                plain.clear()

        for word in re.findall(r"[^\s,]+|,", text):
            bare = word.strip(".'’")
            if chinese_sentence:
                names = _INNER_NAME.sub(r"\1 \2", bare).split() or [word]
                for name in names:
                    sounds = _as_in_chinese(name)
                    if sounds:
                        flush()
                        out.append(sounds)
                    else:
                        plain.append(name if len(names) > 1 else word)
            elif _SPELLED.match(bare) and bare not in _SAID_AS_WORDS and not (bare in ("A", "I") and text != word):
                flush()
                out.append(_spell(bare))
            else:
                plain.append(word)
        flush()
        return " ".join(out).replace(" ,", ",")

    def _espeak(self, text: str, british: bool) -> str:
        if british not in self._english:
            from misaki.espeak import EspeakFallback

            self._english[british] = EspeakFallback(british=british)
        phonemes, _rating = self._english[british](SimpleNamespace(text=text))
        return str(phonemes or "")


@functools.cache
def shared() -> G2P:
    """The one of this process: its dictionaries take hundreds of megabytes."""
    return G2P()


def _as_in_chinese(word: str) -> str:
    """How a Latin word is said in a Chinese sentence, "" where it is said as in English."""
    known = _CHINESE_WORDS.get(word.replace("-", "").lower())
    if known is not None:
        return known
    parts = word.split("-")
    if not all(
        part.lower() in _CHINESE_SPELLED or (_SPELLED.match(part) and part not in _SAID_AS_WORDS) for part in parts
    ):
        return ""
    letters = "".join("APP" if part == "apps" else re.sub(r"(?<=[A-Z])s$", "", part) for part in parts).upper()
    return " ".join(_CHINESE_LETTERS[letter] for letter in letters)


def _spell(word: str) -> str:
    """An abbreviation letter by letter, as one word stressed on its last letter; a small s behind it is a plural."""
    letters = word.rstrip("s")
    sounds = [_LETTERS[letter] for letter in letters]
    spoken = [sound.replace("ˈ", "ˌ") for sound in sounds[:-1]] + sounds[-1:]
    return "".join(spoken) + ("z" if word.endswith("s") else "")


def _join(out: list[str], phonemes: str) -> None:
    """Adds a word's phonemes, with a space before them unless they begin the text or follow an opening bracket."""
    if out and not out[-1].endswith((" ", "(", "“")):
        out.append(" ")
    out.append(phonemes)
