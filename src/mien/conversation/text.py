"""From a model's text to what is shown, what is spoken, and what is reported.

The pipeline of the compatible API, in this order: metadata leaves the text, filtered passages stay visible but are
not spoken, a terminator silences the rest of the round, single strings are removed, and what is left is cut into
clauses, so that the voice can begin with the first one while the model is still writing. All of it works on a
stream of arbitrary pieces: a mark may be split over two of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mien.conversation import first_words
from mien.conversation.spec import MetaInfoSpec

_SENTENCE_END = frozenset("。！？!?…；;\n")
_CLAUSE_END = frozenset("，、：,:—")
_CLOSING = frozenset("”’\"')）】」』》")
_DIGIT_JOINTS = frozenset(".,:")
_ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "e.g", "i.e", "no", "jr", "sr", "u.s", "a.m", "p.m"}
)

MIN_CLAUSE_UNITS = 3
"""A clause that ends in a comma must have this many Chinese characters or words: shorter clips are misread."""
MAX_CLAUSE_UNITS = 40
"""A passage without any punctuation is cut at a word boundary after this many units."""
MAX_METADATA_CHARS = 4096
"""An opening mark that is not closed within this many characters was ordinary text."""

_WORD = re.compile(r"[A-Za-z0-9À-ɏ]+(?:['’-][A-Za-z0-9À-ɏ]+)*|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\U00002600-\U000027bf\U0000fe00-\U0000fe0f\U0001f1e6-\U0001f1ff\U0000200d\U000020e3]+"
)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKDOWN = re.compile(r"(\*\*|__|~~|`+|^\s{0,3}#{1,6}\s+|^\s{0,3}>\s?|^\s*[-*+]\s+(?=\S))", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of an answer.

    `display` is what subtitles and memory show, `speech` what the voice reads ("" when all of it is filtered),
    `meta` the metadata that stood in front of it, `ends_sentence` whether a longer pause follows, `style` the metadata
    that holds for its voice: that of its sentence, or of the whole text. Metadata that no text follows comes as a
    clause with neither `display` nor `speech`.
    """

    display: str
    speech: str
    meta: dict[str, Any] = field(default_factory=dict)
    ends_sentence: bool = True
    style: dict[str, Any] = field(default_factory=dict)


def units(text: str) -> int:
    """Length as a voice feels it: words, or single characters of Chinese, Japanese and Korean."""
    return len(_WORD.findall(text))


def estimated_seconds(text: str) -> float:
    """Roughly how long a voice takes to say `text`: 4.5 Chinese characters or 2.8 words a second."""
    words = _WORD.findall(text)
    return sum(0.36 if word[0].isascii() else 0.22 for word in words)


def speakable(text: str) -> str:
    """`text` without what cannot be said: emoji and markdown marks; "" when nothing pronounceable is left."""
    text = _LINK.sub(r"\1", text)
    text = _MARKDOWN.sub("", _EMOJI.sub("", text)).replace("*", "")
    text = re.sub(r"\s+", " ", text).strip()
    return text if _WORD.search(text) else ""


class MetaExtractor:
    """Takes marked JSON objects out of a text stream.

    `push` and `finish` return pieces of plain text and metadata objects in their order. What stands between the
    marks but is no JSON object stays in the text, as does an opening mark that is never closed.
    """

    def __init__(self, spec: MetaInfoSpec | None) -> None:
        self._begin = spec.begin if spec else ""
        self._end = spec.end if spec else ""
        self._held = ""

    def push(self, piece: str) -> list[str | dict[str, Any]]:
        """The next piece of the stream."""
        if not self._begin or not self._end:
            return [piece] if piece else []
        self._held += piece
        out: list[str | dict[str, Any]] = []
        while self._held:
            start = self._held.find(self._begin)
            if start < 0:
                keep = _partial_suffix(self._held, self._begin)
                plain, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
                _add(out, plain)
                break
            end, meta = self._closed(start)
            if end < 0:
                _add(out, self._held[:start])
                self._held = self._held[start:]
                if len(self._held) > MAX_METADATA_CHARS:
                    _add(out, self._held)
                    self._held = ""
                break
            _add(out, self._held[: end if meta is None else start])
            if meta is not None:
                out.append(meta)
            self._held = self._held[end:]
        return out

    def _closed(self, start: int) -> tuple[int, dict[str, Any] | None]:
        """Where the passage that opens at `start` is over (-1: not yet) and what it holds (None: ordinary text)."""
        body = start + len(self._begin)
        end = self._held.find(self._end, body)
        while end >= 0:
            inner = self._held[body:end]
            meta = _json_object(inner)
            # A closing mark may also occur inside the object, as in [[{"path":[[1]]}]].
            if meta is not None or not inner.lstrip().startswith("{"):
                return end + len(self._end), meta
            end = self._held.find(self._end, end + 1)
        return -1, None

    def finish(self) -> list[str | dict[str, Any]]:
        """What was held back, when the stream ends."""
        held, self._held = self._held, ""
        return [held] if held else []


def plain_text(text: str, spec: MetaInfoSpec | None) -> str:
    """`text` without its metadata."""
    extractor = MetaExtractor(spec)
    return "".join(part for part in [*extractor.push(text), *extractor.finish()] if isinstance(part, str))


class ClauseReader:
    """The whole pipeline: pieces of text in, clauses out as soon as they are complete.

    `filters` are the marks of FilterText, `terminator` TerminatorText, `removed` CharacterFilter. With `whole` the text
    is one request to the voice: metadata may also stand at its end, and holds for all of it. Where `openers` are given,
    the first words come as early as `first_words` allows, or when one of the openers is complete.
    """

    def __init__(
        self,
        *,
        meta: MetaInfoSpec | None = None,
        filters: Sequence[tuple[str, str]] = (),
        terminator: str = "",
        removed: Sequence[str] = (),
        whole: bool = False,
        openers: frozenset[str] | None = None,
    ) -> None:
        self._openers = openers
        self._begun = 0
        self._extractor = MetaExtractor(meta)
        self._filters = [pair for pair in filters if pair[0] and pair[1]]
        self._terminator = terminator
        self._removed = [string for string in removed if string]
        self._marks = [begin for begin, _ in self._filters] + ([terminator] if terminator else [])
        self._text = ""
        self._shown: list[str] = []
        self._spoken: list[str] = []
        self._closing_mark = ""
        self._silenced = False
        self._meta: dict[str, Any] = {}
        self._style: dict[str, Any] = {}
        self._whole = whole
        self._parts: list[str | dict[str, Any]] = []

    def push(self, piece: str) -> list[Clause]:
        """The next piece of the stream."""
        parts = self._extractor.push(piece)
        if self._whole:
            self._parts += parts
            return []
        return self._take(parts)

    def finish(self) -> list[Clause]:
        """The rest, when the stream ends."""
        clauses = self._take(_metadata_first([*self._parts, *self._extractor.finish()]))
        clauses += self._scan(final=True)
        clauses += self._cut(ends_sentence=True)
        if self._meta:
            clauses.append(Clause("", "", self._meta))
        return clauses

    def _take(self, parts: list[str | dict[str, Any]]) -> list[Clause]:
        clauses: list[Clause] = []
        for part in parts:
            if isinstance(part, dict):
                clauses += self._scan(final=True)
                clauses += self._cut(ends_sentence=True)
                self._meta = {**self._meta, **part}
                self._style = {**self._style, **part}
            else:
                self._text += part
                clauses += self._scan(final=False)
        return clauses

    def _scan(self, *, final: bool) -> list[Clause]:
        """Reads as much of the buffered text as can be decided, one character or mark at a time."""
        clauses: list[Clause] = []
        while self._text:
            if self._closing_mark:
                if self._text.startswith(self._closing_mark):
                    self._show(self._closing_mark)
                    self._closing_mark = ""
                    continue
                if not final and self._closing_mark.startswith(self._text):
                    break
                self._show(self._text[0])
                continue
            begin = next((pair for pair in self._filters if self._text.startswith(pair[0])), None)
            if begin is not None:
                self._show(begin[0])
                self._closing_mark = begin[1]
                continue
            if self._terminator and self._text.startswith(self._terminator):
                self._silenced = True
            elif not final and any(mark.startswith(self._text) for mark in self._marks):
                break
            # Whether "." ends a sentence, and whether a quotation mark still belongs to it, the next character tells.
            if not final and len(self._text) < 2 and not self._is_opener():
                break
            if not final and self._starting() and first_words.undecided(self._text):
                break
            character, follower = self._text[0], self._text[1:2]
            self._say(character)
            end = self._boundary(character, follower)
            if end:
                clauses += self._cut(ends_sentence=end == "sentence")
        return clauses

    def _starting(self) -> bool:
        """Whether the first clip is still to be cut, and early."""
        return self._openers is not None and self._begun < first_words.WORDS

    def _is_opener(self) -> bool:
        """Whether all there is so far is an opener: nobody waits for what comes behind it."""
        return self._starting() and "".join([*self._shown, self._text]).strip() in (self._openers or ())

    def _show(self, characters: str) -> None:
        self._shown.append(characters)
        self._text = self._text[len(characters) :]

    def _say(self, character: str) -> None:
        self._shown.append(character)
        if not self._silenced:
            self._spoken.append(character)
        self._text = self._text[1:]

    def _boundary(self, character: str, follower: str) -> str:
        """Whether the text read so far ends a "sentence", a "clause", or neither ("")."""
        if follower in _CLOSING and follower:
            return ""
        read = "".join(self._shown)
        opener = read.rstrip("".join(_CLOSING))[-1:] if character in _CLOSING else character
        if opener in _SENTENCE_END:
            return "" if follower and follower in _SENTENCE_END else "sentence"
        spoken = units("".join(self._spoken) or read)
        if opener == ".":
            if follower and not follower.isspace():
                return ""
            word = re.search(r"([A-Za-z.]+)\.$", read)
            if word and (word.group(1).lower() in _ABBREVIATIONS or re.fullmatch(r"[A-Z]", word.group(1))):
                return ""
            return "sentence" if not re.search(r"(?:^|\n)\s*\d+\.$", read) else ""
        if self._starting() and (
            read.strip() in (self._openers or ()) or first_words.begins_phrase(read, self._text, spoken)
        ):
            return "clause"
        if opener in _CLAUSE_END:
            if opener in _DIGIT_JOINTS and follower and not follower.isspace():
                return ""
            return "clause" if spoken >= MIN_CLAUSE_UNITS else ""
        if spoken >= MAX_CLAUSE_UNITS and (character.isspace() or (ord(character) > 0x2E80 and not follower.isascii())):
            return "clause"
        return ""

    def _cut(self, *, ends_sentence: bool) -> list[Clause]:
        display, spoken = "".join(self._shown), "".join(self._spoken)
        if not display.strip():
            # A blank belongs to the clause that follows.
            return []
        self._shown, self._spoken = [], []
        for string in self._removed:
            spoken = spoken.replace(string, "")
        if display.strip() not in (self._openers or ()):
            # What follows an opener is waited for as the first words are.
            self._begun += units(spoken)
        meta, self._meta = self._meta, {}
        style = self._style
        if ends_sentence and not self._whole:
            self._style = {}
        return [Clause(display, speakable(spoken), meta, ends_sentence, style)]


class SentenceReader:
    """Cuts an answer into sentences for `LLMResult`, without metadata."""

    def __init__(self, meta: MetaInfoSpec | None) -> None:
        self._reader = ClauseReader(meta=meta)
        self._open = ""

    def push(self, piece: str) -> list[str]:
        """Sentences that `piece` completed."""
        return self._join(self._reader.push(piece))

    def finish(self) -> list[str]:
        """The last sentence, complete or not."""
        sentences = self._join(self._reader.finish())
        return [*sentences, *self.so_far()]

    def so_far(self) -> list[str]:
        """Takes what is complete up to a clause, when a whole sentence cannot be waited for."""
        text, self._open = self._open.strip(), ""
        return [text] if text else []

    def _join(self, clauses: list[Clause]) -> list[str]:
        sentences: list[str] = []
        for clause in clauses:
            self._open += clause.display
            if clause.ends_sentence:
                sentences += self.so_far()
        return sentences


_BACKCHANNELS = frozenset(
    (
        *("嗯", "嗯嗯", "嗯哼", "哦", "噢", "喔", "啊", "呃", "额", "唔", "哎", "唉"),
        *("诶", "对", "对对", "对对对", "是", "是的", "好", "好的", "行", "哈", "哈哈", "呵呵"),
        *("uh", "um", "umm", "hm", "hmm", "hmmm", "mm", "mmm", "mhm", "mmhmm", "uhhuh", "huh"),
        *("ah", "oh", "yeah", "yep", "yes", "ok", "okay", "right", "aha"),
    )
)


_OBJECTION = re.compile(
    r"等|停|别|不|慢|喂|什么|怎么|为啥|谁|哪|几|吗|呢|你好"
    r"|\b(?:stop|wait|hold|no|not|don't|hey|hello|sorry|excuse|pause|enough|quiet|slow|what|why|who|when|where|how)\b",
    re.IGNORECASE,
)


def objects(text: str) -> bool:
    """Whether the shortest of words, badly understood, still wants the agent to stop: "等一下", "wait", "什么"."""
    return _OBJECTION.search(text) is not None


def is_backchannel(text: str) -> bool:
    """Whether `text` only says "I am listening": "嗯", "uh-huh", "okay" and the like, at most three of them."""
    words = [re.sub(r"[\W_]", "", word).lower() for word in re.split(r"[\s,，。.!！?？、…]+", text)]
    words = [word for word in words if word]
    return 0 < len(words) <= 3 and all(word in _BACKCHANNELS for word in words)


def _metadata_first(parts: list[str | dict[str, Any]]) -> list[str | dict[str, Any]]:
    """`parts` with what stands behind all the text moved in front of it."""
    end = len(parts)
    while end and (isinstance(parts[end - 1], dict) or not str(parts[end - 1]).strip()):
        end -= 1
    return [*(part for part in parts[end:] if isinstance(part, dict)), *parts[:end]]


def _add(out: list[str | dict[str, Any]], text: str) -> None:
    if text:
        out.append(text)


def _partial_suffix(text: str, mark: str) -> int:
    """How many characters at the end of `text` may be the beginning of `mark`."""
    for length in range(min(len(mark) - 1, len(text)), 0, -1):
        if mark.startswith(text[-length:]):
            return length
    return 0


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
