"""Text as a model writes it → text as a person reads it aloud, in Chinese or English.

Marks of Markdown and HTML, emoji and links vanish or become words; numbers, dates, times, sums of money and units are
written out in the language of the sentence. What stays are words and the punctuation a voice needs.
"""

from __future__ import annotations

import html
import re
from typing import Literal

from mien.speech import numbers_en, numbers_zh

Language = Literal["zh", "en"]

_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_IMAGE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>")
_LINE_MARK = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>+[ \t]?|[-*+•·▪][ \t]+|\|)", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:[-*_=][ \t]*){3,}$|^[ \t|:+-]*-{3,}[ \t|:+-]*$", re.MULTILINE)
_LIST_NUMBER = re.compile(r"^[ \t]*(\d{1,2})[.)][ \t]+", re.MULTILINE)
_EMPHASIS = re.compile(r"(\*{1,3}|_{2,3}|~~|`+)(?=\S)(.+?)(?<=\S)\1", re.DOTALL)
_UNDERLINED = re.compile(r"(?<![\w])_(?=\S)(.+?)(?<=\S)_(?![\w])", re.DOTALL)
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\U0001fb00-\U0001fbff\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u2500-\u27bf\u2900-\u297f"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\ufe0e\ufe0f\u200d\u20e3\U000e0020-\U000e007f]+"
)
_EMOTICON = re.compile(r"(?<![\w:;])[:;=8][-^']?[)(DPpOo3|/\\](?![\w/])|\^_\^|>_<|T_T|(?<!\w)xD(?!\w)")
_INVISIBLE = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\u00ad]")
_URL = re.compile(
    r"\b(?:https?://|www\.)([^\s<>()（），。！？；]+)|\b((?:[a-z0-9-]+\.)+(?:com|org|net|io|cn|ai|dev))\b(\S*)",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"\b([\w.+-]+)@([\w-]+(?:\.[\w-]+)+)\b")
_SYMBOLS: dict[Language, dict[str, str]] = {
    "zh": {
        "&": "和", "+": "加", "=": "等于", "@": "艾特", "×": "乘", "÷": "除以", "≈": "约等于", "≥": "大于等于",
        "≤": "小于等于",
    },
    "en": {
        "&": " and ", "+": " plus ", "=": " equals ", "@": " at ", "×": " times ", "÷": " divided by ", "≈": " about ",
        "≥": " at least ", "≤": " at most ",
    },
}  # fmt: skip
_SPACES = re.compile(r"[ \t\u00a0\u3000]+")
_FULL_WIDTH = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_FULL_WIDTH |= {ord("％"): ord("%"), ord("＄"): ord("$"), ord("＋"): ord("+"), ord("．"): ord("."), ord("／"): ord("/")}


def language_of(text: str, default: Language = "zh") -> Language:
    """The language a text is mostly written in; `default` when it has no letters."""
    han = len(_HAN.findall(text))
    words = len(_LATIN_WORD.findall(text))
    if not han and not words:
        return default
    # A Chinese character is about as much as two thirds of an English word.
    return "zh" if han * 2 >= words * 3 else "en"


def speakable(text: str, language: Language) -> str:
    """`text` as it is read aloud in `language`. Empty if there is nothing to say."""
    text = plain(text)
    text = _web(text, language)
    text = numbers_zh.read(text) if language == "zh" else numbers_en.read(text)
    text = _symbols(text, language)
    text = _SPACES.sub(" ", text)
    text = re.sub(r" *\n+ *", lambda _: "\n", text).strip()
    text = re.sub(r"([^\s,.!?;:，。！？；：…])\n", r"\1. " if language == "en" else r"\1。", text).replace("\n", " ")
    return text if re.search(r"[^\W_]", text) else ""


def plain(text: str) -> str:
    """`text` without markup, emoji and invisible characters; the words are untouched."""
    text = html.unescape(_INVISIBLE.sub("", text)).translate(_FULL_WIDTH)
    text = _FENCE.sub(" ", text)
    text = _IMAGE.sub(r"\1", text)
    text = _LINK.sub(r"\1", text)
    text = _TAG.sub(" ", text)
    text = _RULE.sub("", text)
    text = _LINE_MARK.sub("", text)
    text = _LIST_NUMBER.sub(r"\1. ", text)
    for _ in range(2):
        text = _EMPHASIS.sub(r"\2", text)
    text = _UNDERLINED.sub(r"\1", text)
    text = _EMOTICON.sub(" ", _EMOJI.sub(" ", text))
    return re.sub(r"[*`#|\\^{}<>\[\]]+|_{2,}|={2,}", " ", text)


def _web(text: str, language: Language) -> str:
    dot, at, slash = ("点", "艾特", "斜杠") if language == "zh" else ("dot", "at", "slash")

    def address(match: re.Match[str]) -> str:
        found = match[1] or match[2] + match[3]
        host = re.split(r"[/?#]", found.rstrip(".,;:!?"), maxsplit=1)[0].removeprefix("www.")
        tail = found[len(found.rstrip(".,;:!?")) :]
        return host.replace(".", f" {dot} ") + tail

    text = _EMAIL.sub(lambda m: f"{m[1].replace('.', f' {dot} ')} {at} {m[2].replace('.', f' {dot} ')}", text)
    return _URL.sub(address, text).replace("://", f" {slash} ")


def _symbols(text: str, language: Language) -> str:
    words = _SYMBOLS[language]
    for symbol, word in words.items():
        text = text.replace(symbol, word)
    text = re.sub(r"(?<=\w)/(?=\w)", "或" if language == "zh" else " ", text)
    text = re.sub(r"[/_~^$€£¥￥%°§©®™¶†‡•·]", " ", text)
    text = re.sub(r"\.{3,}|。{2,}|…+", "…", text)
    text = re.sub(r"[—–-]{2,}", "—", text)
    return re.sub(r"([!！?？])[!！?？]+", r"\1", text)
