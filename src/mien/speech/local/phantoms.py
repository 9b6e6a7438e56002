"""What Whisper is known to "hear" in silence, noise and music, and how it is told from speech.

The model was trained on subtitles, so where nobody speaks it writes what subtitles say there: thanks for watching,
requests to subscribe, names of subtitlers. Sentences nobody says to a digital human are always dropped; those somebody
might say ("thank you") only when the model itself was unsure that it heard speech.
"""

from __future__ import annotations

import re

_ALWAYS = re.compile(
    r"thank(s| you)( so much| very much)? for watching"
    r"|(please )?(don't forget to )?(like and )?subscribe( to (my|our|the) channel)?"
    r"|see you in the next video( bye)?"
    r"|(english )?subtitles? by .*|captions? by .*|transcribed by .*|translated by .*|www\..*"
    r"|请不吝点赞.*|.*点赞.{0,6}订阅.*|.*订阅.{0,6}(频道|转发|打赏).*|.*明镜与?点点栏目.*"
    r"|(中文)?字幕(由|by|志愿者|提供|制作|组).*|.*amara\.?\s?org.*|.*字幕志愿者.*"
    r"|(感谢|谢谢)(大家|您|你们)?(的)?(观看|收看|收听).*|下(期|集)(节目|视频)?再见|优优独播剧场.*|.*yoyo television.*"
    r"|(词曲|作词|作曲|编曲)\s.{1,20}",
    re.IGNORECASE,
)
_WHEN_UNSURE = frozenset(
    (
        *("you", "thank you", "thanks", "see you next time", "bye", "bye bye", "okay", "ok", "oh", "so", "um", "uh"),
        *("hmm", "mm", "the", "i", "yeah", "music", "applause", "silence", "blank audio"),
        *("谢谢", "谢谢大家", "谢谢你", "嗯", "啊", "哦", "呃", "好", "音乐", "掌声", "字幕", "完", "未完待续"),
        *("再见", "下次再见"),
    )
)
_MARKS = re.compile(r"[\[(（【*♪♫][^\])）】♪♫]*[\])）】*♪♫]|[♪♫]")
_PUNCTUATION = re.compile(r"[^\w\s.'’]|(?<!\w)[.'’]|[.'’](?!\w)|_")

_LOOP = re.compile(r"((?:(?!\d).){2,24}?)(?:[\s,，.。]*\1){3,}")

_SURE_NO_SPEECH = 0.85
_LIKELY_NO_SPEECH = 0.5
_LOW_CONFIDENCE = 0.35
_MAX_LETTERS_PER_S = {"zh": 12.0, "en": 32.0}
"""Faster than anybody speaks: text made up, not heard."""


def clean(text: str, language: str, seconds: float, confidence: float, no_speech: float) -> str:
    """`text` without what was not said; "" when nothing of it was.

    `confidence` is the mean token probability, `no_speech` the model's probability that nobody spoke.
    """
    text = _without_loops(_MARKS.sub(" ", text)).strip()
    bare = bare_words(text)
    if not bare:
        return ""
    if _ALWAYS.fullmatch(bare):
        return ""
    if no_speech > _SURE_NO_SPEECH and confidence < 0.6:
        return ""
    unsure = no_speech > _LIKELY_NO_SPEECH or confidence < _LOW_CONFIDENCE
    if unsure and (bare in _WHEN_UNSURE or (no_speech > _LIKELY_NO_SPEECH and confidence < _LOW_CONFIDENCE)):
        return ""
    if len(bare) > 20 and len(bare) / max(seconds, 0.1) > _MAX_LETTERS_PER_S.get(language, 32.0):
        return ""
    return text


def bare_words(text: str) -> str:
    """Lower-case words without punctuation, single spaces."""
    return " ".join(_PUNCTUATION.sub(" ", text.lower()).split())


def _without_loops(text: str) -> str:
    """Keeps one of something said four or more times in a row (a decoder caught in a loop)."""
    return _LOOP.sub(r"\1", text)
