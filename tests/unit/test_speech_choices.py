"""Which engine, voice and language a spec means."""

from __future__ import annotations

from typing import Any

import pytest

from mien.settings import Settings
from mien.speech import choices
from mien.speech.engines import Engines, VendorUnavailableError
from mien.speech.spec import AsrSpec, LlmSpec, TtsSpec


@pytest.mark.parametrize(
    ("params", "language"),
    [
        ({}, "auto"),
        ({"engine_model_type": "16k_zh"}, "zh"),
        ({"engine_model_type": "16k_zh_large"}, "zh"),
        ({"engine_model_type": "16k_zh_en"}, "auto"),
        ({"engine_model_type": "16k_en"}, "en"),
        ({"engine_model_type": "8k_en"}, "en"),
        ({"engine_model_type": "16k_yue"}, "zh"),
        ({"engine_model_type": "16k_ja"}, "auto"),
        ({"engine_model_type": "16k_multi_lang"}, "auto"),
        ({"payload": {"parameters": {"language_hints": ["zh", "en"]}}}, "auto"),
        ({"payload": {"parameters": {"language_hints": ["en"]}}}, "en"),
        ({"session": {"input_audio_transcription": {"language": "zh"}}}, "zh"),
        ({"language": "en-US"}, "en"),
        ({"Language": "zh-CN"}, "zh"),
        ({"language": "auto"}, "auto"),
        ({"corpus": {"boosting_table_id": "x"}}, "auto"),
    ],
)
def test_language_of(params: dict[str, Any], language: str) -> None:
    assert choices.language_of(AsrSpec("Tencent", params)) == language


@pytest.mark.parametrize(
    ("spec", "zh", "en", "speed"),
    [
        (TtsSpec(), "zf_xiaoxiao", "af_heart", 1.0),
        (TtsSpec("Local", params={"voice": "zm_yunjian", "speed": 1.2}), "zm_yunjian", "am_michael", 1.2),
        (TtsSpec("local", params={"voice": {"en": "bf_emma"}}), "zf_xiaoxiao", "bf_emma", 1.0),
        (TtsSpec("Local", params={"speed": 9}), "zf_xiaoxiao", "af_heart", 2.0),
        (
            TtsSpec(
                "ByteDanceV3", params={"req_params": {"speaker": "zh_male_x", "audio_params": {"speech_rate": 50}}}
            ),
            "zm_yunxi",
            "am_michael",
            1.5,
        ),
        (TtsSpec("ByteDanceV3", params={"req_params": {"speaker": "zh_female_vv"}}), "zf_xiaoxiao", "af_heart", 1.0),
        (
            TtsSpec("MiniMax", params={"voice_setting": {"voice_id": "male-qn-qingse", "speed": 0.8}}),
            "zm_yunxi",
            "am_michael",
            0.8,
        ),
        (TtsSpec("Aliyun", params={"voice": "xiaoyun", "speech_rate": 500}), "zf_xiaoxiao", "af_heart", 2.0),
    ],
)
def test_voice_of(spec: TtsSpec, zh: str, en: str, speed: float) -> None:
    voice = choices.voice_of(spec, {})
    assert (voice.names["zh"], voice.names["en"], voice.speed) == (zh, en, speed)


def test_a_digital_humans_voice_is_the_default_but_an_agents_wish_wins() -> None:
    defaults = {"zh": "zm_yunjian", "en": ""}
    assert choices.voice_of(TtsSpec(), defaults).names == {"zh": "zm_yunjian", "en": "af_heart"}
    assert choices.voice_of(TtsSpec("Local", params={"voice": "zf_xiaoyi"}), defaults).names["zh"] == "zf_xiaoyi"


def settings(**given: Any) -> Settings:
    return Settings(**given)


AGENT = LlmSpec(url="https://api.example.com/v1/chat/completions", api_key="k", model="m", params={"max_tokens": 5})


def test_model_of() -> None:
    assert choices.model_of(AGENT, settings()) is AGENT
    assert choices.model_of(LlmSpec(), settings()).url == ""
    local = LlmSpec(url=AGENT.url, vendor="Local")
    assert choices.model_of(local, settings()).url == ""


def test_trial_key_means_this_servers_default() -> None:
    trial = LlmSpec(url=AGENT.url, api_key="zego_test", model="qwen-plus", params={"max_tokens": 5, "thinking": {}})
    assert choices.model_of(trial, settings()).url == ""
    found = choices.model_of(trial, settings(llm_url="http://h/v1/responses", llm_api_key="own", llm_name="big"))
    assert (found.url, found.api_key, found.model, found.vendor) == (
        "http://h/v1/responses",
        "own",
        "big",
        "OpenAIResponses",
    )
    assert found.params == {"max_tokens": 5}


def test_trial_voice() -> None:
    app = {"appid": "zego_test", "token": "zego_test"}
    assert choices.is_trial(TtsSpec("ByteDanceV3", params={"app": app}))
    assert choices.is_trial(TtsSpec("MiniMax", params={"App": {"api_key": "zego_test"}}))
    assert not choices.is_trial(TtsSpec("MiniMax", params={"app": {"api_key": "x"}}))


async def test_a_vendor_that_is_not_here_is_replaced_with_a_notice_or_refused() -> None:
    notices: list[tuple[int, str]] = []
    engines = Engines(settings())
    engines.tts(TtsSpec("MiniMax", params={"app": {"api_key": "x"}}), on_notice=lambda *n: notices.append(n))
    engines.stt(AsrSpec("Tencent"), on_notice=lambda *n: notices.append(n))
    engines.tts(TtsSpec("MiniMax", params={"app": {"api_key": "zego_test"}}), on_notice=lambda *n: notices.append(n))
    assert [code for code, _ in notices] == [2301, 2101]
    assert "MiniMax" in notices[0][1]
    assert "Local" in notices[0][1]
    await engines.close()

    strict = Engines(settings(vendor_fallback=False))
    with pytest.raises(VendorUnavailableError, match="MiniMax") as caught:
        strict.tts(TtsSpec("MiniMax"))
    assert caught.value.code == 2301
    await strict.close()


@pytest.mark.parametrize(("language", "heard"), [("zh", "zh"), ("en", "en"), ("auto", "auto"), ("", "zh")])
async def test_an_instances_language_is_stronger_than_a_vendors_parameters(language: str, heard: str) -> None:
    spec = AsrSpec("Tencent", {"engine_model_type": "16k_zh"}, language=language)
    engines = Engines(settings())
    assert engines.language_of(spec) == heard
    assert engines.stt(spec).language == heard  # type: ignore[attr-defined]
    await engines.close()


async def test_only_a_model_with_an_address_takes_tools() -> None:
    engines = Engines(settings())
    assert not engines.takes_tools(LlmSpec())
    assert not engines.takes_tools(LlmSpec(url="http://x/v1", api_key=choices.TRIAL))
    assert engines.takes_tools(LlmSpec(url="http://x/v1"))
    await engines.close()
    engines = Engines(settings(llm_url="http://x/v1"))
    assert engines.takes_tools(LlmSpec())
    await engines.close()
