"""Which engine a spec means, which voice, which language: pure decisions without any model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mien.settings import Settings
from mien.speech.local.whisper import Language
from mien.speech.spec import AsrSpec, LlmSpec, TtsSpec

TRIAL = "zego_test"
"""The trial credential of the compatible service; here it means this server's default engine."""
DEFAULT_VOICES = {"zh": "zf_xiaoxiao", "en": "af_heart"}
_MALE_VOICES = {"zh": "zm_yunxi", "en": "am_michael"}
_LANGUAGE_OF_VOICE = {"z": "zh", "a": "en", "b": "en"}
_NAME_OF_LANGUAGE = {"z": "Chinese", "a": "American English", "b": "British English"}
_NAME_OF_SEX = {"f": "female", "m": "male"}
_SLOWEST, _FASTEST = 0.5, 2.0

_FEMALE = re.compile(r"female|girl|lady|woman|sister|sweet|xiaoxiao|xiaoyi|shaonv|yujie|nv", re.IGNORECASE)
_MALE = re.compile(r"male|boy|(?<![a-z])man|gentleman|brother|yunxi|yunjian|qingse|jingying|badao|nan", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class VoiceChoice:
    """A local voice: a name for each language, a speed factor, and the language ("" follows the text)."""

    names: dict[str, str]
    speed: float = 1.0
    language: str = ""


def name_of_voice(voice: str) -> str:
    """A local voice's name for people.

    >>> name_of_voice("zf_xiaoxiao")
    'Xiaoxiao (Chinese, female)'
    """
    kind, _, name = voice.partition("_")
    words = [_NAME_OF_LANGUAGE.get(kind[:1]), _NAME_OF_SEX.get(kind[1:])]
    return f"{name.title()} ({', '.join(filter(None, words))})" if name and all(words) else voice


def is_local(vendor: str) -> bool:
    """Whether a vendor name means this server's own engine."""
    return vendor.strip().lower() in ("", "local")


def is_trial(spec: TtsSpec) -> bool:
    """Whether a voice's credentials are the trial ones."""
    app = next((value for name, value in spec.params.items() if name.lower() == "app"), None)
    values = app.values() if isinstance(app, dict) else (app,)
    return any(isinstance(value, str) and value.strip().lower() == TRIAL for value in values)


def voice_of(spec: TtsSpec, defaults: Mapping[str, str]) -> VoiceChoice:
    """The local voice for a spec. Of another vendor's parameters it takes the speaker's sex and the speed.

    `defaults`: voices by language, e.g. those of a digital human; what is missing comes from this server's own.
    """
    params = spec.params
    names = {**DEFAULT_VOICES, **{key: value for key, value in defaults.items() if key in DEFAULT_VOICES and value}}
    if is_local(spec.vendor):
        wished = _find(params, "voice")
        if isinstance(wished, dict):
            names |= {key: str(value) for key, value in wished.items() if key in names and value}
        elif isinstance(wished, str) and wished:
            own = _LANGUAGE_OF_VOICE.get(wished[:1], "zh")
            other = "en" if own == "zh" else "zh"
            names[own] = wished
            if wished[1:2] == "m":
                names[other] = _MALE_VOICES[other]
        language = _find(params, "language")
        spoken = str(language).lower()[:2] if isinstance(language, str) else ""
        return VoiceChoice(names, _speed(_find(params, "speed")), spoken if spoken in names else "")
    speaker = next(filter(None, (_find(params, key) for key in ("speaker", "voice_id", "voice_type", "voice"))), "")
    if isinstance(speaker, str) and not defaults and _MALE.search(speaker) and not _FEMALE.search(speaker):
        names |= _MALE_VOICES
    return VoiceChoice(names, _vendor_speed(params))


def model_of(spec: LlmSpec, settings: Settings) -> LlmSpec:
    """The spec to ask: as it is, or this server's default where it has no URL, the trial key or vendor Local.

    An empty `url` in the answer means the local model.
    """
    trial = spec.api_key.strip().lower() == TRIAL
    if spec.url and not trial and not is_local(spec.vendor or "openaichat"):
        return spec
    # What was meant for another vendor's model may be refused by this one; only the length of the answer is kept.
    params = {key: value for key, value in spec.params.items() if not trial or key == "max_tokens"}
    if not settings.llm_url:
        return replace(spec, url="", api_key="", model="", params=params)
    responses = settings.llm_url.rstrip("/").endswith("/responses")
    return replace(
        spec,
        url=settings.llm_url,
        api_key=settings.llm_api_key,
        model=settings.llm_name or ("" if trial else spec.model),
        vendor="OpenAIResponses" if responses else "OpenAIChat",
        params=params,
    )


def language_of(spec: AsrSpec) -> Language:
    """The language a recogniser listens for: the spec's, or that of any vendor's parameters; "auto" where both leave
    it open."""
    if spec.language in ("zh", "en", "auto"):
        return spec.language  # type: ignore[return-value]
    engine = _find(spec.params, "engine_model_type")
    if isinstance(engine, str) and engine:
        found = re.match(r"\d+k_(zh_en|zh|en|yue)?", engine.lower())
        return {"zh": "zh", "yue": "zh", "en": "en"}.get(found[1] if found and found[1] else "", "auto")  # type: ignore[return-value]
    wished = _find(spec.params, "language_hints")
    if wished is None:
        wished = _find(spec.params, "language")
    hints = wished if isinstance(wished, list) else [wished]
    languages = {_spoken(hint) for hint in hints if isinstance(hint, str) and hint}
    return "zh" if languages == {"zh"} else "en" if languages == {"en"} else "auto"


def _spoken(tag: str) -> str:
    name = re.split(r"[-_]", tag.lower())[0]
    return {"yue": "zh", "cmn": "zh", "chinese": "zh", "english": "en"}.get(name, name)


def _speed(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return 1.0
    return float(min(_FASTEST, max(_SLOWEST, value)))


def _vendor_speed(params: Mapping[str, Any]) -> float:
    """Speed as vendors name it: factors (MiniMax, CosyVoice, ByteDance v1) or rates around 0 (ByteDance V3, Aliyun)."""
    for name in ("speed", "speed_ratio", "rate"):
        value = _find(params, name)
        if isinstance(value, int | float) and 0 < value <= 4:
            return _speed(value)
    rate = _find(params, "speech_rate")
    if isinstance(rate, int | float):
        # ByteDance: -50..100 in percent; Aliyun: -500..500 for half to double.
        return _speed(1 + rate / 100) if -50 <= rate <= 100 else _speed(2.0 ** (rate / 500))
    return 1.0


def _find(value: Any, name: str) -> Any:
    """The member `name` anywhere inside nested objects, spelt in any case; None if there is none."""
    return next((found for key, found in _members(value) if key.lower() == name), None)


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key), inner
        for inner in value.values():
            yield from _members(inner)
